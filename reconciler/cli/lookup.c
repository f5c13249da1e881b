#include "reconciler/cli/lookup.h"

#include "reconciler/cli/listing.h"
#include "reconciler/cli/report.h"
#include "spec/base/diagnostic.h"

static bool kind_unknown(const char *text, GError **error)
{
    const char *candidates[2 * KIND_COUNT + 3];
    size_t len = 0;
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        candidates[len++] = kind_name((Kind)kind);
        candidates[len++] = kind_plural((Kind)kind);
    }
    candidates[len++] = "jobs";
    candidates[len++] = "runs";
    candidates[len] = NULL;
    const char *nearest = suggest_nearest(view_from(text), candidates);
    if (nearest)
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "there is no kind \"%s\"; did you mean \"%s\"?", text,
                    nearest);
    else
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "there is no kind \"%s\" (muster get lists them)", text);
    return false;
}

/* Last words of the kinds' names, as people say them. */
static bool kind_from_short(const char *word, Kind *ret_kind)
{
    static const struct {
        const char *word;
        Kind kind;
    } words[] = {
        {"queue", KIND_JOB_QUEUE},
        {"environment", KIND_COMPUTE_ENVIRONMENT},
        {"definition", KIND_JOB_DEFINITION},
        {"policy", KIND_SCHEDULING_POLICY},
        {"policies", KIND_SCHEDULING_POLICY},
    };
    size_t len = strlen(word);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        size_t base = strlen(words[i].word);
        bool matches = g_ascii_strncasecmp(word, words[i].word, base) == 0;
        if (matches && (len == base || (len == base + 1 && g_ascii_tolower(word[base]) == 's'))) {
            *ret_kind = words[i].kind;
            return true;
        }
    }
    return false;
}

static bool parse_kind(View text, Lookup *ret_lookup, GError **error)
{
    g_autofree char *word = g_strndup(text.data, text.len);
    if (g_ascii_strcasecmp(word, "runs") == 0 || g_ascii_strcasecmp(word, "run") == 0) {
        ret_lookup->type = LOOKUP_RUNS;
        return true;
    }
    if (!kind_from_name(text, &ret_lookup->kind) && !kind_from_exact(text, &ret_lookup->kind) &&
        !kind_from_short(word, &ret_lookup->kind))
        return kind_unknown(word, error);
    ret_lookup->type = ret_lookup->kind == KIND_JOB ? LOOKUP_JOBS : LOOKUP_RESOURCE;
    return true;
}

bool lookup_parse(char **arguments, int len, Lookup *ret_lookup, GError **error)
{
    const char *slash = strchr(arguments[0], '/');
    Lookup lookup = {.name = len > 1 ? arguments[1] : NULL};
    View kind = view_from(arguments[0]);
    if (slash && len == 1) {
        kind.len = (size_t)(slash - arguments[0]);
        lookup.name = slash + 1;
    }
    if (!parse_kind(kind, &lookup, error))
        return false;
    *ret_lookup = lookup;
    return true;
}

bool lookup_parse_pair(const char *text, Lookup *ret_lookup, GError **error)
{
    char *arguments[] = {(char *)(uintptr_t)text, NULL};
    const char *slash = strchr(text, '/');
    if (!slash || slash == text || !slash[1]) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "\"%s\" is not KIND/NAME, as Pipeline/nightly", text);
        return false;
    }
    return lookup_parse(arguments, 1, ret_lookup, error);
}

bool lookup_is_id(const char *text)
{
    size_t hex = strspn(text, "0123456789abcdefABCDEF-");
    return hex >= 4 && (text[hex] == '\0' || text[hex] == ':');
}

static json_t *get_items(Session *session, Kind kind, const char *name, GError **error)
{
    json_t *request = json_pack("{s:s,s:s*}", "kind", kind_name(kind), "name", name);
    json_t *answer = backend_call(session->backend, "get", request, error);
    json_t *items = json_incref(json_object_get(answer, "items"));
    json_decref(answer);
    return items;
}

/* A name that is not there: is there one like it? */
static void suggest_item(Session *session, Kind kind, const char *name, GError **error)
{
    json_t *items = get_items(session, kind, NULL, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    size_t index;
    json_t *item;
    json_array_foreach(items, index, item)
        g_ptr_array_add(names, (gpointer)(uintptr_t)member_text(item, "name"));
    g_ptr_array_add(names, NULL);
    const char *nearest = suggest_nearest(view_from(name), (const char *const *)names->pdata);
    g_clear_error(error);
    if (nearest)
        g_set_error(error, CLI_ERROR, EXIT_NOT_FOUND, "there is no %s \"%s\"; did you mean \"%s\"?",
                    kind_name(kind), name, nearest);
    else
        g_set_error(error, CLI_ERROR, EXIT_NOT_FOUND, "there is no %s \"%s\"", kind_name(kind), name);
    json_decref(items);
}

json_t *lookup_items(Session *session, Kind kind, const char *name, GError **error)
{
    g_autoptr(GError) cause = NULL;
    json_t *items = get_items(session, kind, name, &cause);
    bool is_missing =
        name && ((items && !json_array_size(items)) || g_error_matches(cause, CLI_ERROR, EXIT_NOT_FOUND));
    if (is_missing) {
        json_decref(items);
        suggest_item(session, kind, name, &cause);
        items = NULL;
    }
    if (!items)
        g_propagate_error(error, g_steal_pointer(&cause));
    return items;
}

json_t *lookup_job(Session *session, const char *id, GError **error)
{
    return lookup_node(session, id, -1, error);
}

json_t *lookup_node(Session *session, const char *id, int64_t node, GError **error)
{
    json_t *request = json_pack("{s:s}", "job", id);
    if (node >= 0)
        json_object_set_new(request, "node", json_integer(node));
    json_t *answer = backend_call(session->backend, "job", request, error);
    json_t *job = json_incref(json_object_get(answer, "job"));
    if (answer && !job)
        g_set_error(error, CLI_ERROR, EXIT_NOT_FOUND, "there is no job %s", id);
    json_decref(answer);
    return job;
}

static bool append_runs(Session *session, Kind kind, const char *name, json_t *all, GError **error)
{
    json_t *items = get_items(session, kind, NULL, error);
    size_t index;
    json_t *item;
    if (!items)
        return false;
    json_array_foreach(items, index, item)
    {
        if (!name || strcmp(member_text(item, "name"), name) == 0)
            json_array_extend(all, json_object_get(item, "runs"));
    }
    json_decref(items);
    return true;
}

json_t *lookup_runs(Session *session, const char *name, GError **error)
{
    json_t *all = json_array();
    if (!append_runs(session, KIND_PIPELINE, name, all, error) ||
        !append_runs(session, KIND_JOB, name, all, error))
        g_clear_pointer(&all, json_decref);
    if (all && name && !json_array_size(all)) {
        g_clear_pointer(&all, json_decref);
        g_set_error(error, CLI_ERROR, EXIT_NOT_FOUND, "there is no run of a Job or Pipeline \"%s\"", name);
    }
    return all;
}
