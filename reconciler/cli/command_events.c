#include <poll.h>
#include "reconciler/cli/listing.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/session.h"

#define PAGE            1000
#define POLL_MS         20000
#define OFFLINE_LOOK_MS 500
#define LIMIT_DEFAULT   100

static json_t *fetch(Session *session, json_int_t after, int64_t timeout_ms, GError **error)
{
    json_t *request =
        json_pack("{s:I,s:i,s:I}", "after", after, "limit", PAGE, "timeoutMs", (json_int_t)timeout_ms);
    return backend_call(session->backend, "events", request, error);
}

/* The newest `limit` events after `after`, oldest first; NULL with error. */
static json_t *fetch_newest(Session *session, json_int_t after, int64_t limit, json_int_t *ret_last,
                            GError **error)
{
    json_t *newest = json_array();
    size_t count;
    do {
        json_t *answer = fetch(session, after, 0, error);
        if (!answer) {
            json_decref(newest);
            return NULL;
        }
        const json_t *events = json_object_get(answer, "events");
        count = json_array_size(events);
        json_array_extend(newest, (json_t *)(uintptr_t)events);
        after = member_integer(answer, "last");
        json_decref(answer);
        while ((int64_t)json_array_size(newest) > limit + PAGE)
            json_array_remove(newest, 0);
    } while (count == PAGE);
    while ((int64_t)json_array_size(newest) > limit)
        json_array_remove(newest, 0);
    *ret_last = after;
    return newest;
}

/* One JSON object a line, so that a program can read them as they come. */
static bool print_events(const Options *options, const json_t *events)
{
    g_autoptr(GString) out = g_string_new(NULL);
    OutputFormat format = output_format(options->output);
    size_t index;
    json_t *event;
    if (format == OUTPUT_JSON) {
        json_array_foreach(events, index, event)
        {
            char *line = json_dumps(event, JSON_COMPACT);
            g_string_append_printf(out, "%s\n", line);
            free(line);
        }
    } else if (format == OUTPUT_YAML) {
        json_array_foreach(events, index, event)
        {
            g_string_append(out, "---\n");
            yaml_append(event, 0, out);
        }
    } else {
        ListStyle style = list_style(options->output);
        list_events(events, &style, out);
    }
    return output_string(out);
}

static bool pause_offline(const Invocation *invocation)
{
    struct pollfd fd = {.fd = interrupt_fd(invocation->interrupt), .events = POLLIN};
    return poll(&fd, 1, OFFLINE_LOOK_MS) == 0;
}

/* Until a signal comes or nobody reads. */
static int follow(Invocation *invocation, Session *session, json_int_t last)
{
    g_autoptr(GError) error = NULL;
    while (true) {
        json_t *answer = fetch(session, last, POLL_MS, &error);
        if (!answer)
            return session_fail(invocation, error, NULL);
        last = member_integer(answer, "last");
        bool is_read = print_events(&invocation->options, json_object_get(answer, "events"));
        json_decref(answer);
        if (!is_read)
            return EXIT_OK;
        if (backend_is_offline(session->backend) && !pause_offline(invocation))
            return 128 + interrupt_signal(invocation->interrupt);
    }
}

static int run(Invocation *invocation)
{
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    const Options *options = &invocation->options;
    int64_t after = 0, limit = options->after ? INT64_MAX / 2 : LIMIT_DEFAULT;
    json_int_t last = 0;
    if (!option_integer("after", options->after, 0, INT64_MAX, &after, &error) ||
        !option_integer("limit", options->limit, 0, INT64_MAX / 2, &limit, &error))
        return report_error(error);
    if (options->follow)
        invocation_interrupt(invocation);
    if (!session_open_here(invocation, BACKEND_READ, &session, &error))
        return report_error(error);
    json_t *events = fetch_newest(&session, after, limit, &last, &error);
    if (!events)
        return report_error(error);
    bool is_read = print_events(options, events);
    json_decref(events);
    backend_note_age(session.backend);
    int code = options->follow && is_read ? follow(invocation, &session, last) : EXIT_OK;
    return session_close(&session, code);
}

static const OptionSpec options[] = {
    {"follow", 'f', OPTION_FLAG, OPTION(follow), NULL, "go on with what happens next", NULL},
    {"limit", 0, OPTION_TEXT, OPTION(limit), "N", "the newest N (default 100)", NULL},
    {"after", 0, OPTION_TEXT, OPTION(after), "SEQUENCE", "all that came after this one", NULL},
    OPTION_OUTPUT,
};

const Command command_events = {
    .name = "events",
    .group = GROUP_LOOKING,
    .arguments = "",
    .summary = "what happened",
    .description =
        "Prints what happened to jobs, resources, applies and sources, oldest first; with -f it goes on with "
        "what happens. "
        "With -o json each event is one object on one line; its sequence number can be given to --after.",
    .examples = "muster events -f\twatch\n"
                "muster events -o json --after 4211\twhat a program has not seen yet",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .exits = 0,
    .run = run,
};
