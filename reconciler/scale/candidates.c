#include "reconciler/scale/candidates.h"

#include <stdlib.h>

#include "spec/base/units.h"

/* What a bundle becomes where the region offers nothing of it, newest first (batch: "Resolving
 * `instanceTypes`"). */
static const char *const generations_x86_64[][4] = {{"m5", "c5", "r5", NULL}, {"m4", "c4", "r4", NULL}};

/* The position of name in a list of structs whose first member is their name; false: not there. */
static bool name_find(const void *list, size_t len, size_t size, View name, size_t *ret_index)
{
    size_t low = 0, high = len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *const *at = (const char *const *)(const void *)((const char *)list + middle * size);
        int order = view_compare(view_from(*at), name);
        if (order == 0) {
            *ret_index = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static const TypeFacts *facts_find(const CatalogueFacts *facts, const char *name)
{
    size_t index;
    if (!facts || !name_find(facts->types, facts->types_len, sizeof *facts->types, view_from(name), &index))
        return NULL;
    return &facts->types[index];
}

static bool is_offered(const CatalogueFacts *facts, const char *name)
{
    size_t index;
    return !facts || !facts->offered_len ||
           name_find(facts->offered, facts->offered_len, sizeof *facts->offered, view_from(name), &index);
}

/* ---- which types */

typedef struct {
    const ComputeEnvironmentSpec *spec;
    const CatalogueFacts *facts;
    GPtrArray *types; /* const InstanceType *; several of one name possible until types_sort() */
    bool is_open;
} Resolution;

static bool is_wanted(const Resolution *resolution, const InstanceType *type)
{
    if (type->architecture == ARCHITECTURE_OTHER || !is_offered(resolution->facts, type->name))
        return false;
    return resolution->spec->type != CE_TYPE_SPOT || type->spot;
}

/* Adds the types that one entry names; false when nobody knows the entry. */
static bool entry_add(Resolution *resolution, const char *entry)
{
    char *list[] = {(char *)(uintptr_t)entry, NULL};
    const CatalogueFacts *facts = resolution->facts;
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    bool found = catalogue_resolve(list, known, NULL) == RESOLVE_ALL;
    for (guint i = 0; i < known->len; i++)
        if (is_wanted(resolution, g_ptr_array_index(known, i)))
            g_ptr_array_add(resolution->types, g_ptr_array_index(known, i));
    for (size_t i = 0; facts && i < facts->live_len; i++) {
        if (!catalogue_entry_has(entry, facts->live[i].name))
            continue;
        found = true;
        if (is_wanted(resolution, &facts->live[i]))
            g_ptr_array_add(resolution->types, (gpointer)(uintptr_t)&facts->live[i]);
    }
    return found;
}

static void bundle_fall_back(Resolution *resolution)
{
    guint before = resolution->types->len;
    for (size_t i = 0; i < G_N_ELEMENTS(generations_x86_64) && resolution->types->len == before; i++)
        for (size_t j = 0; generations_x86_64[i][j]; j++)
            (void)entry_add(resolution, generations_x86_64[i][j]);
}

static void entries_add(Resolution *resolution)
{
    static char *fallback[] = {(char *)(uintptr_t) "default_x86_64", NULL};
    char **entries = resolution->spec->instance_types;
    if (!entries || !entries[0])
        entries = fallback;
    for (size_t i = 0; entries[i]; i++) {
        guint before = resolution->types->len;
        resolution->is_open = !entry_add(resolution, entries[i]) || resolution->is_open;
        bool bundle = !strcmp(entries[i], "optimal") || !strcmp(entries[i], "default_x86_64");
        if (bundle && resolution->types->len == before)
            bundle_fall_back(resolution);
    }
}

static bool is_live(const CatalogueFacts *facts, const InstanceType *type)
{
    return facts && facts->live_len && type >= facts->live && type < facts->live + facts->live_len;
}

static int type_compare(gconstpointer a, gconstpointer b, gpointer facts)
{
    const InstanceType *left = *(const InstanceType *const *)a, *right = *(const InstanceType *const *)b;
    int order = strcmp(left->name, right->name);
    return order ? order : (int)is_live(facts, right) - (int)is_live(facts, left);
}

/* By name, each once: the live description stands first of its name and so wins. */
static void types_sort(Resolution *resolution)
{
    GPtrArray *types = resolution->types;
    bool any_x86_64 = false;
    g_ptr_array_sort_with_data(types, type_compare, (gpointer)(uintptr_t)resolution->facts);
    for (guint i = 0; i < types->len; i++)
        any_x86_64 = any_x86_64 ||
                     ((const InstanceType *)g_ptr_array_index(types, i))->architecture == ARCHITECTURE_X86_64;
    guint kept = 0;
    for (guint i = 0; i < types->len; i++) {
        const InstanceType *type = g_ptr_array_index(types, i);
        if (any_x86_64 && type->architecture != ARCHITECTURE_X86_64)
            continue;
        if (kept && !strcmp(((const InstanceType *)g_ptr_array_index(types, kept - 1))->name, type->name))
            continue;
        types->pdata[kept++] = types->pdata[i];
    }
    g_ptr_array_set_size(types, (gint)kept);
}

/* ---- what they offer and cost */

static void price_fill(ScaleCandidates *candidates, ScaleCandidate *candidate, const InstanceType *type,
                       const TypeFacts *fact, const char *region)
{
    Price price;
    bool known = catalogue_price(type, region, &price);
    candidate->price_micro_per_h = known ? price.micro_per_h : SCALE_UNKNOWN;
    if (known && !candidates->currency)
        candidates->currency = g_strdup(price.currency);
    if (fact && fact->price_micro_per_h > 0)
        candidate->price_micro_per_h = fact->price_micro_per_h;
    candidate->spot_micro_per_h = fact && fact->spot_micro_per_h > 0 ? fact->spot_micro_per_h : SCALE_UNKNOWN;
    candidate->rank = fact && fact->rank >= 0 ? MIN(fact->rank, SCALE_RANK_MAX) : SCALE_UNKNOWN;
}

static void candidate_fill(ScaleCandidate *candidate, const InstanceType *type, const TypeFacts *fact)
{
    candidate->name = g_strdup(type->name);
    candidate->architecture = type->architecture;
    candidate->nominal_mib = type->memory_mib;
    candidate->planned = (Capacity){type->vcpus * DECIMAL_SCALE, instance_type_usable_mib(type), type->gpus};
    candidate->is_learned = fact && fact->registered.memory_mib > 0;
    if (candidate->is_learned)
        candidate->planned = (Capacity){fact->registered.vcpus_e4 > 0 ? fact->registered.vcpus_e4
                                                                      : type->vcpus * DECIMAL_SCALE,
                                        fact->registered.memory_mib, fact->registered.gpus};
    /* CpuOptions of a launch template lower what a host has and what it counts as. */
    candidate->vcpus = (candidate->planned.vcpus_e4 + DECIMAL_SCALE - 1) / DECIMAL_SCALE;
}

ScaleCandidates *scale_candidates_new(const ComputeEnvironmentSpec *spec, const CatalogueFacts *facts)
{
    g_autoptr(GPtrArray) types = g_ptr_array_new();
    Resolution resolution = {.spec = spec, .facts = facts, .types = types};
    entries_add(&resolution);
    types_sort(&resolution);
    const char *region = spec->region ? spec->region : facts ? facts->region : NULL;
    ScaleCandidates *candidates = g_new0(ScaleCandidates, 1);
    candidates->types = g_new0(ScaleCandidate, types->len);
    candidates->len = types->len;
    candidates->is_open = resolution.is_open;
    for (guint i = 0; i < types->len; i++) {
        const InstanceType *type = g_ptr_array_index(types, i);
        const TypeFacts *fact = facts_find(facts, type->name);
        candidate_fill(&candidates->types[i], type, fact);
        price_fill(candidates, &candidates->types[i], type, fact, region);
    }
    return candidates;
}

void scale_candidates_free(ScaleCandidates *candidates)
{
    if (!candidates)
        return;
    for (size_t i = 0; i < candidates->len; i++)
        g_free(candidates->types[i].name);
    g_free(candidates->types);
    g_free(candidates->currency);
    g_free(candidates);
}

bool scale_candidates_find(const ScaleCandidates *candidates, View name, size_t *ret_index)
{
    return name_find(candidates->types, candidates->len, sizeof *candidates->types, name, ret_index);
}

bool scale_candidate_fits(const ScaleCandidate *candidate, Capacity need)
{
    return candidate->planned.gpus >= need.gpus && candidate->planned.vcpus_e4 >= need.vcpus_e4 &&
           candidate->planned.memory_mib >= need.memory_mib;
}
