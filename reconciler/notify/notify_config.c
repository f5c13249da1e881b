#include "reconciler/notify/notify_config.h"
#include "reconciler/world/state.h"
#include <string.h>
#include "reconciler/source/own_file.h"
#include "reconciler/source/source.h"
#include "spec/base/glob.h"
#include "spec/base/units.h"
#include "spec/kinds.h"

#define MAX_AGE_MS      ((int64_t)24 * 60 * 60 * 1000)
#define MAX_PENDING     10000
#define PER_SECOND      50
#define FORGE_SECOND    1
#define HTTP_TIMEOUT_MS 10000
#define EVENT_SOURCE    "muster.batch"
#define EXEC_TIMEOUT_MS 30000

static void destination_config_free(void *data)
{
    DestinationConfig *config = data;
    g_free(config->name);
    g_strfreev(config->events);
    g_strfreev(config->sources);
    g_strfreev(config->command);
    g_free(config->url);
    g_free(config->secret_file);
    g_free(config->secret_env);
    g_free(config->ca_file);
    g_free(config->proxy);
    g_free(config->project);
    g_free(config->context);
    g_free(config->target_url);
    g_free(config->event_source);
    g_free(config);
}

NotifyConfig *notify_config_ref(NotifyConfig *config)
{
    g_atomic_ref_count_inc(&config->references);
    return config;
}

void notify_config_unref(NotifyConfig *config)
{
    if (!config || !g_atomic_ref_count_dec(&config->references))
        return;
    g_ptr_array_unref(config->destinations);
    g_free(config);
}

const DestinationConfig *notify_config_find(const NotifyConfig *config, const char *name)
{
    for (guint i = 0; i < config->destinations->len; i++) {
        const DestinationConfig *one = config->destinations->pdata[i];
        if (strcmp(one->name, name) == 0)
            return one;
    }
    return NULL;
}

const char *destination_kind_name(DestinationKind kind)
{
    static const char *const names[] = {"webhook", "exec", "github", "gitlab"};
    return names[kind];
}

char *destination_place(const DestinationConfig *config)
{
    if (config->kind == DESTINATION_EXEC)
        return g_strdup(config->command[0]);
    return config->url ? g_strndup(config->url, strcspn(config->url, "?#")) : g_strdup("");
}

/* ---- reading ---- */

typedef struct {
    const char *file;
    View text;
    NotifyConfig *config;
    bool is_seen;
    DiagnosticList *diagnostics;
} Reading;

static void report(Reading *reading, const Node *node, const char *message, const char *detail)
{
    document_report(reading->diagnostics, reading->file, reading->text, 1, node->line, node->column, 1,
                    SEVERITY_ERROR, "", message, detail);
}

static char *text_of(const Node *entry, const char *member)
{
    const Node *node = node_get(entry, member);
    return node && node->kind == NODE_STRING ? g_strndup(node->text.data, node->text.len) : NULL;
}

static char **texts_of(const Node *entry, const char *member)
{
    const Node *list = node_get(entry, member);
    if (!list)
        return NULL;
    char **texts = g_new0(char *, list->sequence.len + 1);
    for (size_t i = 0; i < list->sequence.len; i++)
        texts[i] = g_strndup(list->sequence.items[i]->text.data, list->sequence.items[i]->text.len);
    return texts;
}

static int64_t number_of(const Node *entry, const char *member, int64_t otherwise)
{
    const Node *node = node_get(entry, member);
    int64_t value;
    return node && integer_parse(node->text, &value) ? value : otherwise;
}

static int64_t duration_of(Reading *reading, const Node *entry, const char *member, int64_t otherwise)
{
    const Node *node = node_get(entry, member);
    int64_t ms;
    if (!node)
        return otherwise;
    if (duration_parse(node->text, &ms) && ms > 0)
        return ms;
    report(reading, node, "not a duration above 0", "write it as 30s, 5m or 1h");
    return otherwise;
}

/* Neither encrypted nor on this machine. */
static bool is_exposed(const char *url)
{
    static const char *const here[] = {"localhost", "127.0.0.1", "[::1]"};
    if (!g_str_has_prefix(url, "http://"))
        return false;
    const char *host = url + strlen("http://");
    size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    for (size_t i = 0; i < G_N_ELEMENTS(here); i++)
        if (strlen(here[i]) == len && strncmp(host, here[i], len) == 0)
            return false;
    return true;
}

