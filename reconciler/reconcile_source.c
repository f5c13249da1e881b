/* reconcile_source.c: followed sources: what is known of each, kept in a setting so that `status` tells it
 * without a daemon too. */
#include "reconciler/reconcile_internal.h"

#define EARLIER_MAX 4 /* plans that waited before and are still compared with what waits now */

void followed_free(void *data)
{
    FollowedSource *followed = data;
    g_free(followed->name);
    g_free(followed->message);
    g_free(followed->broken);
    g_free(followed->remote);
    g_free(followed->recorded);
    g_free(followed->refused);
    manifest_set_unref(followed->carried);
    json_decref(followed->held_plan);
    g_free(followed->path);
    g_free(followed->provider);
    g_free(followed->values);
    g_free(followed->revision);
    g_free(followed->author);
    g_free(followed->signature);
    manifest_set_unref(followed->newest);
    g_free(followed->held);
    g_ptr_array_unref(followed->earlier);
    g_free(followed);
}

FollowedSource *followed_find(const Reconciler *reconciler, const char *name)
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

json_t *source_pending(const char *name, void *data)
{
    const FollowedSource *followed = followed_find(data, name);
    return followed ? followed->held_plan : NULL;
}

/* How a source stands. message: why it is broken or waits; waiting: the plan that waits, taken. */
typedef struct {
    const char *word, *message;
    json_t *waiting;
    bool is_resting; /* it is suspended: what it was told is not in force */
} Standing;

static bool same_text(const json_t *a, const json_t *b, const char *member)
{
    return g_strcmp0(json_string_value(json_object_get(a, member)),
                     json_string_value(json_object_get(b, member))) == 0;
}

/* A plan that waited and does not any more, without having been approved, is remembered by its id. */
static json_t *earlier_of(const json_t *before, const json_t *waiting)
{
    const json_t *old = json_object_get(before, "waiting");
    const char *id = json_string_value(json_object_get(old, "planId"));
    return approval_earlier_json(before, same_text(old, waiting, "planId") ? NULL : id);
}

/* Keeps `since` while neither state nor message change. */
static void set_source(Reconciler *reconciler, const SourceState *state, const Standing *standing)
{
    json_t *sources = sources_setting(reconciler->world), *before = json_object_get(sources, state->name);
    json_t *source = json_object();
    json_set_text(source, "path", state->path);
    json_set_text(source, "state", standing->word);
    json_set_text(source, "message", standing->message);
    json_set_text(source, "provider", state->provider);
    bool is_left = standing->message || standing->is_resting; /* the last good one is still in force */
    if (!is_left)
        json_set_text(source, "revision", state->revision);
    else if (json_object_get(before, "revision"))
        json_object_set(source, "revision", json_object_get(before, "revision"));
    if (standing->is_resting &&
        g_strcmp0(json_string_value(json_object_get(source, "revision")), state->revision) != 0)
        json_set_text(source, "newest", state->revision);
    bool is_in_force = !standing->message && !standing->is_resting &&
                       source_config_requires_approval(manifest_set_config(state->set));
    if (is_in_force || json_object_get(before, "approval"))
        json_set_text(source, "approval", "required");
    bool same = same_text(source, before, "state") && same_text(source, before, "message");
    json_set_number(source, "since",
                    same ? json_integer_value(json_object_get(before, "since")) : reconciler->now_ms);
    json_object_set_new(source, "followed", json_true());
    json_t *earlier = earlier_of(before, standing->waiting);
    if (earlier)
        json_object_set_new(source, "earlier", earlier);
    if (standing->waiting)
        json_object_set_new(source, "waiting", standing->waiting);
    json_t *remote = json_object_get(before, "remote"), *webhook = json_object_get(before, "webhook");
    if (remote) {
        json_object_set(source, "remote", remote);
        set_behind(source, remote, reconciler->now_ms);
    }
    if (webhook)
        json_object_set(source, "webhook", webhook);
    json_object_set_new(sources, state->name, source);
    set_sources(reconciler, sources);
    json_decref(sources);
    reconciler->waiters_due = true;
}

