/* access.c: see access.h. */
#include "reconciler/api/access.h"
#include "reconciler/api/declare.h"

unsigned access_scope(const Operation *operation)
{
    static const struct {
        const char *name;
        unsigned scope;
    } other[] = {
        {"submitjob", KEY_SUBMIT},
        {"canceljob", KEY_SUBMIT},
        {"terminatejob", KEY_SUBMIT},
        {"submit", KEY_SUBMIT},
        {"bulk", KEY_SUBMIT},
        {"cancel", KEY_SUBMIT},
        {"terminate", KEY_SUBMIT},
        {"start", KEY_SUBMIT},
        {"rerun", KEY_SUBMIT},
        {"registerjobdefinition", KEY_REGISTER},
        {"deregisterjobdefinition", KEY_REGISTER},
        {"keys", KEY_ADMIN},
        {"weblink", KEY_READ}, /* of a session that may what the key may */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(other); i++)
        if (strcmp(operation->name, other[i].name) == 0)
            return other[i].scope;
    return operation->changes ? KEY_ADMIN : KEY_READ;
}

static char *refusal(const Key *key, const Operation *operation, const char *why)
{
    return g_strdup_printf("User: key/%s is not authorized to perform: batch:%s because %s", key->name,
                           operation->name, why);
}

/* ---- what is submitted ---- */

static char *submission_refusal(const Key *key, const Operation *operation, const json_t *request)
{
    const char *queue = json_string_value(json_object_get(request, "jobQueue"));
    const char *share = json_string_value(json_object_get(request, "shareIdentifier"));
    g_autofree char *name = queue ? name_of(KIND_JOB_QUEUE, queue) : NULL, *why = NULL;
    if (!key_allows(key->queues, name))
        why = g_strdup_printf("the key does not allow the queue \"%s\"", name ? name : "");
    else if (share && !key_allows(key->shares, share))
        why = g_strdup_printf("the key does not allow the shareIdentifier \"%s\"", share);
    else if (!share && key->shares)
        why = g_strdup("the key allows some shareIdentifiers only, and the job has none");
    return why ? refusal(key, operation, why) : NULL;
}

/* What is no JSON is the operation's to refuse. */
static char *lines_refusal(const Key *key, const Operation *operation, View body)
{
    char *found = NULL;
    if (!key->queues && !key->shares)
        return NULL;
    for (View rest = body; rest.len > 0 && !found;) {
        const char *newline = memchr(rest.data, '\n', rest.len);
        size_t len = newline ? (size_t)(newline - rest.data) : rest.len;
        json_t *line = json_loadb(rest.data, len, JSON_REJECT_DUPLICATES, NULL);
        if (line)
            found = submission_refusal(key, operation, line);
        json_decref(line);
        len += newline ? 1 : 0;
        rest = (View){rest.data + len, rest.len - len};
    }
    return found;
}

/* ---- keys that see some queues ---- */

/* What tells nothing of other queues: the rest of these operations looks at the key's queues (peer.h). */
static bool is_by_queue(const Operation *operation)
{
    static const char *const names[] = {"submitjob",
                                        "submit",
                                        "bulk",
                                        "canceljob",
                                        "terminatejob",
                                        "cancel",
                                        "terminate",
                                        "describejobs",
                                        "listjobs",
                                        "jobs",
                                        "job",
                                        "explain",
                                        "timeline",
                                        "wait",
                                        "changes",
                                        "getlogevents",
                                        "describejobqueues",
                                        "getjobqueuesnapshot",
                                        "describejobdefinitions",
                                        "registerjobdefinition",
                                        "deregisterjobdefinition",
                                        "weblink",
                                        NULL};
    return g_strv_contains(names, operation->name);
}

static char *queue_refusal(const Key *key, const Operation *operation, const json_t *request)
{
    const char *queue = json_string_value(json_object_get(request, "jobQueue"));
    g_autofree char *name = queue ? name_of(KIND_JOB_QUEUE, queue) : NULL;
    if (!key->queues)
        return NULL;
    if (!is_by_queue(operation))
        return refusal(key, operation,
                       "the key allows some queues only, and this is about more than a queue");
    if (!name || key_allows(key->queues, name))
        return NULL;
    g_autofree char *why = g_strdup_printf("the key does not allow the queue \"%s\"", name);
    return refusal(key, operation, why);
}

/* ---- what is registered ---- */

static char *member_refusal(const Key *key, const char *name, const json_t *value)
{
    const char *text = json_string_value(value);
    bool is_role = strcmp(name, "jobRoleArn") == 0 || strcmp(name, "executionRoleArn") == 0 ||
                   strcmp(name, "taskRoleArn") == 0;
    if (is_role && text && !key_allows(key->roles, text))
        return g_strdup_printf("the key does not allow the role \"%s\"", text);
    if (strcmp(name, "privileged") == 0 && json_is_true(value) && key->is_unprivileged)
        return g_strdup("the key does not allow privileged containers");
    if (strcmp(name, "sourcePath") == 0 && text && !key_allows(key->host_paths, text))
        return g_strdup_printf("the key does not allow the host path \"%s\"", text);
    return NULL;
}

/* At any depth, as a policy looks for them: what comes later to hold a role needs nothing here. The nesting
 * of a request is bounded (request_parse). */
static char *grants_refusal(const Key *key, const json_t *json)
{
    const char *name;
    json_t *value;
    size_t i;
    char *found = NULL;
    if (json_is_array(json)) {
        json_array_foreach(json, i, value)
        {
            if (!found)
                found = grants_refusal(key, value);
        }
        return found;
    }
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        if (!found)
            found = member_refusal(key, name, value);
        if (!found)
            found = grants_refusal(key, value);
    }
    return found;
}

/* ---- the face ---- */

bool access_is_submission(const Operation *operation)
{
    return strcmp(operation->name, "submitjob") == 0 || strcmp(operation->name, "submit") == 0;
}

char *access_refusal(const Key *key, const Operation *operation, const json_t *request, View body)
{
    unsigned scope = access_scope(operation);
    if (!key_may(key, scope)) {
        g_autofree char *has = key_scopes_text(key->scopes), *needs = key_scopes_text(scope);
        g_autofree char *why = g_strdup_printf("the key may %s, and this needs %s", has, needs);
        return refusal(key, operation, why);
    }
    if (operation->lines)
        return lines_refusal(key, operation, body);
    if (access_is_submission(operation))
        return submission_refusal(key, operation, request);
    char *of_queue = queue_refusal(key, operation, request);
    if (of_queue)
        return of_queue;
    g_autofree char *why = operation->changes ? grants_refusal(key, request) : NULL;
    return why ? refusal(key, operation, why) : NULL;
}

void access_tell_peer(const Key *key, json_t *request)
{
    json_t *peer = json_pack("{s:s,s:s}", "key", key->id, "user", key->name), *queues = NULL;
    for (char **queue = key->queues; queue && *queue; queue++) {
        if (!queues)
            json_object_set_new(peer, "queues", queues = json_array());
        json_array_append_new(queues, json_string(*queue));
    }
    if (key->queues && !queues)
        json_object_set_new(peer, "queues", json_array());
    json_object_set_new(request, "peer", peer);
}
