/* reconcile_source.c: followed sources: what is known of each, kept in a setting so that `status` tells it
 * without a daemon too. */
#include "reconciler/reconcile_internal.h"

typedef struct {
    char *name;
    char *message;        /* of what is broken, or NULL */
    char *remote;         /* what is wrong with its remote, or NULL */
    char *recorded;       /* "REVISION MESSAGE" of the fault that was recorded last, or NULL */
    ManifestSet *carried; /* carried out; NULL: none yet */
    uint64_t epoch;       /* when it had been */
} FollowedSource;

void followed_free(void *data)
{
    FollowedSource *followed = data;
    g_free(followed->name);
    g_free(followed->message);
    g_free(followed->remote);
    g_free(followed->recorded);
    manifest_set_unref(followed->carried);
    g_free(followed);
}

static FollowedSource *followed_find(const Reconciler *reconciler, const char *name)
{
    for (guint i = 0; i < reconciler->followed->len; i++) {
        FollowedSource *followed = reconciler->followed->pdata[i];
        if (strcmp(followed->name, name) == 0)
            return followed;
    }
    return NULL;
}

bool source_is_followed(const Reconciler *reconciler, const char *name)
{
    return followed_find(reconciler, name) != NULL;
}

ManifestSet *source_carried(const Reconciler *reconciler, const char *name)
{
    const FollowedSource *followed = followed_find(reconciler, name);
    return followed && followed->epoch == reconciler->epoch ? followed->carried : NULL;
}

void source_carried_out(Reconciler *reconciler, const char *name, ManifestSet *set)
{
    FollowedSource *followed = followed_find(reconciler, name);
    if (!followed)
        return;
    manifest_set_ref(set);
    manifest_set_unref(followed->carried);
    followed->carried = set;
    followed->epoch = reconciler->epoch;
}

static void set_sources(Reconciler *reconciler, json_t *sources)
{
    char *text = json_dumps(sources, JSON_COMPACT | JSON_SORT_KEYS);
    const char *before = world_setting(reconciler->world, "sources");
    if (!before || strcmp(before, text) != 0)
        world_set_setting(reconciler->world, "sources", text);
    free(text);
}

/* Since when the remote has what is not in force; nothing where it is, or what it has is not known. */
static void set_behind(json_t *source, json_t *remote, int64_t now_ms)
{
    const char *head = json_string_value(json_object_get(remote, "head")),
               *revision = json_string_value(json_object_get(source, "revision"));
    if (!head || g_strcmp0(head, revision) == 0)
        json_object_del(remote, "behindSince");
    else if (!json_object_get(remote, "behindSince"))
        json_set_number(remote, "behindSince", now_ms);
}

/* Keeps `since` while neither state nor message change. */
static void set_source(Reconciler *reconciler, const SourceState *state, const char *message)
{
    json_t *sources = sources_setting(reconciler->world), *before = json_object_get(sources, state->name);
    const char *word = message ? "broken" : "ok",
               *old_message = json_string_value(json_object_get(before, "message"));
    const char *old_word = json_string_value(json_object_get(before, "state"));
    bool same = g_strcmp0(old_word, word) == 0 && g_strcmp0(old_message, message) == 0;
    json_int_t since = same ? json_integer_value(json_object_get(before, "since")) : reconciler->now_ms;
    json_t *source = json_object();
    json_set_text(source, "path", state->path);
    json_set_text(source, "state", word);
    json_set_text(source, "message", message);
    json_set_text(source, "provider", state->provider);
    json_set_text(source, "revision", state->revision);
    if (!state->revision && before) /* the last good one is still in force */
        json_object_set(source, "revision", json_object_get(before, "revision"));
    json_set_number(source, "since", since);
    json_object_set_new(source, "followed", json_true());
    json_t *remote = json_object_get(before, "remote");
    if (remote) {
        json_object_set(source, "remote", remote);
        set_behind(source, remote, reconciler->now_ms);
    }
    json_object_set_new(sources, state->name, source);
    set_sources(reconciler, sources);
    json_decref(sources);
}

static FollowedSource *followed_get(Reconciler *reconciler, const char *name)
{
    FollowedSource *followed = followed_find(reconciler, name);
    if (!followed) {
        followed = g_new0(FollowedSource, 1);
        followed->name = g_strdup(name);
        g_ptr_array_add(reconciler->followed, followed);
    }
    return followed;
}

bool source_fault_is_new(Reconciler *reconciler, const char *name, const char *revision, const char *message)
{
    FollowedSource *followed = followed_get(reconciler, name);
    char *fault = g_strdup_printf("%s %s", revision ? revision : "", message);
    bool is_new = g_strcmp0(followed->recorded, fault) != 0;
    g_free(followed->recorded);
    followed->recorded = fault;
    return is_new;
}

/* What could not even be loaded: there is no revision of it. */
static void record_broken(Reconciler *reconciler, const SourceState *state)
{
    if (!source_fault_is_new(reconciler, state->name, state->revision, state->broken))
        return;
    apply_note(reconciler->world,
               &(ApplyRecord){.owner = view_from(state->name),
                              .source_path = view_from(state->path),
                              .revision = view_from(state->revision),
                              .state = APPLY_STATE_BROKEN,
                              .message = view_from(state->broken),
                              .summary = VIEW("{}"),
                              .trigger = TRIGGER_FOLLOW,
                              .author = view_from(state->author),
                              .signature = view_from(state->signature),
                              .started_ms = reconciler->now_ms},
               reconciler->now_ms);
}

