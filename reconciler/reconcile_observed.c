/* reconcile_observed.c: complete observations, each of one provider, or of one environment of it: what is not
 * told in them is not there. Until a provider's is done nothing begins in its environments; those of others
 * do not wait for it. */
#include <string.h>
#include "reconciler/reconcile_internal.h"

bool observation_is_done(const Reconciler *reconciler, ProviderType provider)
{
    if (provider == PROVIDER_UNSET) /* nobody knows whose it is: each may have it */
        return (reconciler->observed & reconciler->providers) == reconciler->providers;
    return reconciler->observed >> provider & 1;
}

static bool is_observed_alone(const Reconciler *reconciler, const char *environment)
{
    return g_hash_table_contains(reconciler->observed_alone, environment);
}

bool observation_is_done_of(const Reconciler *reconciler, const Environment *environment)
{
    return observation_is_done(reconciler, environment->provider) ||
           is_observed_alone(reconciler, environment_outside(environment));
}

bool observation_is_any(const Reconciler *reconciler)
{
    return reconciler->observed || g_hash_table_size(reconciler->observed_alone) > 0;
}

bool observation_covers(const Reconciler *reconciler, const Observed *observation,
                        const Environment *environment)
{
    if (!environment)
        return !observation->environment && observation_is_done(reconciler, PROVIDER_UNSET);
    bool is_of =
        !observation->environment || strcmp(observation->environment, environment_outside(environment)) == 0;
    return is_of && observation->providers >> environment->provider & 1;
}

bool observation_asks_again(Reconciler *reconciler, Launch *launch)
{
    const Launch *main_node = launch->job->launch;
    bool is_to_come = launch->is_node && launch->state == LAUNCH_UNKNOWN && !launch->started_ms &&
                      !launch->stopping && main_node && main_node != launch &&
                      !g_hash_table_contains(reconciler->unseen, &main_node->token);
    if (!is_to_come)
        return false;
    launch_resume(reconciler->world, launch);
    g_array_append_val(reconciler->outgoing->launches, launch->token);
    return true;
}

/* Invariant 4: only a complete observation says what is not there: of what earlier processes asked for. What
 * was believed to run is lost, what was only intended never started. What this process asked for, or was told
 * of once, is the provider's to report: an observation may be told again when its commit has failed, and
 * comes again when the provider's connection was lost. */
static void settle_launches(Reconciler *reconciler, const Observed *observation)
{
    g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    for (const Launch *launch = NULL; (launch = world_launch_next(reconciler->world, launch));)
        if (launch->state == LAUNCH_UNKNOWN && g_hash_table_contains(reconciler->unseen, &launch->token) &&
            observation_covers(reconciler, observation, launch->environment))
            g_array_append_val(missing, launch->token);
    for (guint i = 0; i < missing->len; i++) {
        Launch *launch = world_launch(reconciler->world, &g_array_index(missing, LaunchToken, i));
        if (observation_asks_again(reconciler, launch))
            continue;
        if (launch->started_ms)
            launch_lost(reconciler->world, launch, reconciler->now_ms);
        else
            launch_refused(reconciler->world, launch, NULL, reconciler->now_ms);
        g_array_append_val(reconciler->outgoing->settled, g_array_index(missing, LaunchToken, i));
    }
}

/* ---- a state that was restored ---- */

static json_t *restored_of(const Reconciler *reconciler)
{
    const char *text = world_setting(reconciler->world, RESTORED_SETTING);
    return text ? json_loads(text, 0, NULL) : NULL;
}

int64_t observation_restored_ms(const Reconciler *reconciler)
{
    json_t *restored = restored_of(reconciler);
    int64_t at_ms = json_integer_value(json_object_get(restored, "standsFor"));
    json_decref(restored);
    return at_ms;
}

/* From here on it is a state like any other. */
static void note_restored(Reconciler *reconciler)
{
    json_t *restored = observation_is_done(reconciler, PROVIDER_UNSET) ? restored_of(reconciler) : NULL;
    if (!restored)
        return;
    int64_t stands_ms = json_integer_value(json_object_get(restored, "standsFor"));
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(stands_ms / 1000);
    g_autofree char *when = at ? g_date_time_format(at, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("?");
    const char *from = json_string_value(json_object_get(restored, "from"));
    g_autofree char *found = found_summary(reconciler);
    g_autofree char *text =
        g_strdup_printf("the state of %s was restored from %s, and what is there of it was "
                        "looked at%s; what was submitted later is not known",
                        when, from ? from : "a backup", found);
    world_event(reconciler->world, "state.restored", "state", text, reconciler->now_ms);
    world_set_setting(reconciler->world, RESTORED_SETTING, NULL);
    json_decref(restored);
}

void observation_apply(Reconciler *reconciler, const ProviderEvent *event)
{
    const Observed observation = {event->providers ? event->providers : ~0u, event->environment};
    if (observation.environment)
        g_hash_table_add(reconciler->observed_alone, g_strdup(observation.environment));
    else
        reconciler->observed |= observation.providers;
    if (!observation.environment) /* what was found is told of before all, never before a part */
        found_take(reconciler, observation.providers);
    settle_launches(reconciler, &observation);
    guests_observed(reconciler, &observation);
    instances_observed(reconciler, &observation);
    resources_observed(reconciler, &observation);
    note_restored(reconciler);
    reconciler->changed = true;
}

/* Where machines are bought nothing can be placed before they are there; an engine has none of its own. */
static bool is_silent(const Reconciler *reconciler, const Environment *environment)
{
    bool is_unmade = environment->provider == PROVIDER_DOCKER && environment->unmade && !environment->is_made;
    return reconciler->providers >> environment->provider & 1 &&
           (is_unmade || !observation_is_done_of(reconciler, environment));
}

void observation_silence(Reconciler *reconciler)
{
    for (const Environment *at = NULL; (at = world_environment_next(reconciler->world, at));)
        ((Environment *)(uintptr_t)at)->is_silent = is_silent(reconciler, at);
}
