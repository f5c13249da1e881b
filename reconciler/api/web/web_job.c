/* web_job.c: a job: the line of its life, why it waits or what it waited for, attempts, its log. */
#include "reconciler/api/web/web_view.h"
#include "spec/base/units.h"

#define LOG_LINES      200
#define LOG_REFRESH_MS 2000

/* ---- asking ---- */

static const json_t *job_of(const WebPage *page)
{
    return json_object_get(page_got(page, "job"), "job");
}

static const json_t *batch_job_of(const WebPage *page)
{
    return json_array_get(json_object_get(page_got(page, "batch"), "jobs"), 0);
}

/* The stream of the attempt that is asked for, or of the newest; new string, NULL: nothing was begun. */
static char *stream_of(const WebPage *page)
{
    const char *newest = member_of(json_object_get(batch_job_of(page), "container"), "logStreamName");
    const char *attempt = page_query(page, "attempt"), *dot = newest ? strrchr(newest, '.') : NULL;
    int64_t number;
    if (!dot || !attempt || !integer_parse(view_from(attempt), &number))
        return g_strdup(newest);
    return g_strdup_printf("%.*s.%" G_GINT64_FORMAT, (int)(dot - newest), newest, number);
}

static void ask_log(WebPage *page)
{
    g_autofree char *stream = stream_of(page);
    if (!stream)
        return;
    json_t *request = json_pack("{s:s,s:s,s:i}", "logGroupName", "/aws/batch/job", "logStreamName", stream,
                                "limit", LOG_LINES);
    if (page_query(page, "log"))
        json_object_set_new(request, "nextToken", json_string(page_query(page, "log")));
    page_ask(page, "log", "getlogevents", request);
}

static void ask_batch(WebPage *page)
{
    const char *id = member_of(job_of(page), "jobId");
    if (id)
        page_ask(page, "batch", "describejobs", json_pack("{s:[s]}", "jobs", id));
}

void job_ask(WebPage *page)
{
    if (page->round == 0)
        page_ask(page, "job", "explain", json_pack("{s:s}", "job", page->rest));
    else if (page->round == 1)
        ask_batch(page);
    else if (page->round == 2)
        ask_log(page);
}

/* ---- its life ---- */

static bool is_ended(const char *state)
{
    return g_strcmp0(state, "SUCCEEDED") == 0 || g_strcmp0(state, "FAILED") == 0;
}

/* A step of the line: what happened, when, and how long it lasted until the next one. */
static void life_step(Html *html, const WebPage *page, const char *state, int64_t at_ms, int64_t until_ms)
{
    if (at_ms <= 0)
        return;
    g_autofree char *span = span_text((until_ms ? until_ms : page->now_ms) - at_ms);
    g_autofree char *at = time_text(at_ms);
    html_open(html, "li", "class", piece_state_class(state), NULL);
    piece_state(html, state);
    html_leaf(html, "span", at, "class", "at", NULL);
    html_leaf(html, "span", is_ended(state) ? NULL : span, "class", "for", NULL);
    html_close(html, "li");
}

static void show_life(Html *html, const WebPage *page, const json_t *job, const json_t *explanation)
{
    const char *state = member_of(job, "status");
    int64_t created_ms = number_of(job, "createdAt"), started_ms = number_of(job, "startedAt");
    int64_t stopped_ms = number_of(job, "stoppedAt"), runnable_ms = number_of(explanation, "runnableSince");
    int64_t begun_ms = started_ms ? started_ms : stopped_ms;
    html_leaf(html, "h2", "Its life", NULL);
    html_open(html, "ol", "class", "life", NULL);
    life_step(html, page, "SUBMITTED", created_ms, runnable_ms ? runnable_ms : begun_ms);
    life_step(html, page, "RUNNABLE", runnable_ms, begun_ms);
    if (g_strcmp0(state, "STARTING") == 0)
        life_step(html, page, "STARTING", page->now_ms, 0);
    life_step(html, page, "RUNNING", started_ms, stopped_ms);
    if (is_ended(state))
        life_step(html, page, state, stopped_ms ? stopped_ms : created_ms, 0);
    html_close(html, "ol");
}

/* ---- waiting ---- */

static void show_dependencies(Html *html, const json_t *job)
{
    const json_t *depends = json_object_get(job, "dependsOn"), *at;
    size_t i;
    if (json_array_size(depends) == 0)
        return;
    html_open(html, "p", NULL);
    html_text(html, "It depends on ");
    json_array_foreach(depends, i, at)
    {
        const char *id = member_of(at, "jobId"), *type = member_of(at, "type");
        g_autofree char *path = html_path("/jobs/", id ? id : "", NULL);
        html_text(html, i ? ", " : "");
        html_leaf(html, "a", id ? id : "itself", "href", id ? path : NULL, "class", "id", NULL);
        if (type)
            html_format(html, " (%s)", type);
    }
    html_text(html, ".");
    html_close(html, "p");
}