void source_note(Reconciler *reconciler, const SourceState *state, const char *message)
{
    FollowedSource *followed = followed_get(reconciler, state->name);
    if (!message)
        g_clear_pointer(&followed->recorded, g_free);
    set_source(reconciler, state, message);
    if (g_strcmp0(followed->message, message) == 0)
        return;
    g_autofree char *subject = g_strdup_printf("source %s", state->name);
    const char *type = message ? "source.broken" : "source.mended";
    world_event(reconciler->world, type, subject, message ? message : "", reconciler->now_ms);
    if (message)
        reconciler_log(reconciler, "source %s is broken, the last good state is kept: %s", state->name,
                       message);
    else
        reconciler_log(reconciler, "source %s is mended", state->name);
    g_free(followed->message);
    followed->message = g_strdup(message);
}

/* ---- its remote ---- */

static void set_remote(Reconciler *reconciler, const SourceRemote *remote)
{
    json_t *sources = sources_setting(reconciler->world), *source = json_object_get(sources, remote->name);
    if (!source) {
        source = json_object();
        json_set_text(source, "path", remote->path);
        json_set_text(source, "provider", remote->provider);
        json_set_text(source, "state", "ok");
        json_set_number(source, "since", reconciler->now_ms);
        json_object_set_new(sources, remote->name, source);
    }
    json_object_set_new(source, "followed", json_true());
    json_t *object = json_object_get(source, "remote");
    if (!object) {
        object = json_object();
        json_object_set_new(source, "remote", object);
    }
    bool is_answered = !remote->message || remote->is_held;
    json_set_text(object, "state", !remote->message ? "ok" : remote->is_held ? "held" : "unreachable");
    json_object_del(object, "message");
    json_set_text(object, "message", remote->message);
    if (remote->head && is_answered)
        json_set_text(object, "head", remote->head);
    if (is_answered)
        json_set_number(object, "checkedAt", reconciler->now_ms);
    set_behind(source, object, reconciler->now_ms);
    set_sources(reconciler, sources);
    json_decref(sources);
}

void reconciler_source_remote(Reconciler *reconciler, const SourceRemote *remote)
{
    if (reconciler->fault || reconciler->reload)
        return; /* the next look brings it again */
    reconciler->now_ms =
        MAX(reconciler->now_ms, reconciler->ports.clock.now_ms(reconciler->ports.clock.self));
    FollowedSource *followed = followed_get(reconciler, remote->name);
    set_remote(reconciler, remote);
    reconciler_wake(reconciler);
    if (g_strcmp0(followed->remote, remote->message) == 0)
        return;
    const char *type = !remote->message  ? "source.reached"
                       : remote->is_held ? "source.held"
                                         : "source.unreachable";
    g_autofree char *subject = g_strdup_printf("source %s", remote->name);
    world_event(reconciler->world, type, subject, remote->message ? remote->message : "", reconciler->now_ms);
    if (remote->message)
        reconciler_log(reconciler, "source %s: the last good state is kept: %s", remote->name,
                       remote->message);
    else
        reconciler_log(reconciler, "source %s: its remote is reached again", remote->name);
    g_free(followed->remote);
    followed->remote = g_strdup(remote->message);
}

void reconciler_source(Reconciler *reconciler, const SourceState *state)
{
    if (reconciler->fault || reconciler->reload)
        return; /* the slow pass or the next change brings it again */
    reconciler->now_ms =
        MAX(reconciler->now_ms, reconciler->ports.clock.now_ms(reconciler->ports.clock.self));
    if (state->broken) {
        record_broken(reconciler, state);
        source_note(reconciler, state, state->broken);
    } else {
        apply_followed(reconciler, state);
    }
    reconciler_wake(reconciler);
}

char *reconciler_source_name(const Reconciler *reconciler, const char *path)
{
    json_t *sources = sources_setting(reconciler->world), *source;
    char *found = NULL;
    const char *name;
    json_object_foreach(sources, name, source)
    {
        if (!found && g_strcmp0(json_string_value(json_object_get(source, "path")), path) == 0)
            found = g_strdup(name);
    }
    json_decref(sources);
    return found;
}

void reconciler_source_renamed(Reconciler *reconciler, const char *before)
{
    FollowedSource *followed = followed_find(reconciler, before);
    json_t *sources = sources_setting(reconciler->world);
    if (followed)
        g_ptr_array_remove(reconciler->followed, followed);
    json_object_del(sources, before);
    set_sources(reconciler, sources);
    json_decref(sources);
}

void reconciler_unfollow_all(Reconciler *reconciler)
{
    const char *name;
    json_t *sources = sources_setting(reconciler->world), *source;
    json_object_foreach(sources, name, source) json_object_set_new(source, "followed", json_false());
    if (json_object_size(sources))
        set_sources(reconciler, sources);
    json_decref(sources);
    reconciler_wake(reconciler);
}
