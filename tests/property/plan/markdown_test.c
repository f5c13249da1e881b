/* Plans whose names, values and messages are whatever they like: as a comment each is at most MARKDOWN_MAX
 * bytes, equal plans give equal bytes, no text breaks out of where it stands, and no private value is in it.
 */
#include "reconciler/plan/plan.h"
#include "spec/base/rng.h"
#include <glib.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS  150
#define SECRET "S3CR3T"

static const char *const pieces[] = {
    "```",
    "\n```\n",
    "````",
    "`",
    "``",
    "|",
    "</details>",
    "<details>",
    "<!--",
    "-->",
    "<b>",
    "&lt;",
    "&",
    "@octocat",
    "@",
    "#1",
    "!2",
    "$x$",
    "[a](http:b)",
    "](",
    "\\",
    "\\\\",
    "\n",
    "\r\n",
    "\t",
    "\n\n# x",
    "***",
    "__",
    "~~",
    "~~~\n",
    "\xff",
    "\xe2\x80\xae",
    "\xe2\x80\xa8",
    "\xc2\x85",
    "www.x.y",
    "https://x.y/z",
    " ",
    "a",
    "name",
    "-- ",
    "\xf0\x9f\x92\xa3",
    "'",
    "\"",
    "%1",
    "^x",
    "{",
    "}",
    ":smile:",
    "-->\n<script>",
    "| a | b |\n",
};

static char *nasty(Rng *rng)
{
    GString *out = g_string_new(NULL);
    size_t len = rng_below(rng, 20) == 0 ? 2000 : rng_below(rng, 8);
    for (size_t i = 0; i < len; i++)
        g_string_append(out, pieces[rng_below(rng, G_N_ELEMENTS(pieces))]);
    if (rng_below(rng, 1000) == 0)
        for (size_t i = 0; i < 70000; i++)
            g_string_append_c(out, "|`<&@x"[rng_below(rng, 6)]);
    return g_string_free(out, FALSE);
}

/* ---- a plan ---- */

typedef struct {
    GStringChunk *texts;
    GArray *resources;
    DiagnosticList *diagnostics;
} World;

static char *keep(World *world, char *text)
{
    char *kept = g_string_chunk_insert(world->texts, text);
    g_free(text);
    return kept;
}

static View keep_json(World *world, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(value);
    View view = view_from(g_string_chunk_insert(world->texts, text));
    free(text);
    return view;
}

static json_t *nasty_json(Rng *rng)
{
    g_autofree char *text = nasty(rng), *valid = g_utf8_make_valid(text, -1);
    return json_string(valid);
}

static json_t *environment(Rng *rng)
{
    json_t *list = json_array();
    for (size_t i = 0, len = rng_below(rng, 4); i < len; i++) {
        g_autofree char *name = g_strdup_printf("V%zu", i),
                        *value = g_strdup_printf(SECRET "%d", (int)rng_below(rng, 3));
        json_array_append_new(list, json_pack("{s:s,s:s}", "name", name, "value", value));
    }
    return list;
}

static View random_spec(World *world, Rng *rng)
{
    json_t *container = json_pack("{s:[o],s:o}", "command", nasty_json(rng), "environment", environment(rng));
    return keep_json(world, json_pack("{s:o,s:{s:o}}", "containerProperties", container, "parameters", "p",
                                      nasty_json(rng)));
}

static Manifest random_manifest(World *world, Rng *rng, size_t index)
{
    g_autofree char *text = nasty(rng), *file = nasty(rng);
    char *name = keep(world, g_strdup_printf("%s%zu", text, index));
    Manifest manifest = {
        .kind = KIND_JOB_DEFINITION,
        .name = view_from(name),
        .file = keep(world, g_strdup_printf("%s%s", rng_below(rng, 2) ? "/home/me/src/" : "", file)),
        .line = (int)rng_below(rng, 100),
        .prune = true};
    manifest.spec = random_spec(world, rng);
    json_t *label = nasty_json(rng);
    manifest.metadata = keep_json(world, json_pack("{s:{s:o}}", "labels", "l", label));
    canonical_digest(manifest.kind, manifest.name, manifest.spec, &manifest.digest);
    return manifest;
}

static void have(World *world, Rng *rng, const Manifest *manifest)
{
    ResourceRecord record = {.kind = manifest->kind,
                             .name = manifest->name,
                             .owner = rng_below(rng, 5) ? VIEW("shop") : VIEW("a|b\n```"),
                             .spec = random_spec(world, rng),
                             .metadata = VIEW("{}"),
                             .file = VIEW("/home/me/src/old.yaml"),
                             .status_reason = view_from(keep(world, nasty(rng))),
                             .phase = rng_below(rng, 4) ? RESOURCE_ACTIVE : RESOURCE_DELETING,
                             .prune = rng_below(rng, 4) != 0,
                             .revision = 1};
    canonical_digest(record.kind, record.name, record.spec, &record.digest);
    g_array_append_val(world->resources, record);
}

