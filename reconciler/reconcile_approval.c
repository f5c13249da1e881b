/* reconcile_approval.c: plans of followed sources that wait, and the calls that approve them. What waits is
 * kept with the source in the setting `sources`, so that `status` tells it without a daemon and a restart
 * knows it; what is approved is the plan made again, if it has the same id. */
#include "reconciler/reconcile_internal.h"
#include "reconciler/api/peer.h"
#include "reconciler/api/peer.h"

#define EARLIER_IDS_MAX 16 /* that are told from ids that nobody ever saw */

json_t *approval_waiting_json(const json_t *before, const SourceState *state, const SourceHold *hold,
                              int64_t now_ms)
{
    json_t *waiting = json_object();
    bool same = g_strcmp0(json_string_value(json_object_get(before, "planId")), hold->plan_id) == 0;
    json_set_text(waiting, "planId", hold->plan_id);
    json_set_text(waiting, "revision", state->revision);
    json_set_text(waiting, "reason", hold->reason);
    json_set_number(waiting, "since", same ? json_integer_value(json_object_get(before, "since")) : now_ms);
    if (hold->needed_deletes)
        json_set_number(waiting, "allowDeletes", hold->needed_deletes);
    if (hold->needs_first_run)
        json_object_set_new(waiting, "firstRun", json_true());
    if (hold->summary)
        json_object_set(waiting, "summary", hold->summary);
    return waiting;
}

json_t *approval_earlier_json(const json_t *before, const char *plan_id)
{
    const json_t *old = json_object_get(before, "earlier");
    json_t *earlier = json_array(), *item;
    size_t index;
    json_array_foreach(old, index, item)
    {
        if (g_strcmp0(json_string_value(item), plan_id) != 0)
            json_array_append(earlier, item);
    }
    if (plan_id)
        json_array_append_new(earlier, json_string(plan_id));
    while (json_array_size(earlier) > EARLIER_IDS_MAX)
        json_array_remove(earlier, 0);
    if (json_array_size(earlier))
        return earlier;
    json_decref(earlier);
    return NULL;
}

void approval_event(Reconciler *reconciler, const Call *call, const Plan *plan)
{
    const json_t *request = call->request, *allow = json_object_get(request, "allowDeletes");
    const json_t *peer = json_object_get(request, "peer");
    const char *first_run = json_string_value(json_object_get(request, "firstRun"));
    g_autofree char *who = peer_text(peer);
    g_autofree char *subject = g_strdup_printf("source %s", plan->source_name);
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "plan %.8s of revision %.12s approved by ", plan->id, plan->revision);
    g_string_append(text, who);
    if (allow)
        g_string_append_printf(text, ", with --allow-deletes %" JSON_INTEGER_FORMAT,
                               json_integer_value(allow));
    if (first_run)
        g_string_append_printf(text, ", with --first-run %s", first_run);
    g_autofree char *details = event_plan_details(plan->id, NULL);
    EventOrigin origin = {plan->source_name, plan->revision, details};
    world_event_of(reconciler->world, &origin, "source.approved", subject, text->str, reconciler->now_ms);
    reconciler_tell(reconciler, (LogEntry){.source = plan->source_name, .revision = plan->revision},
                    "source %s: %s", plan->source_name, text->str);
}

/* ---- ids that do not wait
 * ---------------------------------------------------------------------------------------------------- */

static bool is_earlier(const json_t *source, const char *plan_id)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(source, "earlier"), index, item)
    {
        if (g_str_has_prefix(json_string_value(item), plan_id))
            return true;
    }
    return false;
}

/* How what waits now differs from the plan that was named, where this process has seen that; or "". */
static char *difference_of(const FollowedSource *followed, const char *plan_id)
{
    g_autoptr(SavedPlan) now = followed->held ? plan_load(view_from(followed->held), NULL) : NULL;
    for (guint i = 0; now && i < followed->earlier->len; i++) {
        g_autoptr(SavedPlan) then = plan_load(view_from(followed->earlier->pdata[i]), NULL);
        if (then && g_str_has_prefix(then->id, plan_id))
            return saved_plan_difference(now, then);
    }
    return g_strdup("");
}

static void refuse_stale(Reconciler *reconciler, Call *call, const char *name, const json_t *source,
                         const char *plan_id)
{
    const FollowedSource *followed = followed_find(reconciler, name);
    const char *now = json_string_value(json_object_get(json_object_get(source, "waiting"), "planId"));
    g_autofree char *difference = followed ? difference_of(followed, plan_id) : g_strdup("");
    g_autofree char *instead = now ? g_strdup_printf("plan %.8s waits now", now) : g_strdup("none waits now");
    call_fail(call, FAULT_REFUSED, "plan %.8s of source %s is stale: %s%s%s", plan_id, name, instead,
              *difference ? "; since then:\n" : "", difference);
}

static const ApplyRecord *apply_of(const World *world, const char *plan_id)
{
    const ApplyRecord *apply = NULL, *found = NULL;
    for (int64_t id = 0; (apply = world_apply_next(world, id)); id = apply->id)
        if (apply->state <= APPLY_FAILED && apply->plan_id.len >= strlen(plan_id) &&
            memcmp(apply->plan_id.data, plan_id, strlen(plan_id)) == 0)
            found = apply;
    return found;
}

static void refuse(Reconciler *reconciler, Call *call, const json_t *sources, const char *plan_id)
{
    const ApplyRecord *apply = apply_of(reconciler->world, plan_id);
    const char *name;
    json_t *source;
    json_object_foreach((json_t *)(uintptr_t)sources, name, source)
    {
        if (!is_earlier(source, plan_id))
            continue;
        refuse_stale(reconciler, call, name, source, plan_id);
        return;
    }
    if (apply)
        call_fail(call, FAULT_REFUSED,
                  "plan %.8s does not wait: it was carried out already, by apply %" G_GINT64_FORMAT, plan_id,
                  apply->id);
    else
        call_fail(call, FAULT_NOT_FOUND, "no plan %.8s waits; muster status shows those that do", plan_id);
}

/* ---- taking in
 * ---------------------------------------------------------------------------------------------------- */

static const char *waiting_of(const json_t *source, const char *plan_id)
{
    const char *id = json_string_value(json_object_get(json_object_get(source, "waiting"), "planId"));
    return id && g_str_has_prefix(id, plan_id) ? id : NULL;
}

void approval_take(Reconciler *reconciler, Call *call)
{
    const char *plan_id = json_string_value(json_object_get(call->request, "planId")), *name, *id = NULL;
    json_t *sources = sources_setting(reconciler->world), *source;
    const FollowedSource *followed = NULL;
    int found = 0;
    json_object_foreach(sources, name, source)
    {
        const char *one = waiting_of(source, plan_id);
        if (!one)
            continue;
        found++;
        id = one;
        followed = followed_find(reconciler, name);
    }
    if (found == 0)
        refuse(reconciler, call, sources, plan_id);
    else if (found > 1)
        call_fail(call, FAULT_INVALID, "%d plans that wait begin with %s: give more of the id", found,
                  plan_id);
    else if (!followed || !followed->newest)
        call_fail(call, FAULT_REFUSED,
                  "plan %.8s cannot be made again: its source is not followed here, broken, or not signed "
                  "any more by anybody who is trusted (muster status); muster serve has to follow it",
                  plan_id);
    else
        apply_take_approved(reconciler, call, followed, id);
    if (found != 1 || !followed || !followed->newest)
        calls_answer(reconciler, call);
    json_decref(sources);
}