static void show_place(Html *html, const json_t *explanation)
{
    int64_t ahead = number_of(explanation, "ahead");
    bool is_more = json_is_true(json_object_get(explanation, "aheadMore"));
    const char *queue = member_of(explanation, "queue");
    g_autofree char *number = number_text(ahead), *path = html_path("/queues/", queue ? queue : "", NULL);
    if (!json_object_get(explanation, "ahead"))
        return;
    html_open(html, "p", NULL);
    html_format(html, "%s%s ahead of it in queue ", is_more ? "More than " : "", number);
    html_leaf(html, "a", queue, "href", path, NULL);
    html_text(html, ".");
    html_close(html, "p");
}

static void show_waiting(Html *html, const json_t *job, const json_t *explanation)
{
    int64_t started_ms = number_of(job, "startedAt"), created_ms = number_of(job, "createdAt");
    bool waits =
        json_object_get(explanation, "ahead") || json_array_size(json_object_get(explanation, "waitsFor"));
    html_leaf(html, "h2", waits ? "Why it waits" : "What it waited for", NULL);
    show_dependencies(html, job);
    if (waits) {
        reason_list(html, explanation);
        show_place(html, explanation);
        return;
    }
    if (!started_ms) {
        html_leaf(html, "p", member_of(job, "waiting") ? member_of(job, "waiting") : "It was never started.",
                  NULL);
        return;
    }
    g_autofree char *span = span_text(started_ms - created_ms);
    html_open(html, "p", NULL);
    html_format(html, "It was started %s after it was submitted.", span);
    html_close(html, "p");
}

/* ---- attempts ---- */

static void show_attempt(Html *html, const WebPage *page, const json_t *attempt)
{
    int64_t started_ms = number_of(attempt, "startedAt"), stopped_ms = number_of(attempt, "stoppedAt");
    g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, number_of(attempt, "attempt"));
    g_autofree char *path = g_strdup_printf("?attempt=%s#log", number), *at = time_text(started_ms);
    g_autofree char *span =
        started_ms ? span_text((stopped_ms ? stopped_ms : page->now_ms) - started_ms) : NULL;
    const json_t *code = json_object_get(attempt, "exitCode");
    const char *reason = member_of(attempt, "statusReason"), *instance = member_of(attempt, "instance");
    g_autofree char *code_text =
        code ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(code)) : NULL;
    html_open(html, "tr", NULL);
    piece_link_cell(html, path, number);
    piece_cell(html, member_of(attempt, "environment"));
    piece_cell(html, instance ? instance : member_of(attempt, "task"));
    piece_cell(html, started_ms ? at : NULL);
    piece_number_text(html, span);
    piece_number_text(html, code_text);
    piece_cell(html, member_of(attempt, "reason") ? member_of(attempt, "reason") : reason);
    html_close(html, "tr");
}

static void show_attempts(Html *html, const WebPage *page, const json_t *job)
{
    static const char *const columns[] = {"Attempt",  "Environment", "Where",        "Started",
                                          "#Ran for", "#Exit code",  "What is said", NULL};
    const json_t *attempts = json_object_get(job, "attempts"), *attempt;
    size_t i;
    html_leaf(html, "h2", "Attempts", NULL);
    if (json_array_size(attempts) == 0) {
        piece_nothing(html, "Nothing was started yet.");
        return;
    }
    piece_table(html, "Attempts: where each ran, and how it ended", columns);
    json_array_foreach(attempts, i, attempt)
    {
        show_attempt(html, page, attempt);
    }
    piece_table_end(html);
}

/* ---- the log ---- */

static void show_lines(Html *html, const json_t *events)
{
    const json_t *event;
    size_t i;
    html_open(html, "pre", "class", "log", "tabindex", "0", "data-follow", "", "role", "region", "aria-label",
              "What it printed", "id", "lines", NULL);
    json_array_foreach(events, i, event)
    {
        const json_t *line = json_object_get(event, "message");
        html_text_len(html, json_string_value(line) ? json_string_value(line) : "", json_string_length(line));
        html_text(html, "\n");
    }
    html_close(html, "pre");
}

static void show_log(Html *html, const WebPage *page, const json_t *job)
{
    const json_t *log = page_got(page, "log"), *events = json_object_get(log, "events");
    const char *id = member_of(job, "jobId");
    html_leaf(html, "h2", "Log", "id", "log", NULL);
    if (!log && !page_refusal(page, "log")) {
        piece_nothing(html, "There is no log: nothing was started yet.");
        return;
    }
    if (!log) {
        html_open(html, "p", "class", "nothing", NULL);
        html_format(html, "It is not kept on this machine: muster logs %s shows it.", id ? id : "");
        html_close(html, "p");
        return;
    }
    if (json_array_size(events) == 0) {
        piece_nothing(html, page_query(page, "log") ? "There is nothing before." : "It has printed nothing.");
        return;
    }
    show_lines(html, events);
    if (json_array_size(events) >= LOG_LINES && member_of(log, "nextBackwardToken"))
        more_link(html, page, "Older lines", "log", member_of(log, "nextBackwardToken"));
}

