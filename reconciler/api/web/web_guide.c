/* web_guide.c: writes the manifests of a first environment, and shows what they would change. A form that is
 * got: nothing is changed, and its address can be kept. */
#include "reconciler/api/web/guide.h"
#include "reconciler/api/web/web_diff.h"
#include "reconciler/api/web/web_pictures.h"

static const struct {
    const char *value, *text;
} places[GUIDE_PLACES] = {
    [GUIDE_LOCAL] = {"local", "processes of this machine"},
    [GUIDE_DOCKER] = {"docker", "containers of this machine (Docker)"},
    [GUIDE_EC2] = {"ec2", "AWS: instances of EC2"},
    [GUIDE_SPOT] = {"spot", "AWS: Spot instances"},
    [GUIDE_FARGATE] = {"fargate", "AWS: Fargate"},
};

static GuidePlace place_of(const WebPage *page)
{
    for (GuidePlace place = 0; place < GUIDE_PLACES; place++)
        if (g_strcmp0(page_query(page, "place"), places[place].value) == 0)
            return place;
    return GUIDE_LOCAL;
}

/* The fields as the form has them: NULL of otherwise: may be left empty. */
static const struct {
    const char *name, *label, *otherwise;
    enum { FOR_ALL, FOR_CONTAINERS, FOR_AWS, FOR_MACHINES } use;
} fields[] = {
    {"source", "Name of the source", "my-project", FOR_ALL},
    {"environment", "Environment", "first", FOR_ALL},
    {"queue", "Queue", "default", FOR_ALL},
    {"definition", "Job definition", "hello", FOR_ALL},
    {"image", "Image", "public.ecr.aws/docker/library/debian:12-slim", FOR_CONTAINERS},
    {"command", "Command", "echo hello", FOR_ALL},
    {"vcpus", "vCPUs of a job", "1", FOR_ALL},
    {"memory", "Memory of a job, in MiB", "512", FOR_ALL},
    {"maxvcpus", "vCPUs at most", "16", FOR_AWS},
    {"region", "Region", "eu-central-1", FOR_AWS},
    {"subnets", "Subnets, with commas between", NULL, FOR_AWS},
    {"groups", "Security groups, with commas between", NULL, FOR_AWS},
    {"types", "Instance types, with commas between", "c6i, m6i", FOR_MACHINES},
    {"instancerole", "Instance role", "muster-instance", FOR_MACHINES},
    {"executionrole", "Execution role (ARN)", NULL, FOR_AWS},
};

static bool is_used(size_t field, GuidePlace place)
{
    switch (fields[field].use) {
    case FOR_ALL: return true;
    case FOR_CONTAINERS: return place != GUIDE_LOCAL;
    case FOR_AWS: return place >= GUIDE_EC2;
    case FOR_MACHINES: return place == GUIDE_EC2 || place == GUIDE_SPOT;
    }
    return false;
}

static bool is_filled(const WebPage *page)
{
    return page_query(page, "write") != NULL;
}

/* Borrowed. What the form begins with, until it is sent. */
static const char *value_of(const WebPage *page, const char *name)
{
    const char *given = page_query(page, name);
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
        if (strcmp(fields[i].name, name) == 0) {
            bool is_new = !g_hash_table_contains(page->query, name);
            return !is_used(i, place_of(page)) ? NULL : given ? given : is_new ? fields[i].otherwise : NULL;
        }
    return NULL;
}

static void files_of(const WebPage *page, GuideFile ret_files[GUIDE_FILES])
{
    const GuideFields given = {.place = place_of(page),
                               .source = value_of(page, "source"),
                               .environment = value_of(page, "environment"),
                               .queue = value_of(page, "queue"),
                               .definition = value_of(page, "definition"),
                               .max_vcpus = value_of(page, "maxvcpus"),
                               .region = value_of(page, "region"),
                               .subnets = value_of(page, "subnets"),
                               .groups = value_of(page, "groups"),
                               .instance_types = value_of(page, "types"),
                               .instance_role = value_of(page, "instancerole"),
                               .execution_role = value_of(page, "executionrole"),
                               .image = value_of(page, "image"),
                               .command = value_of(page, "command"),
                               .vcpus = value_of(page, "vcpus"),
                               .memory_mib = value_of(page, "memory")};
    guide_write(&given, ret_files);
}

