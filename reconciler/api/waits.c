#include "reconciler/api/waits.h"

typedef struct {
    WaitsFilter filter;
    const void *data;
    GHashTable *counts; /* text, borrowed → how many */
} Gathering;

static void gather(const Launch *launch, const char *what, void *data)
{
    Gathering *gathering = data;
    gpointer count = g_hash_table_lookup(gathering->counts, what);
    if (!gathering->filter || gathering->filter(launch, gathering->data))
        g_hash_table_insert(gathering->counts, (gpointer)(uintptr_t)what,
                            GINT_TO_POINTER(GPOINTER_TO_INT(count) + 1));
}

json_t *json_waits(const World *world, WaitsFilter filter, const void *data)
{
    json_t *list = json_array();
    Gathering gathering = {filter, data, g_hash_table_new(g_str_hash, g_str_equal)};
    world_waits_each(world, gather, &gathering);
    GList *texts = g_list_sort(g_hash_table_get_keys(gathering.counts), (GCompareFunc)strcmp);
    for (const GList *at = texts; at && json_array_size(list) < WAITS_MAX; at = at->next)
        json_array_append_new(list,
                              json_pack("{s:s,s:i}", "what", at->data, "launches",
                                        GPOINTER_TO_INT(g_hash_table_lookup(gathering.counts, at->data))));
    g_list_free(texts);
    g_hash_table_unref(gathering.counts);
    return list;
}
