/* order.c: what a spec refers to, and the order that follows from it. */
#include "reconciler/plan/change.h"
#include "spec/reference.h"
#include "spec/reference_path.h"

/* ---- references of a spec
 * ----------------------------------------------------------------------------------------- */

static void collect_reference(const ManifestReference *found, void *data)
{
    View qualifier;
    SpecReference reference = {found->kind, reference_name(found->kind, found->text, &qualifier)};
    if (reference.name.len > 0)
        g_array_append_vals(data, &reference, 1);
}

void spec_references(Kind kind, View spec, GArray *references)
{
    reference_path_scan(kind, spec, collect_reference, references);
}

/* ---- changes by kind and name
 * ------------------------------------------------------------------------------------- */

static guint title_hash(gconstpointer data)
{
    const SpecReference *key = data;
    guint hash = 5381 + (guint)key->kind;
    for (size_t i = 0; i < key->name.len; i++)
        hash = hash * 33 + (guint)(unsigned char)key->name.data[i];
    return hash;
}

static gboolean title_equal(gconstpointer a, gconstpointer b)
{
    const SpecReference *first = a, *second = b;
    return first->kind == second->kind && view_equal(first->name, second->name);
}

/* What order works on: one entry per change, in the order of the diff. */
typedef struct {
    Change *change;
    View spec;
    SpecReference key;
    GPtrArray *dependents; /* of Entry*: jobs that run after this one; may be NULL */
    GPtrArray *names;      /* depends_on in the making; may be NULL */
    size_t waits_for;
} Entry;

static void entry_depend(Entry *entry, const SpecReference *on)
{
    if (!entry->names)
        entry->names = g_ptr_array_new();
    g_ptr_array_add(entry->names, g_strdup_printf("%s/" VIEW_FMT, kind_name(on->kind), VIEW_ARG(on->name)));
}

static void entry_link(Entry *entry, GHashTable *by_key, const SpecReference *reference)
{
    Entry *other = g_hash_table_lookup(by_key, reference);
    if (!other || title_equal(&other->key, &entry->key))
        return;
    bool is_delete = entry->change->action == ACTION_DELETE,
         other_is_delete = other->change->action == ACTION_DELETE;
    if (is_delete && other_is_delete) {
        entry_depend(other, &entry->key); /* what refers goes before what it refers to */
    } else if (!is_delete && !other_is_delete) {
        entry_depend(entry, &other->key);
        if (entry->change->action == ACTION_RUN && other->change->action == ACTION_RUN) {
            if (!other->dependents)
                other->dependents = g_ptr_array_new();
            g_ptr_array_add(other->dependents, entry);
            entry->waits_for++;
        }
    }
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void entry_finish(Entry *entry)
{
    if (entry->dependents)
        g_ptr_array_unref(entry->dependents);
    if (!entry->names)
        return;
    g_ptr_array_sort(entry->names, compare_names);
    guint kept = 0;
    for (guint i = 0; i < entry->names->len; i++) {
        char *name = g_ptr_array_index(entry->names, i);
        if (kept > 0 && strcmp(name, g_ptr_array_index(entry->names, kept - 1)) == 0)
            g_free(name);
        else
            entry->names->pdata[kept++] = name;
    }
    g_ptr_array_set_size(entry->names, (int)kept);
    g_ptr_array_add(entry->names, NULL);
    g_strfreev(entry->change->depends_on);
    entry->change->depends_on = (char **)g_ptr_array_free(entry->names, FALSE);
}

static void link_all(Entry *entries, size_t len)
{
    g_autoptr(GHashTable) by_key = g_hash_table_new(title_hash, title_equal);
    for (size_t i = 0; i < len; i++)
        if (!g_hash_table_contains(by_key,
                                   &entries[i].key)) /* a pipeline's resource stands for its run as well */
            g_hash_table_insert(by_key, &entries[i].key, &entries[i]);
    g_autoptr(GArray) references = g_array_new(FALSE, FALSE, sizeof(SpecReference));
    for (size_t i = 0; i < len; i++) {
        g_array_set_size(references, 0);
        spec_references(entries[i].key.kind, entries[i].spec, references);
        for (guint j = 0; j < references->len; j++)
            entry_link(&entries[i], by_key, &g_array_index(references, SpecReference, j));
    }
}

/* Kahn's algorithm over the runs, first come first served, so that it is stable. Runs in a cycle (validation
 * refuses them) come last, in the order of the diff. */
static void order_runs(Entry *entries, size_t len, GPtrArray *ordered)
{
    g_autoptr(GPtrArray) queue = g_ptr_array_new();
    for (size_t i = 0; i < len; i++)
        if (entries[i].change->action == ACTION_RUN && entries[i].waits_for == 0)
            g_ptr_array_add(queue, &entries[i]);
    for (guint next = 0; next < queue->len; next++) {
        Entry *entry = g_ptr_array_index(queue, next);
        g_ptr_array_add(ordered, entry->change);
        for (guint i = 0; entry->dependents && i < entry->dependents->len; i++) {
            Entry *dependent = g_ptr_array_index(entry->dependents, i);
            if (--dependent->waits_for == 0)
                g_ptr_array_add(queue, dependent);
        }
    }
    for (size_t i = 0; i < len; i++)
        if (entries[i].change->action == ACTION_RUN && entries[i].waits_for > 0)
            g_ptr_array_add(ordered, entries[i].change);
}

void plan_order(GPtrArray *changes, const View *specs)
{
    size_t len = changes->len;
    Entry *entries = g_new0(Entry, len);
    for (size_t i = 0; i < len; i++) {
        Change *change = g_ptr_array_index(changes, i);
        entries[i] =
            (Entry){.change = change, .spec = specs[i], .key = {change->kind, view_from(change->name)}};
    }
    link_all(entries, len);
    g_autoptr(GPtrArray) ordered = g_ptr_array_sized_new((guint)len);
    for (size_t i = 0; i < len; i++)
        if (entries[i].change->action != ACTION_RUN && entries[i].change->action != ACTION_DELETE)
            g_ptr_array_add(ordered, entries[i].change);
    order_runs(entries, len, ordered);
    for (size_t i = len; i-- > 0;)
        if (entries[i].change->action == ACTION_DELETE)
            g_ptr_array_add(ordered, entries[i].change);
    for (size_t i = 0; i < len; i++)
        entry_finish(&entries[i]);
    g_free(entries);
    g_assert(ordered->len == len);
    for (guint i = 0; i < len; i++)
        changes->pdata[i] = g_ptr_array_index(ordered, i);
}
