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

/* One thing that an entry depends on. */
typedef struct Edge Edge;
struct Edge {
    Edge *next;
    const char *title;
};

/* What order works on: one entry per change, in the order of the diff. */
typedef struct {
    Change *change;
    View spec;
    SpecReference key;
    const char *title;     /* "JobQueue/high", made when something depends on it */
    GPtrArray *dependents; /* of Entry*: jobs that run after this one; may be NULL */
    Edge *edges;           /* depends_on in the making */
    size_t edges_len;
    size_t waits_for;
} Entry;

typedef struct {
    Entry *entries;
    size_t len;
    GHashTable *by_key; /* SpecReference -> Entry */
    Arena *arena;       /* the plan's */
    Arena *scratch;     /* edges */
} Order;

static const char *entry_title(Order *order, Entry *entry)
{
    if (!entry->title) {
        const char *kind = kind_name(entry->key.kind);
        size_t kind_len = strlen(kind);
        char *title = arena_alloc_raw(order->arena, kind_len + entry->key.name.len + 2);
        memcpy(title, kind, kind_len);
        title[kind_len] = '/';
        memcpy(title + kind_len + 1, entry->change->name, entry->key.name.len + 1);
        entry->title = title;
    }
    return entry->title;
}

static void entry_depend(Order *order, Entry *entry, Entry *on)
{
    Edge *edge = arena_alloc_raw(order->scratch, sizeof *edge);
    *edge = (Edge){entry->edges, entry_title(order, on)};
    entry->edges = edge;
    entry->edges_len++;
}

static void entry_link(Order *order, Entry *entry, const SpecReference *reference)
{
    Entry *other = g_hash_table_lookup(order->by_key, reference);
    if (!other || title_equal(&other->key, &entry->key))
        return;
    bool is_delete = entry->change->action == ACTION_DELETE,
         other_is_delete = other->change->action == ACTION_DELETE;
    if (is_delete && other_is_delete) {
        entry_depend(order, other, entry); /* what refers goes before what it refers to */
    } else if (!is_delete && !other_is_delete) {
        entry_depend(order, entry, other);
        if (entry->change->action == ACTION_RUN && other->change->action == ACTION_RUN) {
            if (!other->dependents)
                other->dependents = g_ptr_array_new();
            g_ptr_array_add(other->dependents, entry);
            entry->waits_for++;
        }
    }
}

static int compare_titles(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void entry_finish(Order *order, Entry *entry)
{
    if (entry->dependents)
        g_ptr_array_unref(entry->dependents);
    if (!entry->edges)
        return;
    const char **titles = arena_new0_n(order->arena, const char *, entry->edges_len + 1);
    size_t len = 0, kept = 0;
    for (const Edge *edge = entry->edges; edge; edge = edge->next)
        titles[len++] = edge->title;
    qsort(titles, len, sizeof *titles, compare_titles);
    for (size_t i = 0; i < len; i++)
        if (kept == 0 || strcmp(titles[i], titles[kept - 1]) != 0)
            titles[kept++] = titles[i];
    titles[kept] = NULL;
    entry->change->depends_on = titles;
}

/* Those of a manifest were found when it was read; what is deleted has none. */
static void entry_references(const Entry *entry, GArray *references)
{
    const Manifest *manifest = entry->change->manifest;
    if (!manifest) {
        spec_references(entry->key.kind, entry->spec, references);
        return;
    }
    for (size_t i = 0; i < manifest->references_len; i++)
        collect_reference(&manifest->references[i], references);
}

static void link_all(Order *order)
{
    /* Backwards, so that of two with one key the first stays: a pipeline's resource stands for its run too.
     */
    for (size_t i = order->len; i-- > 0;)
        g_hash_table_replace(order->by_key, &order->entries[i].key, &order->entries[i]);
    g_autoptr(GArray) references = g_array_new(FALSE, FALSE, sizeof(SpecReference));
    for (size_t i = 0; i < order->len; i++) {
        g_array_set_size(references, 0);
        entry_references(&order->entries[i], references);
        for (guint j = 0; j < references->len; j++)
            entry_link(order, &order->entries[i], &g_array_index(references, SpecReference, j));
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

static void order_clear(Order *order)
{
    for (size_t i = 0; i < order->len; i++)
        entry_finish(order, &order->entries[i]);
    g_hash_table_unref(order->by_key);
    arena_free(order->scratch);
    g_free(order->entries);
}

static bool is_renamed(const Change *change)
{
    return change->formerly && change->action != ACTION_CREATE;
}

void plan_order(Plan *plan, const View *specs)
{
    GPtrArray *changes = plan->changes;
    size_t len = changes->len;
    Order order = {g_new0(Entry, len), len, g_hash_table_new(title_hash, title_equal), plan->arena,
                   arena_new()};
    for (size_t i = 0; i < len; i++) {
        Change *change = g_ptr_array_index(changes, i);
        order.entries[i] =
            (Entry){.change = change, .spec = specs[i], .key = {change->kind, view_from(change->name)}};
    }
    link_all(&order);
    g_autoptr(GPtrArray) ordered = g_ptr_array_sized_new((guint)len);
    for (size_t i = 0; i < len; i++) /* what others refer to by its new name */
        if (is_renamed(order.entries[i].change))
            g_ptr_array_add(ordered, order.entries[i].change);
    for (size_t i = 0; i < len; i++)
        if (order.entries[i].change->action != ACTION_RUN &&
            order.entries[i].change->action != ACTION_DELETE && !is_renamed(order.entries[i].change))
            g_ptr_array_add(ordered, order.entries[i].change);
    order_runs(order.entries, len, ordered);
    for (size_t i = len; i-- > 0;)
        if (order.entries[i].change->action == ACTION_DELETE)
            g_ptr_array_add(ordered, order.entries[i].change);
    order_clear(&order);
    g_assert(ordered->len == len);
    for (guint i = 0; i < len; i++)
        changes->pdata[i] = g_ptr_array_index(ordered, i);
}
