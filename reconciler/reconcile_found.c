/* reconcile_found.c: tasks that are there and that a restored state never asked for. What is told of them is
 * kept until all that is there was told; then they are adopted, in rounds: a job may wait for another that
 * was found, too. What is left runs twice unless it is stopped, where its job is known here; else it is held,
 * as a guest. Nothing is forgotten before the batch that holds what was done is durable. */
#include "reconciler/provider_event.h"
#include "reconciler/reconcile_internal.h"
#include "reconciler/world/adopt.h"
#include "reconciler/world/guest.h"
#include "reconciler/world/outside.h"

typedef enum { FOUND_WAITS, FOUND_ADOPTED, FOUND_HELD, FOUND_STOPPED, FOUND_PAST } Outcome;

/* A copy of each kind of event, the newest: they may be told again. Type OBSERVED: none was told. */
typedef struct {
    ProviderEvent found, started, end;
    Outcome outcome;
} Found;

static const ProviderEvent none = {.type = PROVIDER_EVENT_OBSERVED};

static bool is_told(const ProviderEvent *event)
{
    return event->type != PROVIDER_EVENT_OBSERVED;
}

static void found_free(void *data)
{
    Found *found = data;
    provider_event_clear(&found->found);
    provider_event_clear(&found->started);
    provider_event_clear(&found->end);
    g_free(found);
}

void found_init(Reconciler *reconciler)
{
    reconciler->deferred = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    reconciler->found = g_hash_table_new_full(launch_token_hash, launch_token_same, NULL, found_free);
}

/* Whether it belongs to one of providers (bits). */
static bool is_of(const Found *found, unsigned providers)
{
    return found->found.providers ? (found->found.providers & providers) != 0 : providers != 0;
}

void found_clear(Reconciler *reconciler)
{
    g_hash_table_unref(reconciler->found);
    g_array_unref(reconciler->deferred);
}

void found_reset(Reconciler *reconciler)
{
    unsigned again = 0;
    GHashTableIter iter;
    Found *found;
    for (guint i = 0; i < reconciler->events->len; i++) {
        const ProviderEvent *event = &g_array_index(reconciler->events, KeptEvent, i).event;
        if (event->type == PROVIDER_EVENT_OBSERVED)
            again |= event->providers ? event->providers : ~0u;
    }
    g_hash_table_iter_init(&iter, reconciler->found);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&found))
        if (is_of(found, again))
            found->outcome = FOUND_WAITS;
}

void found_event(Reconciler *reconciler, const char *type, const char *environment, const char *text)
{
    g_autofree char *subject = g_strdup_printf("ComputeEnvironment/%s", environment ? environment : "");
    world_event(reconciler->world, type, subject, text ? text : "", reconciler->now_ms);
}

/* ---- guests ---- */

static char *guest_text(const Guest *guest)
{
    return *guest->job
               ? g_strdup_printf("task %s of job %s, attempt %d,", guest->task, guest->job, guest->attempt)
               : g_strdup_printf("task %s", guest->task);
}

static void guest_over(Reconciler *reconciler, Guest *guest, const ProviderEvent *event)
{
    g_autofree char *what = guest_text(guest),
                    *how = event && event->type == PROVIDER_EVENT_ENDED
                               ? g_strdup_printf("has ended with exit code %d", event->exit_code)
                               : g_strdup("is not there any more"),
                    *text = g_strdup_printf("%s that this state does not know %s", what, how);
    found_event(reconciler, "environment.released", guest->environment, text);
    guest_gone(reconciler->world, guest, reconciler->now_ms);
}

static bool is_end(ProviderEventType type)
{
    return type == PROVIDER_EVENT_ENDED || type == PROVIDER_EVENT_LOST || type == PROVIDER_EVENT_REFUSED;
}

static bool is_of_launch(ProviderEventType type)
{
    return is_end(type) || type == PROVIDER_EVENT_STARTED || type == PROVIDER_EVENT_ACCEPTED;
}

static bool guest_told(Reconciler *reconciler, const ProviderEvent *event)
{
    Guest *guest = world_guest(reconciler->world, &event->token);
    if (!guest)
        return false;
    g_hash_table_remove(reconciler->unseen, &event->token);
    if (is_end(event->type)) {
        guest_over(reconciler, guest, event);
        g_array_append_val(reconciler->outgoing->settled, event->token);
    }
    return true;
}

void guests_observed(Reconciler *reconciler, const Observed *observation)
{
    const World *world = reconciler->world;
    for (size_t i = world_guests_len(world); i > 0; i--) {
        Guest *guest = world_guest_get(world, i - 1);
        const Environment *environment = world_environment_outside(world, view_from(guest->environment));
        if (!g_hash_table_contains(reconciler->unseen, &guest->token) ||
            !observation_covers(reconciler, observation, environment))
            continue;
        g_array_append_val(reconciler->outgoing->settled, guest->token);
        guest_over(reconciler, guest, NULL);
    }
}

/* An environment that is on its way out takes along what runs there. */
static bool is_leaving(const Reconciler *reconciler, const Guest *guest)
{
    const Environment *environment =
        world_environment_outside(reconciler->world, view_from(guest->environment));
    return !environment || environment->resource->phase == RESOURCE_DELETING;
}