static int compare_records(gconstpointer a, gconstpointer b)
{
    return view_compare(((const ResourceRecord *)a)->name, ((const ResourceRecord *)b)->name);
}

static Plan *random_plan(World *world, Rng *rng)
{
    g_autoptr(DiagnosticList) duplicates = diagnostic_list_new();
    ManifestBatch *batch = manifest_batch_new();
    size_t len = rng_below(rng, 15) == 0 ? 700 : rng_below(rng, 30);
    for (size_t i = 0; i < len; i++) {
        Manifest manifest = random_manifest(world, rng, i);
        size_t part = rng_below(rng, 3);
        if (part != 0)
            manifest_batch_add(batch, &manifest);
        if (part != 1)
            have(world, rng, &manifest);
    }
    g_array_sort(world->resources, compare_records);
    g_autoptr(ManifestSet) set = manifest_set_build(&batch, 1, NULL, duplicates);
    g_autofree char *notice = nasty(rng), *with = nasty(rng);
    const char *notices[] = {notice, NULL};
    PlanActual actual = {.resources = (const ResourceRecord *)(void *)world->resources->data,
                         .resources_len = world->resources->len,
                         .source_known = true};
    PlanOptions options = {
        .source_name = "shop", .notices = notices, .compared_with = rng_below(rng, 2) ? with : NULL};
    return plan_build(set, &actual, &options);
}

static void add_diagnostics(World *world, Rng *rng)
{
    for (size_t i = 0, len = rng_below(rng, 3) ? rng_below(rng, 5) : 500; i < len; i++) {
        g_autofree char *file = nasty(rng), *message = nasty(rng), *detail = nasty(rng);
        char *valid[3];
        char *texts[] = {file, message, detail};
        for (size_t n = 0; n < 3; n++)
            valid[n] = g_utf8_make_valid(texts[n], -1);
        Diagnostic diagnostic = {.severity = (Severity)rng_below(rng, 3),
                                 .file = valid[0],
                                 .line = (int)i,
                                 .message = valid[1],
                                 .detail = rng_below(rng, 2) ? valid[2] : NULL};
        diagnostic_list_add(world->diagnostics, &diagnostic);
        g_free(valid[0]);
        g_free(valid[1]);
        g_free(valid[2]);
    }
}

/* ---- what must hold ---- */

/* A line outside of fences, without its code spans; what is escaped is left out, or as a reader sees it. New
 * string. */
typedef enum { ESCAPED_OUT, ESCAPED_SEEN } Escaped;
static char *bare(const char *line, Escaped escaped)
{
    GString *out = g_string_new(NULL);
    for (const char *at = line; *at;) {
        if (*at == '\\' && g_ascii_ispunct(at[1])) {
            g_string_append_c(out, escaped == ESCAPED_SEEN ? at[1] : '.');
            at += 2;
            continue;
        }
        if (*at != '`') {
            g_string_append_c(out, *at++);
            continue;
        }
        size_t ticks = strspn(at, "`");
        const char *end = at + ticks;
        while (*end && !(*end == '`' && strspn(end, "`") == ticks))
            end += *end == '`' ? strspn(end, "`") : 1;
        if (!*end)
            g_error("a code span does not end: %s", line);
        at = end + ticks;
    }
    return g_string_free(out, FALSE);
}

static bool is_of_ours(const char *line)
{
    static const char *const starts[] = {
        "",
        "</details>",
        "**Plan: ",
        "**No plan: ",
        "**No changes",
        "**Refused:** ",
        "**Changes**",
        "**Manifests**",
        "**Pending**",
        "**Kept**",
        "**Unmanaged",
        "**Notes**",
        "Source shop",
        "**Assertion failed:** ",
        "**Schedule:** ",
        "**Cost:** ",
        "Inputs ",
        "Plan id ",
        "- ",
        "| ",
        "<details><summary>",
        "... and ",
    };
    for (size_t i = 1; i < G_N_ELEMENTS(starts); i++)
        if (g_str_has_prefix(line, starts[i]))
            return true;
    return !*line || strstr(line, "found no room in this comment");
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        count++;
    return count;
}