static void take_http(Reading *reading, const Node *node, DestinationConfig *config)
{
    const Node *unencrypted = node_get(node, "allowUnencrypted");
    config->url = text_of(node, "url");
    config->ca_file = text_of(node, "caFile");
    config->proxy = text_of(node, "proxy");
    config->timeout_ms = duration_of(reading, node, "timeout", HTTP_TIMEOUT_MS);
    config->allow_unencrypted = unencrypted && unencrypted->kind == NODE_BOOL && unencrypted->boolean;
    if (config->url && is_exposed(config->url) && !config->allow_unencrypted)
        report(reading, node_get(node, "url"), "whoever is on the way can read what is sent",
               "use https, or set allowUnencrypted: true");
}

/* Exactly one of the two names. */
static void take_secret(Reading *reading, const Node *node, DestinationConfig *config, const char *file,
                        const char *variable)
{
    config->secret_file = text_of(node, file);
    config->secret_env = text_of(node, variable);
    g_autofree char *message = g_strdup_printf("exactly one of %s and %s is needed", file, variable);
    if (!config->secret_file == !config->secret_env)
        report(reading, node, message, NULL);
}

static void take_form(Reading *reading, const Node *node, DestinationConfig *config)
{
    g_autofree char *form = text_of(node, "form"), *source = text_of(node, "eventSource");
    bool is_eventbridge = g_strcmp0(form, "eventbridge") == 0;
    if (is_eventbridge)
        config->event_source = source ? g_steal_pointer(&source) : g_strdup(EVENT_SOURCE);
    else if (source)
        report(reading, node_get(node, "eventSource"), "only the form eventbridge has a source",
               "add form: eventbridge");
}

static void take_webhook(Reading *reading, const Node *node, DestinationConfig *config)
{
    config->kind = DESTINATION_WEBHOOK;
    take_form(reading, node, config);
    take_http(reading, node, config);
    take_secret(reading, node, config, "secretFile", "secretEnv");
}

static void take_exec(Reading *reading, const Node *node, DestinationConfig *config)
{
    config->kind = DESTINATION_EXEC;
    config->command = texts_of(node, "command");
    config->timeout_ms = duration_of(reading, node, "timeout", EXEC_TIMEOUT_MS);
    if (config->command[0][0] != '/')
        report(reading, node_get(node, "command")->sequence.items[0], "not an absolute path",
               "the program is not looked for in PATH");
}

static void take_forge(Reading *reading, const Node *node, DestinationConfig *config)
{
    const Node *github = node_get(node, "github"), *gitlab = node_get(node, "gitlab");
    if (!github == !gitlab) {
        report(reading, node, "exactly one of github and gitlab is needed", NULL);
        return;
    }
    const Node *forge = github ? github : gitlab;
    config->kind = github ? DESTINATION_GITHUB : DESTINATION_GITLAB;
    config->project = text_of(forge, github ? "repository" : "project");
    config->context = text_of(forge, "context");
    config->target_url = text_of(forge, "targetUrl");
    if (!config->context)
        config->context = g_strdup("muster/{source}");
    take_http(reading, forge, config);
    take_secret(reading, forge, config, "tokenFile", "tokenEnv");
}

static void take_way(Reading *reading, const Node *entry, DestinationConfig *config)
{
    const Node *webhook = node_get(entry, "webhook"), *exec = node_get(entry, "exec"),
               *status = node_get(entry, "commitStatus");
    if (!!webhook + !!exec + !!status != 1) {
        report(reading, entry, "exactly one of webhook, exec and commitStatus is needed", NULL);
        return;
    }
    if (webhook)
        take_webhook(reading, webhook, config);
    else if (exec)
        take_exec(reading, exec, config);
    else
        take_forge(reading, status, config);
    if (status && config->events)
        report(reading, node_get(entry, "events"), "a commitStatus has no events",
               "it is told of what its commits come to");
    else if (!status && !config->events)
        report(reading, entry, "which events? `events` is missing", "events: ['*'] for all of them");
}