/* All has been told and is durable: nobody asks about it any more. */
static void forget(Reconciler *reconciler)
{
    if (g_hash_table_size(reconciler->found) > 0 && !reconciler_busy_committing(reconciler) &&
        !world_is_dirty(reconciler->world) && observation_restored_ms(reconciler) == 0)
        g_hash_table_remove_all(reconciler->found);
}

/* Nothing of a job begins while what it is not to be runs (invariant 3). */
static bool has_guest(const Reconciler *reconciler, const Job *job)
{
    char id[37];
    job_id_to_text(&job->id, id);
    return world_guest_of(reconciler->world, id) != NULL;
}

bool found_defers(Reconciler *reconciler, const Launch *launch)
{
    if (world_guests_len(reconciler->world) == 0 || !has_guest(reconciler, launch->job))
        return false;
    g_array_append_val(reconciler->deferred, launch->token);
    return true;
}

static void let_deferred_out(Reconciler *reconciler)
{
    GArray *deferred = reconciler->deferred;
    for (guint i = deferred->len; i > 0; i--) {
        LaunchToken token = g_array_index(deferred, LaunchToken, i - 1);
        const Launch *launch = world_launch(reconciler->world, &token);
        if (launch && has_guest(reconciler, launch->job))
            continue;
        if (launch)
            g_array_append_val(reconciler->outgoing->launches, token);
        g_array_remove_index(deferred, i - 1);
    }
}

void found_run(Reconciler *reconciler)
{
    let_deferred_out(reconciler);
    for (size_t i = 0; i < world_guests_len(reconciler->world); i++) {
        Guest *guest = world_guest_get(reconciler->world, i);
        if (!guest->is_stopping && is_leaving(reconciler, guest))
            guest_stop(reconciler->world, guest);
        if (!guest->is_stopping || guest->is_stop_sent)
            continue;
        guest->is_stop_sent = true;
        g_array_append_val(reconciler->outgoing->stops, guest->token);
    }
    forget(reconciler);
}

/* ---- what is told of what was found ---- */

static void keep(ProviderEvent *kept, const ProviderEvent *event)
{
    provider_event_clear(kept);
    *kept = provider_event_copy(event);
}

static void found_keep(Reconciler *reconciler, const ProviderEvent *event)
{
    Found *found = g_hash_table_lookup(reconciler->found, &event->token);
    if (world_launch(reconciler->world, &event->token) || world_guest(reconciler->world, &event->token))
        return; /* told again, and known since */
    if (found) {
        keep(&found->found, event);
        return;
    }
    found = g_new(Found, 1);
    *found = (Found){.found = provider_event_copy(event), .started = none, .end = none};
    g_hash_table_insert(reconciler->found, &found->found.token, found);
}

bool found_event_apply(Reconciler *reconciler, const ProviderEvent *event)
{
    if (event->type == PROVIDER_EVENT_FOUND) {
        found_keep(reconciler, event);
        return true;
    }
    Found *found = g_hash_table_lookup(reconciler->found, &event->token);
    if (!is_of_launch(event->type))
        return false;
    if (!found || found->outcome != FOUND_WAITS || world_launch(reconciler->world, &event->token))
        return guest_told(reconciler, event);
    if (event->type == PROVIDER_EVENT_STARTED)
        keep(&found->started, event);
    else if (is_end(event->type))
        keep(&found->end, event);
    return true;
}

/* ---- rounds ---- */

typedef enum { JOB_IS_KNOWN, JOB_IS_UNKNOWN } Knowledge;

/* ret_index: of a node none that a launch has. */
static Knowledge job_of(const Reconciler *reconciler, const Found *found, Job **ret_job, int32_t *ret_index)
{
    const char *text = found->found.job ? found->found.job : "";
    size_t len = strcspn(text, "#/");
    JobId id;
    *ret_index = NOT_A_CHILD;
    if (!job_ref_from_text((View){text, len}, &id, ret_index))
        return JOB_IS_UNKNOWN;
    if (text[len])
        *ret_index = INT32_MAX;
    *ret_job = world_job(reconciler->world, &id);
    return *ret_job ? JOB_IS_KNOWN : JOB_IS_UNKNOWN;
}

static void adopted(Reconciler *reconciler, Found *found, const Adopted *as)
{
    found->outcome = FOUND_ADOPTED;
    if (as->has_ended) {
        g_hash_table_remove(reconciler->unseen, &as->over);
        g_array_append_val(reconciler->outgoing->stops, as->over); /* should it show after all */
    }
    if (is_told(&found->started))
        launch_told(reconciler, as->launch, &found->started);
    if (!is_told(&found->end))
        return;
    g_array_append_val(reconciler->outgoing->settled, found->found.token);
    launch_told(reconciler, as->launch, &found->end);
}

/* One that was refused to be placed anew is no attempt. */
static bool is_attempt(const Found *found)
{
    return found->end.type != PROVIDER_EVENT_REFUSED || found->end.reason;
}