static void keep_text(char **text, const char *now)
{
    if (g_strcmp0(*text, now) != 0) {
        g_free(*text);
        *text = g_strdup(now);
    }
}

static FollowedSource *followed_get(Reconciler *reconciler, const char *name)
{
    FollowedSource *followed = followed_find(reconciler, name);
    if (!followed) {
        followed = g_new0(FollowedSource, 1);
        followed->name = g_strdup(name);
        followed->earlier = g_ptr_array_new_with_free_func(g_free);
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

/* The plan that waited is another one now (held), or none does. */
static void followed_hold(FollowedSource *followed, const char *held, json_t *plan)
{
    json_decref(followed->held_plan);
    followed->held_plan = json_incref(plan);
    if (g_strcmp0(followed->held, held) == 0)
        return;
    if (followed->held)
        g_ptr_array_add(followed->earlier, g_steal_pointer(&followed->held));
    if (followed->earlier->len > EARLIER_MAX)
        g_ptr_array_remove_index(followed->earlier, 0);
    followed->held = g_strdup(held);
}

static const char *const standing_words[] = {
    [SOURCE_OK] = "ok", [SOURCE_BROKEN] = "broken", [SOURCE_REFUSED] = "refused"};

/* revision: the one that stands so, or was tried; NULL: none is known. */
static void tell_standing(Reconciler *reconciler, FollowedSource *followed, const char *revision,
                          SourceStanding standing, const char *message)
{
    if (g_strcmp0(followed->message, message) == 0 &&
        (!message || g_strcmp0(followed->broken, revision) == 0))
        return;
    g_free(followed->broken);
    followed->broken = g_strdup(message ? revision : NULL);
    const char *word = message ? standing_words[standing] : "mended";
    g_autofree char *subject = g_strdup_printf("source %s", followed->name),
                    *type = g_strdup_printf("source.%s", word);
    EventOrigin origin = {.source = followed->name, .revision = revision};
    world_event_of(reconciler->world, &origin, type, subject, message ? message : "", reconciler->now_ms);
    LogEntry entry = {.source = followed->name, .revision = revision};
    entry.level = message ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
    if (message)
        reconciler_tell(reconciler, entry, "source %s is %s, the last good state is kept: %s", followed->name,
                        word, message);
    else
        reconciler_tell(reconciler, entry, "source %s is mended", followed->name);
    g_free(followed->message);
    followed->message = g_strdup(message);
}

void source_note(Reconciler *reconciler, const SourceState *state, SourceStanding standing,
                 const char *message)
{
    FollowedSource *followed = followed_get(reconciler, state->name);
    followed->is_stopped = false;
    if (!message)
        g_clear_pointer(&followed->recorded, g_free);
    Standing shown = {.word = standing_words[standing], .message = message};
    followed_hold(followed, NULL, NULL);
    set_source(reconciler, state, &shown);
    tell_standing(reconciler, followed, state->revision ? state->revision : state->tried, standing, message);
}

void source_wait_for_change(Reconciler *reconciler, const char *name, uint64_t epoch)
{
    FollowedSource *followed = followed_get(reconciler, name);
    followed->is_stopped = true;
    followed->stopped_epoch = epoch;
}

/* What another source makes, or gives up, may be what this one needs. */
void sources_look_again(Reconciler *reconciler)
{
    for (guint i = 0; i < reconciler->followed->len; i++) {
        FollowedSource *followed = reconciler->followed->pdata[i];
        if (!followed->is_stopped || followed->stopped_epoch == reconciler->epoch)
            continue;
        followed->is_stopped = false;
        source_look_again(reconciler, followed->name);
    }
}

void source_rest(Reconciler *reconciler, const SourceState *state)
{
    FollowedSource *followed = followed_get(reconciler, state->name);
    json_t *sources = sources_setting(reconciler->world), *after = NULL;
    json_t *before = json_incref(json_object_get(sources, state->name));
    Standing standing = {.word = "ok", .is_resting = true};
    g_clear_pointer(&followed->recorded, g_free);
    followed_hold(followed, NULL, NULL);
    followed->is_stopped = false;
    set_source(reconciler, state, &standing);
    tell_standing(reconciler, followed, state->revision, SOURCE_OK, NULL);
    json_decref(sources);
    sources = sources_setting(reconciler->world);
    after = json_object_get(sources, state->name);
    if (json_object_get(after, "newest") && !same_text(after, before, "newest")) {
        g_autofree char *subject = g_strdup_printf("source %s", state->name);
        g_autofree char *text = g_strdup_printf(
            "revision %.12s is not carried out while the source is suspended", state->revision);
        EventOrigin origin = {.source = state->name, .revision = state->revision};
        world_event_of(reconciler->world, &origin, "source.resting", subject, text, reconciler->now_ms);
        reconciler_tell(reconciler, (LogEntry){.source = state->name, .revision = state->revision},
                        "source %s: %s", state->name, text);
    }
    json_decref(before);
    json_decref(sources);
}

void source_in_force(Reconciler *reconciler, const ApplyPlan *plan)
{
    const FollowedSource *followed = followed_find(reconciler, plan->identity);
    json_t *sources = sources_setting(reconciler->world), *source = json_object_get(sources, plan->identity);
    json_t *remote = json_object_get(source, "remote");
    if (source && !plan->destroy) {
        json_set_text(source, "revision", plan->plan->revision);
        json_object_del(source, "newest");
        if (followed && followed->newest && g_strcmp0(followed->revision, plan->plan->revision) != 0)
            json_set_text(source, "newest", followed->revision);
        if (source_config_requires_approval(manifest_set_config(plan->set)))
            json_set_text(source, "approval", "required");
        if (remote)
            set_behind(source, remote, reconciler->now_ms);
        set_sources(reconciler, sources);
    }
    json_decref(sources);
}

void source_hold(Reconciler *reconciler, const SourceState *state, const SourceHold *hold)
{
    FollowedSource *followed = followed_get(reconciler, state->name);
    json_t *sources = sources_setting(reconciler->world), *before = json_object_get(sources, state->name);
    const json_t *old = json_object_get(before, "waiting");
    const char *old_id = json_string_value(json_object_get(old, "planId"));
    bool is_new = g_strcmp0(old_id, hold->plan_id) != 0;
    Standing standing = {.word = "waiting",
                         .message = hold->reason,
                         .waiting = approval_waiting_json(old, state, hold, reconciler->now_ms)};
    json_decref(sources);
    followed->is_stopped = false;
    tell_standing(reconciler, followed, state->revision, SOURCE_OK, NULL);
    followed_hold(followed, hold->saved, hold->plan);
    set_source(reconciler, state, &standing);
    if (!is_new)
        return;
    g_autofree char *subject = g_strdup_printf("source %s", state->name);
    g_autofree char *text = g_strdup_printf("plan %.8s of revision %.12s waits for an approval: %s",
                                            hold->plan_id, state->revision, hold->reason);
    char *summary = json_dumps(hold->summary, JSON_COMPACT);
    g_autofree char *details = event_plan_details(hold->plan_id, summary);
    free(summary);
    EventOrigin origin = {state->name, state->revision, details};
    world_event_of(reconciler->world, &origin, "source.waiting", subject, text, reconciler->now_ms);
    reconciler_tell(reconciler, (LogEntry){.source = state->name, .revision = state->revision},
                    "source %s: %s", state->name, text);
}

bool source_approval_stands(const Reconciler *reconciler, const char *name)
{
    json_t *sources = sources_setting(reconciler->world);
    bool stands = json_object_get(json_object_get(sources, name), "approval") != NULL;
    json_decref(sources);
    return stands;
}

void source_approved(Reconciler *reconciler, const char *name)
{
    FollowedSource *followed = followed_find(reconciler, name);
    json_t *sources = sources_setting(reconciler->world), *source = json_object_get(sources, name);
    json_object_del(source, "approval");
    json_object_del(source, "waiting");
    g_clear_pointer(&followed->held, g_free);
    set_sources(reconciler, sources);
    json_decref(sources);
}

/* ---- its remote ---- */

/* The entry of a followed source, made where it has not been loaded yet. Borrowed. */
static json_t *followed_entry(const Reconciler *reconciler, json_t *sources, const char *name,
                              const char *path, const char *provider)
{
    json_t *source = json_object_get(sources, name);
    if (!source) {
        source = json_object();
        json_set_text(source, "path", path);
        json_set_text(source, "provider", provider);
        json_set_text(source, "state", "ok");
        json_set_number(source, "since", reconciler->now_ms);
        json_object_set_new(sources, name, source);
    }
    json_object_set_new(source, "followed", json_true());
    return source;
}

/* Borrowed. */
static json_t *member_object(json_t *source, const char *member)
{
    json_t *object = json_object_get(source, member);
    if (!object) {
        object = json_object();
        json_object_set_new(source, member, object);
    }
    return object;
}

static void set_remote(Reconciler *reconciler, const SourceRemote *remote)
{
    json_t *sources = sources_setting(reconciler->world),
           *source = followed_entry(reconciler, sources, remote->name, remote->path, remote->provider),
           *object = member_object(source, "remote");
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

/* What nobody who is trusted signed: recorded once, however often the remote is asked. */
static void record_refused(Reconciler *reconciler, FollowedSource *followed, const SourceRemote *remote)
{
    g_autofree char *fault =
        remote->refused ? g_strdup_printf("%s %s", remote->refused, remote->message) : NULL;
    bool is_new = fault && g_strcmp0(fault, followed->refused) != 0;
    g_free(followed->refused);
    followed->refused = g_steal_pointer(&fault);
    if (is_new)
        apply_note(reconciler->world,
                   &(ApplyRecord){.owner = view_from(remote->name),
                                  .source_path = view_from(remote->path),
                                  .revision = view_from(remote->refused),
                                  .state = APPLY_STATE_REFUSED,
                                  .message = view_from(remote->message),
                                  .summary = VIEW("{}"),
                                  .trigger = TRIGGER_FOLLOW,
                                  .author = view_from(remote->refused_author),
                                  .started_ms = reconciler->now_ms},
                   reconciler->now_ms);
}

void reconciler_source_remote(Reconciler *reconciler, const SourceRemote *remote)
{
    if (reconciler->fault || reconciler->reload)
        return; /* the next look brings it again */
    reconciler->now_ms =
        MAX(reconciler->now_ms, reconciler->ports.clock.now_ms(reconciler->ports.clock.self));
    FollowedSource *followed = followed_get(reconciler, remote->name);
    set_remote(reconciler, remote);
    record_refused(reconciler, followed, remote);
    if (remote->is_untrusted)
        g_clear_pointer(&followed->newest, manifest_set_unref);
    reconciler_wake(reconciler);
    if (g_strcmp0(followed->remote, remote->message) == 0)
        return;
    const char *type = !remote->message  ? "source.reached"
                       : remote->is_held ? "source.held"
                                         : "source.unreachable";
    g_autofree char *subject = g_strdup_printf("source %s", remote->name);
    EventOrigin origin = {.source = remote->name, .revision = remote->is_held ? remote->head : NULL};
    world_event_of(reconciler->world, &origin, type, subject, remote->message ? remote->message : "",
                   reconciler->now_ms);
    LogEntry entry = {.source = remote->name, .revision = remote->head};
    entry.level = remote->message ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
    if (remote->message)
        reconciler_tell(reconciler, entry, "source %s: the last good state is kept: %s", remote->name,
                        remote->message);
    else
        reconciler_tell(reconciler, entry, "source %s: its remote is reached again", remote->name);
    g_free(followed->remote);
    followed->remote = g_strdup(remote->message);
}

/* ---- webhooks for it ---- */

static void set_webhook(Reconciler *reconciler, const SourceWebhook *webhook)
{
    json_t *sources = sources_setting(reconciler->world),
           *source = followed_entry(reconciler, sources, webhook->name, webhook->path, webhook->provider),
           *object = member_object(source, "webhook");
    if (webhook->refused) {
        json_set_number(object, "refusedAt", reconciler->now_ms);
        json_set_text(object, "refused", webhook->refused);
    } else {
        const char *const of_push[] = {"ref", "commit", "isFollowed"};
        for (size_t i = 0; i < G_N_ELEMENTS(of_push); i++)
            json_object_del(object, of_push[i]);
        json_set_number(object, "acceptedAt", reconciler->now_ms);
        json_set_text(object, "form", webhook->form);
        json_set_text(object, "ref", webhook->ref);
        json_set_text(object, "commit", webhook->commit);
        if (webhook->ref)
            json_object_set_new(object, "isFollowed", json_boolean(webhook->is_followed));
    }
    set_sources(reconciler, sources);
    json_decref(sources);
}

void reconciler_source_webhook(Reconciler *reconciler, const SourceWebhook *webhook)
{
    if (reconciler->fault || reconciler->reload)
        return; /* nothing rests on it */
    reconciler->now_ms =
        MAX(reconciler->now_ms, reconciler->ports.clock.now_ms(reconciler->ports.clock.self));
    set_webhook(reconciler, webhook);
    reconciler_wake(reconciler);
    if (!webhook->refused)
        return;
    g_autofree char *subject = g_strdup_printf("source %s", webhook->name);
    g_autofree char *count = webhook->refused_len > 1
                                 ? g_strdup_printf(" (%" G_GINT64_FORMAT " since the last one that was told)",
                                                   webhook->refused_len)
                                 : g_strdup("");
    g_autofree char *text = g_strconcat(webhook->refused, count, NULL);
    world_event_of(reconciler->world, &(EventOrigin){.source = webhook->name}, "source.webhook_refused",
                   subject, text, reconciler->now_ms);
    reconciler_tell(reconciler, (LogEntry){.level = LOG_LEVEL_WARNING, .source = webhook->name},
                    "source %s: a webhook was refused: %s", webhook->name, text);
}

/* ---- what is told of them
 * ---------------------------------------------------------------------------------------------------- */

static void followed_take(Reconciler *reconciler, const SourceState *state)
{
    FollowedSource *followed = followed_get(reconciler, state->name);
    keep_text(&followed->path, state->path);
    keep_text(&followed->provider, state->provider);
    keep_text(&followed->values, state->values);
    keep_text(&followed->revision, state->revision);
    keep_text(&followed->author, state->author);
    keep_text(&followed->signature, state->signature);
    followed->approval_required = state->approval_required;
    if (state->set)
        manifest_set_ref(state->set);
    manifest_set_unref(followed->newest);
    followed->newest = state->set;
    followed->told++;
}

void source_look_again(Reconciler *reconciler, const char *name)
{
    const FollowedSource *followed = followed_find(reconciler, name);
    if (!followed || !followed->newest)
        return;
    SourceState state = {.path = followed->path,
                         .name = followed->name,
                         .provider = followed->provider,
                         .values = followed->values,
                         .revision = followed->revision,
                         .author = followed->author,
                         .signature = followed->signature,
                         .set = followed->newest,
                         .approval_required = followed->approval_required,
                         .full_pass = true};
    if (source_is_suspended(reconciler, name))
        source_rest(reconciler, &state);
    else
        apply_followed(reconciler, &state);
}

void reconciler_source(Reconciler *reconciler, const SourceState *state)
{
    if (reconciler->fault || reconciler->reload)
        return; /* the slow pass or the next change brings it again */
    reconciler->now_ms =
        MAX(reconciler->now_ms, reconciler->ports.clock.now_ms(reconciler->ports.clock.self));
    followed_take(reconciler, state);
    if (state->broken) {
        record_broken(reconciler, state);
        source_note(reconciler, state, SOURCE_BROKEN, state->broken);
    } else if (source_is_suspended(reconciler, state->name)) {
        source_rest(reconciler, state);
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

void reconciler_set_policy(Reconciler *reconciler, Policy *policy)
{
    policy_ref(policy);
    policy_unref(reconciler->policy);
    reconciler->policy = policy;
    /* What was carried out is no measure any more: the next revision is checked whole, whatever part differs.
     */
    for (guint i = 0; i < reconciler->followed->len; i++)
        ((FollowedSource *)reconciler->followed->pdata[i])->epoch = UINT64_MAX;
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