static void take_entry(Reading *reading, const Node *entry)
{
    DestinationConfig *config = g_new0(DestinationConfig, 1);
    config->name = text_of(entry, "name");
    config->events = texts_of(entry, "events");
    config->sources = texts_of(entry, "sources");
    config->max_age_ms = duration_of(reading, entry, "maxAge", MAX_AGE_MS);
    config->max_pending = number_of(entry, "maxPending", MAX_PENDING);
    bool is_forge = node_get(entry, "commitStatus") != NULL;
    config->max_per_second = number_of(entry, "maxPerSecond", is_forge ? FORGE_SECOND : PER_SECOND);
    if (notify_config_find(reading->config, config->name))
        report(reading, node_get(entry, "name"), "another destination has this name", NULL);
    take_way(reading, entry, config);
    g_ptr_array_add(reading->config->destinations, config);
}

static bool take_document(const Document *document, void *data)
{
    Reading *reading = data;
    SchemaContext rules = {reading->file, reading->text, 1, NULL};
    if (reading->is_seen) {
        report(reading, document->root, "a " NOTIFY_FILE " is one document", NULL);
        return false;
    }
    reading->is_seen = true;
    if (!schema_validate(notify_schema(), document->root, "", &rules, reading->diagnostics))
        return true;
    const Node *list = node_get(document->root, "destinations");
    for (size_t i = 0; i < list->sequence.len; i++)
        take_entry(reading, list->sequence.items[i]);
    return true;
}

static NotifyConfig *config_new(void)
{
    NotifyConfig *config = g_new0(NotifyConfig, 1);
    g_atomic_ref_count_init(&config->references);
    config->destinations = g_ptr_array_new_with_free_func(destination_config_free);
    return config;
}

NotifyConfig *notify_config_parse(View text, const char *file, DiagnosticList *diagnostics)
{
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(NotifyConfig) config = config_new();
    Reading reading = {.file = file, .text = text, .config = config, .diagnostics = diagnostics};
    kinds_init();
    document_parse(text, file, 1, arena, &document_limits_default, take_document, &reading, diagnostics);
    return diagnostic_list_count(diagnostics, SEVERITY_ERROR) ? NULL : g_steal_pointer(&config);
}

NotifyConfig *notify_config_load(const char *path, bool must_exist, GError **error)
{
    g_autofree char *text = NULL;
    size_t len = 0;
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    const OwnFile file = {
        .path = path, .must_exist = must_exist, .why = "it names what is run and where tokens go"};
    if (!own_file_read(&file, &text, &len, error))
        return NULL;
    NotifyConfig *config = text ? notify_config_parse((View){text, len}, path, diagnostics) : config_new();
    if (config)
        return config;
    own_file_broken(diagnostics, "who is to be told", error);
    return NULL;
}

/* ---- what is told ---- */

/* "RUNNING -> FAILED", or "-> FAILED" for a range. */
char *event_name(const EventRecord *event)
{
    static const char dot_state[] = ".state";
    const char *type = event->type.data;
    size_t len = event->type.len, suffix = sizeof dot_state - 1, at = event->message.len;
    if (len <= suffix || memcmp(type + len - suffix, dot_state, suffix) != 0)
        return view_dup(event->type);
    while (at > 0 && (g_ascii_isupper(event->message.data[at - 1]) || event->message.data[at - 1] == '_'))
        at--;
    if (at < 3 || memcmp(event->message.data + at - 3, "-> ", 3) != 0)
        return view_dup(event->type);
    g_autofree char *state = g_ascii_strdown(event->message.data + at, (gssize)(event->message.len - at));
    return g_strdup_printf("%.*s.%s", (int)(len - suffix), type, state);
}

static bool any_matches(char **patterns, View text)
{
    for (char **pattern = patterns; *pattern; pattern++)
        if (glob_matches(*pattern, text))
            return true;
    return false;
}

static bool is_about(const EventRecord *event, const char *name)
{
    static const char beginning[] = "destination ";
    size_t len = sizeof beginning - 1;
    return event->subject.len == len + strlen(name) && memcmp(event->subject.data, beginning, len) == 0 &&
           memcmp(event->subject.data + len, name, strlen(name)) == 0;
}

bool destination_takes(const DestinationConfig *config, const EventRecord *event)
{
    if (config->sources && (event->source.len == 0 || !any_matches(config->sources, event->source)))
        return false;
    if (is_about(event, config->name))
        return false;
    if (!config->events || any_matches(config->events, event->type))
        return true;
    g_autofree char *name = event_name(event);
    return any_matches(config->events, view_from(name));
}
