#include "reconciler/notify/commit_status.h"
#include "spec/base/one_line.h"
#include "reconciler/world/state.h"
#include <jansson.h>
#include <string.h>
#include "reconciler/source/location.h"
#include "reconciler/source/source.h"

#define PLAN_SHOWN 8

void commit_status_clear(CommitStatus *status)
{
    g_free(status->revision);
    g_free(status->source);
    g_free(status->description);
    *status = (CommitStatus){0};
}

/* ---- from an event ---- */

char *commit_description(const char *text)
{
    return one_line(view_from(text), COMMIT_DESCRIPTION_MAX);
}

static const struct {
    const char *type;
    CommitState state;
    const char *words; /* before the plan's summary; NULL: the event's message stands for itself */
} told[] = {
    {"source.waiting", COMMIT_WAITING, "waits for approval: "},
    {"apply.active", COMMIT_APPLYING, "being applied: "},
    {"apply.converged", COMMIT_CONVERGED, ""},
    {"apply.superseded", COMMIT_SUPERSEDED, NULL},
    {"apply.failed", COMMIT_FAILED, NULL},
    {"source.broken", COMMIT_FAILED, NULL},
    {"source.refused", COMMIT_FAILED, NULL},
    {"source.held", COMMIT_FAILED, NULL},
};

/* A digest of a directory has as many digits as a commit of SHA-256: which it is, the location says. */
static bool is_commit(View revision)
{
    if (revision.len != 40 && revision.len != 64)
        return false;
    for (size_t i = 0; i < revision.len; i++)
        if (!g_ascii_isxdigit(revision.data[i]))
            return false;
    return true;
}

static json_int_t count_of(const json_t *summary, const char *action)
{
    return json_integer_value(json_object_get(summary, action));
}

/* "2 to add, 1 to change, 0 to destroy; plan 7f3a9c01": a replacement is added and destroyed, as in a plan.
 */
static char *summary_text(const EventRecord *event)
{
    json_t *details = json_loadb(event->details.data, event->details.len, 0, NULL);
    const json_t *summary = json_object_get(details, "summary");
    const char *plan = json_string_value(json_object_get(details, "planId"));
    json_int_t replaced = count_of(summary, "replace"), runs = count_of(summary, "run");
    g_autoptr(GString) text = g_string_new(NULL);
    if (summary)
        g_string_append_printf(text,
                               "%" JSON_INTEGER_FORMAT " to add, %" JSON_INTEGER_FORMAT
                               " to change, %" JSON_INTEGER_FORMAT " to destroy",
                               count_of(summary, "create") + replaced, count_of(summary, "update"),
                               count_of(summary, "delete") + replaced);
    if (runs)
        g_string_append_printf(text, ", %" JSON_INTEGER_FORMAT " to run", runs);
    if (plan)
        g_string_append_printf(text, "%splan %.*s", text->len ? "; " : "", PLAN_SHOWN, plan);
    json_decref(details);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

bool commit_status_of(const EventRecord *event, CommitStatus *ret_status)
{
    if (!is_commit(event->revision) || event->source.len == 0)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(told); i++) {
        if (!view_is(event->type, told[i].type))
            continue;
        g_autofree char *message = told[i].words ? NULL : view_dup(event->message);
        g_autofree char *summary = told[i].words ? summary_text(event) : NULL;
        g_autofree char *text = message ? g_strdup(message) : g_strconcat(told[i].words, summary, NULL);
        *ret_status = (CommitStatus){.state = told[i].state,
                                     .revision = view_dup(event->revision),
                                     .source = view_dup(event->source),
                                     .description = commit_description(text)};
        return true;
    }
    return false;
}

/* ---- to a forge ---- */

/* "https://host/owner/name.git", "ssh://git@host:22/owner/name", "git@host:owner/name": what follows the
 * host, without ".git". NULL: there is no host. New string. */