void guide_ask(WebPage *page)
{
    GuideFile files[GUIDE_FILES];
    if (page->round > 0 || !is_filled(page))
        return;
    json_t *list = json_array();
    files_of(page, files);
    for (size_t i = 0; i < GUIDE_FILES; i++)
        json_array_append_new(list, json_pack("{s:s,s:s}", "name", files[i].name, "text", files[i].text));
    guide_clear(files);
    page_ask(page, "preview", "preview", json_pack("{s:o}", "files", list));
}

/* ---- the form ---- */

static void show_places(const WebPage *page, Html *html)
{
    html_open(html, "form", "method", "get", "action", "/guide", "class", "filter", NULL);
    html_open(html, "label", NULL);
    html_text(html, "Where jobs run ");
    html_open(html, "select", "name", "place", NULL);
    for (GuidePlace place = 0; place < GUIDE_PLACES; place++)
        html_leaf(html, "option", places[place].text, "value", places[place].value, "selected",
                  place == place_of(page) ? "" : NULL, NULL);
    html_close(html, "select");
    html_close(html, "label");
    html_leaf(html, "button", "Choose", "type", "submit", NULL);
    html_close(html, "form");
}

static void show_fields(const WebPage *page, Html *html)
{
    GuidePlace place = place_of(page);
    html_open(html, "form", "method", "get", "action", "/guide", "class", "guide", NULL);
    html_void(html, "input", "type", "hidden", "name", "place", "value", places[place].value, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (!is_used(i, place))
            continue;
        html_open(html, "label", NULL);
        html_text(html, fields[i].label);
        html_void(html, "input", "name", fields[i].name, "value", value_of(page, fields[i].name),
                  "autocomplete", "off", NULL);
        html_close(html, "label");
    }
    html_leaf(html, "button", "Write the manifests", "type", "submit", "name", "write", "value", "1", NULL);
    html_close(html, "form");
}

/* ---- what came of it ---- */

static void show_faults(Html *html, const json_t *diagnostics)
{
    const json_t *fault;
    size_t i;
    json_array_foreach(diagnostics, i, fault)
    {
        const char *path = member_of(fault, "path"), *detail = member_of(fault, "detail");
        bool is_error = g_strcmp0(member_of(fault, "severity"), "error") == 0;
        html_open(html, "p", "class", is_error ? "note bad" : "note wait", NULL);
        html_format(html, "%s:%" G_GINT64_FORMAT ": %s%s%s%s%s", member_of(fault, "file"),
                    number_of(fault, "line"), path ? path : "", path ? ": " : "", member_of(fault, "message"),
                    detail ? ": " : "", detail ? detail : "");
        html_close(html, "p");
    }
}

static void show_plan(const WebPage *page, Html *html)
{
    const json_t *preview = page_got(page, "preview"), *plan = json_object_get(preview, "plan");
    html_leaf(html, "h2", "What they would change here", NULL);
    if (page_refusal(page, "preview")) {
        piece_note(html, "wait", page_refusal(page, "preview"));
        return;
    }
    show_faults(html, json_object_get(preview, "diagnostics"));
    if (!plan) {
        piece_note(html, "bad", member_of(preview, "message"));
        return;
    }
    g_autofree char *summary = diff_summary(json_object_get(plan, "summary"));
    g_autofree char *text = g_strdup_printf("Plan: %s. Nothing is changed until it is applied.", summary);
    html_leaf(html, "p", text, NULL);
    diff_write(html, plan);
}

static void show_files(const WebPage *page, Html *html)
{
    GuideFile files[GUIDE_FILES];
    files_of(page, files);
    html_leaf(html, "h2", "The files to commit", NULL);
    for (size_t i = 0; i < GUIDE_FILES; i++) {
        html_leaf(html, "h3", files[i].name, NULL);
        html_leaf(html, "pre", files[i].text, "class", "log", "tabindex", "0", "role", "region", "aria-label",
                  files[i].name, NULL);
    }
    html_leaf(
        html, "p",
        "Put them into a directory, commit them, and run muster apply there; or let a daemon follow the "
        "repository. muster submit then runs the job definition in the queue.",
        NULL);
    guide_clear(files);
}

void guide_show(WebPage *page, Html *html)
{
    piece_heading(html, "First environment",
                  "Writes the manifests of an environment, a queue and a job definition, and shows what they "
                  "would change. Nothing is changed here: manifests are committed by you.");
    show_places(page, html);
    show_fields(page, html);
    if (!is_filled(page))
        return;
    show_plan(page, html);
    show_files(page, html);
}
