/* leaks.c: see leaks.h. */
#include "reconciler/provider/aws/leaks.h"

#define FEW   5 /* at a time, whatever there is */
#define SHARE 5 /* one of so many that are known */

typedef struct {
    char *id;
    int64_t first_ms;
    uint64_t first, last; /* looks that found it */
} Leak;

struct Leaks {
    GHashTable *found; /* id → Leak */
    uint64_t look;
};

static void leak_free(void *data)
{
    Leak *leak = data;
    g_free(leak->id);
    g_free(leak);
}

Leaks *leaks_new(void)
{
    Leaks *leaks = g_new0(Leaks, 1);
    leaks->found = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, leak_free);
    return leaks;
}

void leaks_free(Leaks *leaks)
{
    if (!leaks)
        return;
    g_hash_table_unref(leaks->found);
    g_free(leaks);
}

void leaks_begin(Leaks *leaks)
{
    leaks->look++;
}

void leaks_found(Leaks *leaks, const char *id, int64_t now_ms)
{
    Leak *leak = g_hash_table_lookup(leaks->found, id);
    if (!leak) {
        leak = g_new(Leak, 1);
        *leak = (Leak){g_strdup(id), now_ms, leaks->look, 0};
        g_hash_table_insert(leaks->found, leak->id, leak);
    }
    leak->last = leaks->look;
}

static gboolean is_not_there(void *key, void *value, void *data)
{
    (void)key;
    return ((const Leak *)value)->last != ((const Leaks *)data)->look;
}

static int by_age(const void *a, const void *b)
{
    const Leak *left = *(const Leak *const *)a, *right = *(const Leak *const *)b;
    if (left->first_ms != right->first_ms)
        return left->first_ms < right->first_ms ? -1 : 1;
    return g_strcmp0(left->id, right->id);
}

GPtrArray *leaks_end(Leaks *leaks, int64_t now_ms, int64_t wait_ms, guint known)
{
    g_autoptr(GPtrArray) due = g_ptr_array_new();
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    Leak *leak;
    g_hash_table_foreach_remove(leaks->found, is_not_there, leaks);
    g_hash_table_iter_init(&iter, leaks->found);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&leak))
        if (leak->first < leaks->look && now_ms - leak->first_ms >= wait_ms)
            g_ptr_array_add(due, leak);
    g_ptr_array_sort(due, by_age);
    for (guint i = 0; i < due->len && i < MAX(FEW, known / SHARE); i++)
        g_ptr_array_add(ids, g_strdup(((const Leak *)due->pdata[i])->id));
    for (guint i = 0; i < ids->len; i++)
        g_hash_table_remove(leaks->found, ids->pdata[i]);
    return ids;
}