static char *project_of(const RepoLocation *location)
{
    const char *scheme = strstr(location->url, "://"), *at = scheme ? scheme + 3 : location->url;
    if (!*location->host)
        return NULL;
    at = scheme ? strchr(at, '/') : strchr(at, ':');
    if (!at)
        return NULL;
    while (*at == '/' || *at == ':')
        at++;
    size_t len = strlen(at);
    while (len > 0 && at[len - 1] == '/')
        len--;
    if (len > 4 && strncmp(at + len - 4, ".git", 4) == 0)
        len -= 4;
    return len ? g_strndup(at, len) : NULL;
}

static char *api_of(DestinationKind kind, const char *host)
{
    if (kind == DESTINATION_GITLAB)
        return g_strdup_printf("https://%s/api/v4", host);
    if (g_ascii_strcasecmp(host, "github.com") == 0)
        return g_strdup("https://api.github.com");
    return g_strdup_printf("https://%s/api/v3", host);
}

bool commit_status_fits(const DestinationConfig *config, const char *location)
{
    if (!location || !repo_location_is(location))
        return false;
    g_autoptr(RepoLocation) parsed = repo_location_parse(location, NULL);
    return parsed && (parsed->transport != REPO_TRANSPORT_FILE || (config->url && config->project));
}

static char *filled(const char *template, const CommitStatus *status)
{
    g_autoptr(GString) text = g_string_new(template);
    g_string_replace(text, "{source}", status->source, 0);
    g_string_replace(text, "{revision}", status->revision, 0);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static const char *state_word(DestinationKind kind, CommitState state)
{
    static const char *const words[][2] = {[COMMIT_WAITING] = {"pending", "pending"},
                                           [COMMIT_APPLYING] = {"pending", "running"},
                                           [COMMIT_CONVERGED] = {"success", "success"},
                                           [COMMIT_FAILED] = {"failure", "failed"},
                                           [COMMIT_SUPERSEDED] = {"error", "canceled"}};
    return words[state][kind == DESTINATION_GITLAB];
}

static char *body_of(const DestinationConfig *config, const CommitStatus *status)
{
    g_autofree char *context = filled(config->context, status);
    const char *name = config->kind == DESTINATION_GITLAB ? "name" : "context";
    json_t *body = json_pack("{s:s,s:s,s:s}", "state", state_word(config->kind, status->state), name, context,
                             "description", status->description);
    if (config->target_url) {
        g_autofree char *target = filled(config->target_url, status);
        json_object_set_new(body, "target_url", json_string(target));
    }
    char *text = json_dumps(body, JSON_COMPACT);
    char *copy = g_strdup(text);
    free(text);
    json_decref(body);
    return copy;
}

bool commit_status_request(const DestinationConfig *config, const CommitStatus *status, const char *location,
                           char **ret_url, char **ret_body, GError **error)
{
    g_autoptr(RepoLocation) parsed =
        location && repo_location_is(location) ? repo_location_parse(location, NULL) : NULL;
    g_autofree char *project = config->project ? g_strdup(config->project)
                               : parsed        ? project_of(parsed)
                                               : NULL;
    g_autofree char *api = config->url               ? g_strdup(config->url)
                           : parsed && *parsed->host ? api_of(config->kind, parsed->host)
                                                     : NULL;
    if (!project || !api) {
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_LOCATION, "source %s names no forge; set url and %s",
                    status->source, config->kind == DESTINATION_GITLAB ? "project" : "repository");
        return false;
    }
    while (g_str_has_suffix(api, "/"))
        api[strlen(api) - 1] = '\0';
    bool is_gitlab = config->kind == DESTINATION_GITLAB;
    g_autofree char *escaped = g_uri_escape_string(project, is_gitlab ? NULL : "/", FALSE);
    *ret_url = g_strdup_printf("%s/%s/%s/statuses/%s", api, is_gitlab ? "projects" : "repos", escaped,
                               status->revision);
    *ret_body = body_of(config, status);
    return true;
}

bool commit_status_is_known(DestinationKind kind, long code, View answer)
{
    return kind == DESTINATION_GITLAB && code == 400 &&
           memmem(answer.data, answer.len, "Cannot transition status", strlen("Cannot transition status"));
}
