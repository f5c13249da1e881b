#include "tests/simulation/approver.h"
#include <inttypes.h>
#include "reconciler/api/operation.h"

#define LOOK_MAX_MS 20000 /* until somebody looks at a plan that waits */

struct Approver {
    System *system;
    bool is_required;
    Rng rng;
    GHashTable
        *asked; /* id of a plan: how often its approval was asked for and has not led to an apply yet */
    GHashTable *durable; /* ids of plans that were applied */
    int64_t apply_id;    /* highest that is durable */
    bool outstanding;
    char *waiting; /* seen; NULL: none */
    int64_t at_ms; /* when it is approved */
};

Approver *approver_new(System *system, uint64_t seed)
{
    Approver *approver = g_new0(Approver, 1);
    approver->system = system;
    approver->rng = rng_from_seed(seed ^ UINT64_C(0x617070726f7665));
    approver->is_required = rng_below(&approver->rng, 3) == 0;
    approver->asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    approver->durable = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return approver;
}

void approver_free(Approver *approver)
{
    if (!approver)
        return;
    g_hash_table_unref(approver->asked);
    g_hash_table_unref(approver->durable);
    g_free(approver->waiting);
    g_free(approver);
}

char *approver_setting(const Approver *approver)
{
    return approver->is_required ? (char *)(uintptr_t) "required" : NULL;
}

/* ---- approving ---- */

/* New string, or NULL. */
static char *waiting_now(const Approver *approver)
{
    json_t *sources = sources_setting(reconciler_world(approver->system->reconciler));
    json_t *waiting = json_object_get(json_object_get(sources, "main"), "waiting");
    char *id = g_strdup(json_string_value(json_object_get(waiting, "planId")));
    json_decref(sources);
    return id;
}

static void answered(Call *call)
{
    Approver *approver = call->owner;
    System *system = approver->system;
    const char *id = json_string_value(json_object_get(call->request, "planId"));
    approver->outstanding = false;
    if (!system->ending)
        system_log(system, "answer approve %.8s %d", id, call->result.http_status);
    if (!system->ending && call->result.http_status == 200 && !g_hash_table_contains(approver->durable, id))
        system_fail(system, "1: the approval of plan %.8s was answered before it was durable", id);
    g_clear_pointer(&approver->waiting, g_free); /* looks again, and later if it still waits */
    call_free(call);
}

static void ask(Approver *approver)
{
    System *system = approver->system;
    Call *call = call_new(operation_find_name("approve"), json_pack("{s:s}", "planId", approver->waiting));
    guint times = GPOINTER_TO_UINT(g_hash_table_lookup(approver->asked, approver->waiting));
    g_hash_table_insert(approver->asked, g_strdup(approver->waiting), GUINT_TO_POINTER(times + 1));
    call->owner = approver;
    call->answer = answered;
    approver->outstanding = true;
    system_log(system, "ask approve %.8s", approver->waiting);
    recorder_call(system->recorder, system->reconciler, call);
}

bool approver_step(Approver *approver)
{
    System *system = approver->system;
    if (!approver->is_required || approver->outstanding)
        return false;
    g_autofree char *now = waiting_now(approver);
    if (g_strcmp0(now, approver->waiting) != 0) {
        g_free(approver->waiting);
        approver->waiting = g_steal_pointer(&now);
        approver->at_ms = system->now_ms + (int64_t)rng_below(&approver->rng, LOOK_MAX_MS);
        return false;
    }
    if (!approver->waiting || approver->at_ms > system->now_ms)
        return false;
    ask(approver);
    return true;
}

int64_t approver_next_ms(const Approver *approver)
{
    if (!approver->is_required || approver->outstanding)
        return -1;
    g_autofree char *now = waiting_now(approver);
    if (g_strcmp0(now, approver->waiting) != 0)
        return approver->system->now_ms; /* somebody looks */
    return approver->waiting ? MAX(approver->at_ms, approver->system->now_ms) : -1;
}

void approver_crashed(Approver *approver)
{
    approver->outstanding = false;
    g_clear_pointer(&approver->waiting, g_free);
}

/* ---- what must hold ---- */

/* A plan without changes, such as the one after an apply that was interrupted at its end. */
static bool is_empty(View summary)
{
    static const char *const counts[] = {"create", "update", "replace", "delete", "run"};
    json_t *json = json_loadb(summary.data, summary.len, 0, NULL);
    json_int_t all = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
        all += json_integer_value(json_object_get(json, counts[i]));
    json_decref(json);
    return all == 0;
}

void approver_commit(Approver *approver, const ApplyRecord *record)
{
    if (!approver->is_required || record->id <= approver->apply_id || record->state > APPLY_FAILED)
        return;
    approver->apply_id = record->id;
    g_autofree char *id = g_strndup(record->plan_id.data, record->plan_id.len);
    guint times = GPOINTER_TO_UINT(g_hash_table_lookup(approver->asked, id));
    if (times == 0 && is_empty(record->summary))
        return;
    if (times == 0)
        system_fail(approver->system, "plan %.8s is applied without an approval", id);
    g_hash_table_insert(approver->asked, g_strdup(id), GUINT_TO_POINTER(times - 1));
    g_hash_table_add(approver->durable, g_steal_pointer(&id));
}

void approver_end(const Approver *approver)
{
    g_autofree char *now = approver->is_required ? waiting_now(approver) : NULL;
    if (now)
        system_fail(approver->system, "11: plan %.8s waits for ever", now);
}