static bool take(Reconciler *reconciler, Found *found)
{
    Adoption adoption = {
        .token = found->found.token,
        .attempt = found->found.attempt,
        .environment = world_environment_outside(reconciler->world, view_from(found->found.environment)),
        .instance = world_instance(reconciler->world, &found->found.host),
        .task = found->found.provider_id};
    Adopted as;
    if (!adoption.environment || !is_attempt(found) ||
        job_of(reconciler, found, &adoption.job, &adoption.index) == JOB_IS_UNKNOWN ||
        launch_adopt(reconciler->world, &adoption, reconciler->now_ms, &as) != ADOPTED)
        return false;
    adopted(reconciler, found, &as);
    return true;
}

/* ---- what is left ---- */

static Guest *be_guest(Reconciler *reconciler, const Found *found)
{
    const ProviderEvent *event = &found->found;
    const Guest draft = {.token = event->token,
                         .instance = event->host,
                         .environment = event->environment ? event->environment : "",
                         .task = event->provider_id ? event->provider_id : "",
                         .job = event->job ? event->job : "",
                         .attempt = event->attempt,
                         .need = {MAX(event->vcpus_e4, 0), MAX(event->memory_mib, 0), MAX(event->gpus, 0)},
                         .since_ms = reconciler->now_ms};
    return guest_add(reconciler->world, &draft);
}

static void hold(Reconciler *reconciler, Found *found)
{
    const Guest *guest = be_guest(reconciler, found);
    g_autofree char *what = guest_text(guest),
                    *text = g_strdup_printf("%s runs, and the state that was restored does not know its job: "
                                            "it is left running (muster status lists it)",
                                            what);
    found->outcome = FOUND_HELD;
    found_event(reconciler, "environment.held", guest->environment, text);
}

/* Nothing of its job begins before it has ended. */
static void stop(Reconciler *reconciler, Found *found)
{
    Guest *guest = be_guest(reconciler, found);
    g_autofree char *what = guest_text(guest),
                    *text = g_strdup_printf("%s: the state that was restored has this job otherwise: ended",
                                            what);
    found->outcome = FOUND_STOPPED;
    guest_stop(reconciler->world, guest);
    found_event(reconciler, "environment.collected", guest->environment, text);
}

static void leave(Reconciler *reconciler, Found *found)
{
    Job *job;
    int32_t index;
    if (is_told(&found->end)) {
        found->outcome = FOUND_PAST;
        g_array_append_val(reconciler->outgoing->settled, found->found.token);
    } else if (job_of(reconciler, found, &job, &index) == JOB_IS_KNOWN) {
        stop(reconciler, found);
    } else {
        hold(reconciler, found);
    }
}

/* ---- all of it ---- */

/* Attempts of a job in their order. */
static int compare(gconstpointer a, gconstpointer b)
{
    const ProviderEvent *left = &(*(const Found *const *)a)->found,
                        *right = &(*(const Found *const *)b)->found;
    int order = g_strcmp0(left->job, right->job);
    if (order == 0)
        order = (left->attempt > right->attempt) - (left->attempt < right->attempt);
    return order ? order : memcmp(left->token.bytes, right->token.bytes, LAUNCH_TOKEN_BYTES);
}

static GPtrArray *waiting_of(const Reconciler *reconciler, unsigned providers)
{
    GPtrArray *waiting = g_ptr_array_new();
    GHashTableIter iter;
    Found *found;
    g_hash_table_iter_init(&iter, reconciler->found);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&found)) {
        if (found->outcome == FOUND_WAITS && is_of(found, providers))
            g_ptr_array_add(waiting, found);
    }
    g_ptr_array_sort(waiting, compare);
    return waiting;
}

/* False: nothing has changed. */
static bool round_of(Reconciler *reconciler, const GPtrArray *waiting)
{
    bool is_changed = false;
    for (guint i = 0; i < waiting->len; i++) {
        Found *found = waiting->pdata[i];
        is_changed |= found->outcome == FOUND_WAITS && take(reconciler, found);
    }
    return is_changed;
}

void found_take(Reconciler *reconciler, unsigned providers)
{
    if (g_hash_table_size(reconciler->found) == 0)
        return;
    g_autoptr(GPtrArray) waiting = waiting_of(reconciler, providers);
    while (round_of(reconciler, waiting))
        ;
    for (guint i = 0; i < waiting->len; i++) {
        Found *found = waiting->pdata[i];
        if (found->outcome == FOUND_WAITS)
            leave(reconciler, found);
    }
}

char *found_summary(const Reconciler *reconciler)
{
    size_t counts[FOUND_PAST + 1] = {0};
    GHashTableIter iter;
    const Found *found;
    g_hash_table_iter_init(&iter, reconciler->found);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&found))
        counts[found->outcome]++;
    if (counts[FOUND_ADOPTED] + counts[FOUND_HELD] + counts[FOUND_STOPPED] == 0)
        return g_strdup("");
    return g_strdup_printf(
        "; of the tasks that it did not know %zu were adopted by their jobs, %zu are held, %zu were ended",
        counts[FOUND_ADOPTED], counts[FOUND_HELD], counts[FOUND_STOPPED]);
}