/* ---- what it is ---- */

static void show_fact(Html *html, const char *name, const char *value)
{
    if (!value)
        return;
    html_leaf(html, "dt", name, NULL);
    html_leaf(html, "dd", value, NULL);
}

static char *command_text(const json_t *container)
{
    const json_t *part;
    size_t i;
    g_autoptr(GString) text = g_string_new(NULL);
    json_array_foreach(json_object_get(container, "command"), i, part)
    {
        const char *word = json_string_value(part);
        bool is_plain = word && *word && !strpbrk(word, " \t\n'\"\\$&;|<>()*?`");
        g_autofree char *quoted = is_plain ? g_strdup(word) : g_shell_quote(word ? word : "");
        g_string_append_printf(text, "%s%s", i ? " " : "", quoted);
    }
    return text->len ? g_strdup(text->str) : NULL;
}

static const char *unit_of(const char *type)
{
    if (g_strcmp0(type, "MEMORY") == 0)
        return "MiB";
    return g_strcmp0(type, "VCPU") == 0 ? "vCPU" : type ? type : "";
}

static char *needs_text(const json_t *container)
{
    const json_t *need;
    size_t i;
    g_autoptr(GString) text = g_string_new(NULL);
    json_array_foreach(json_object_get(container, "resourceRequirements"), i, need)
    {
        const char *type = member_of(need, "type"), *value = member_of(need, "value");
        g_string_append_printf(text, "%s%s %s", i ? ", " : "", value ? value : "", unit_of(type));
    }
    return text->len ? g_strdup(text->str) : NULL;
}

static void show_array(Html *html, const json_t *job)
{
    const json_t *array = json_object_get(job, "arrayProperties"), *count;
    const char *id = member_of(job, "jobId"), *state;
    if (!json_object_get(array, "statusSummary"))
        return;
    g_autofree char *escaped = g_uri_escape_string(id ? id : "", NULL, FALSE);
    g_autofree char *path = g_strdup_printf("/jobs?array=%s", escaped),
                    *size = number_text(number_of(array, "size"));
    html_leaf(html, "dt", "Children", NULL);
    html_open(html, "dd", NULL);
    g_autofree char *text = g_strdup_printf("%s children", size);
    html_leaf(html, "a", text, "href", path, NULL);
    json_object_foreach((json_t *)(uintptr_t)json_object_get(array, "statusSummary"), state, count)
    {
        g_autofree char *number = number_text(json_integer_value(count));
        html_text(html, " ");
        piece_state(html, state);
        html_format(html, " %s", number);
    }
    html_close(html, "dd");
}

static void show_facts(Html *html, const json_t *job)
{
    const json_t *container = json_object_get(job, "container");
    g_autofree char *command = command_text(container), *needs = needs_text(container);
    html_leaf(html, "h2", "What it is", NULL);
    html_open(html, "dl", "class", "facts", NULL);
    show_fact(html, "Job", member_of(job, "jobId"));
    show_fact(html, "Queue", member_of(job, "queue"));
    show_fact(html, "Definition", member_of(job, "definition"));
    show_fact(html, "Image", member_of(container, "image"));
    show_fact(html, "Command", command);
    show_fact(html, "Needs", needs);
    show_fact(html, "Run", member_of(job, "run"));
    show_fact(html, "Step", member_of(job, "step"));
    show_array(html, job);
    html_close(html, "dl");
}

void job_show(WebPage *page, Html *html)
{
    const json_t *job = job_of(page), *explanation = json_object_get(page_got(page, "job"), "explanation");
    const char *state = member_of(job, "status"), *name = member_of(job, "jobName");
    if (page_fails(page, "job"))
        return;
    page_set_title(page, "Job %s", name ? name : "");
    g_autofree char *title = g_strdup_printf("Job %s", name ? name : "");
    piece_heading(html, title, NULL);
    html_open(html, "p", "class", "lead", NULL);
    piece_state(html, state);
    html_format(html, " %s", member_of(job, "statusReason") ? member_of(job, "statusReason") : "");
    html_close(html, "p");
    show_life(html, page, job, explanation);
    show_waiting(html, job, explanation);
    show_attempts(html, page, job);
    show_log(html, page, job);
    show_facts(html, job);
    if (!is_ended(state) && !page_query(page, "log"))
        page->refresh_ms = LOG_REFRESH_MS;
}