static void check_line(const char *line)
{
    g_autofree char *text = bare(line, ESCAPED_OUT), *seen = bare(line, ESCAPED_SEEN);
    bool is_html = g_str_has_prefix(line, "<details><summary>") || strcmp(line, "</details>") == 0;
    bool is_strong = g_str_has_prefix(line, "**");
    if (!is_of_ours(line))
        g_error("a line that is none of ours: %s", line);
    if (!is_html && (strchr(text, '<') || strchr(text, '>')))
        g_error("HTML: %s", line);
    if (strpbrk(text, "[]") || count_of(text, "*") != (is_strong ? 4u : 0u) || strchr(text, '_'))
        g_error("markup: %s", line);
    if (*line == '|' ? count_of(text, "|") != 5 : strchr(text, '|') != NULL)
        g_error("columns: %s", line);
    for (const char *at = seen; (at = strpbrk(at, "@#!")); at++)
        if (g_ascii_isalnum(at[1]))
            g_error("a mention: %s", line);
    if (g_str_has_prefix(line, "- ") && strstr(text, "://"))
        g_error("a link: %s", line);
}

static void check_structure(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    bool is_fenced = false;
    int depth = 0;
    g_assert_true(g_str_has_prefix(lines[0], "<!-- muster-plan key=") && g_str_has_suffix(lines[0], " -->"));
    g_assert_cmpuint(count_of(lines[0], "--"), ==, 2);
    for (size_t i = 1; lines[i]; i++) {
        const char *line = lines[i];
        if (is_fenced) {
            g_assert_true(*line && strchr("+-!#`", *line));
            if (*line == '`') {
                g_assert_cmpstr(line, ==, "```");
                is_fenced = false;
            }
            continue;
        }
        if (strcmp(line, "```diff") == 0) {
            is_fenced = true;
            continue;
        }
        check_line(line);
        depth += g_str_has_prefix(line, "<details>") - (strcmp(line, "</details>") == 0);
        g_assert_true(depth == 0 || depth == 1);
    }
    g_assert_true(!is_fenced && depth == 0);
}

static void check_comment(const Plan *plan, const PlanRender *render)
{
    g_autoptr(GString) out = g_string_new(NULL), again = g_string_new(NULL);
    plan_render_markdown(plan, render, out);
    plan_render_markdown(plan, render, again);
    g_assert_cmpstr(out->str, ==, again->str);
    g_assert_cmpuint(out->len, <=, MARKDOWN_MAX);
    g_assert_true(g_utf8_validate(out->str, (gssize)out->len, NULL));
    if (strstr(out->str, SECRET))
        g_error("a private value: %.60s", strstr(out->str, SECRET));
    g_assert_null(strstr(out->str, "/home/me"));
    check_structure(out->str);
}

static void test_seed(uint64_t seed)
{
    Rng rng = rng_from_seed(seed);
    World world = {g_string_chunk_new(4096), g_array_new(FALSE, TRUE, sizeof(ResourceRecord)),
                   diagnostic_list_new()};
    g_autoptr(Plan) plan = random_plan(&world, &rng);
    g_autofree char *schedule = nasty(&rng), *cost = nasty(&rng), *inputs_text = nasty(&rng),
                    *next = nasty(&rng), *refused = nasty(&rng), *assertion = nasty(&rng),
                    *inputs = g_strconcat("Inputs ", inputs_text, NULL);
    const char *const assertions[] = {assertion, assertion, NULL};
    PlanForecast forecast = {schedule, cost, inputs, assertions, "{}"};
    add_diagnostics(&world, &rng);
    PlanRender render = {.next_command = rng_below(&rng, 2) ? next : NULL,
                         .forecast = rng_below(&rng, 2) ? &forecast : NULL,
                         .source_name = "shop",
                         .root = "/home/me/src/",
                         .absolute_root = "/home/me/src",
                         .whole_command = next,
                         .refused = rng_below(&rng, 3) == 0 ? refused : NULL,
                         .diagnostics = world.diagnostics};
    check_comment(plan, &render);
    check_comment(NULL, &render);
    diagnostic_list_free(world.diagnostics);
    g_array_unref(world.resources);
    g_string_chunk_free(world.texts);
}

static void test_all(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS"), *one = g_getenv("SEED");
    uint64_t first = one ? g_ascii_strtoull(one, NULL, 10) : 1;
    uint64_t last = one ? first : wanted ? g_ascii_strtoull(wanted, NULL, 10) : SEEDS;
    kinds_init();
    for (uint64_t seed = first; seed <= last; seed++) {
        g_test_message("SEED=%" G_GUINT64_FORMAT, seed);
        test_seed(seed);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/property/markdown", test_all);
    return g_test_run();
}
