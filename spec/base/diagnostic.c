#include "spec/base/diagnostic.h"

typedef struct {
    Diagnostic diagnostic;
    guint64 order; /* of adding */
} Entry;

struct DiagnosticList {
    GPtrArray *entries;                 /* of Entry */
    GHashTable *seen;                   /* set of Entry in entries, by content */
    size_t counts[SEVERITY_NOTICE + 1]; /* all that were added, also those not kept */
    size_t infeasible;
    size_t dropped[SEVERITY_NOTICE + 1]; /* not kept */
    size_t dropped_infeasible;
    guint64 next_order;
    bool sorted;
    DiagnosticCursor cursor;
};

static void entry_free(void *data)
{
    Entry *entry = data;
    g_free(entry->diagnostic.file);
    g_free(entry->diagnostic.path);
    g_free(entry->diagnostic.message);
    g_free(entry->diagnostic.detail);
    g_free(entry->diagnostic.source);
    g_free(entry);
}

static guint text_hash(const char *text)
{
    return text ? g_str_hash(text) : 0;
}

static guint entry_hash(gconstpointer data)
{
    const Diagnostic *d = &((const Entry *)data)->diagnostic;
    guint hash = text_hash(d->file) * 31 + text_hash(d->message);
    return (hash * 31 + (guint)d->line) * 31 + (guint)d->column;
}

static gboolean entry_equal(gconstpointer a, gconstpointer b)
{
    const Diagnostic *x = &((const Entry *)a)->diagnostic;
    const Diagnostic *y = &((const Entry *)b)->diagnostic;
    return x->severity == y->severity && x->class == y->class && x->line == y->line &&
           x->column == y->column && g_strcmp0(x->file, y->file) == 0 &&
           g_strcmp0(x->message, y->message) == 0 && g_strcmp0(x->path, y->path) == 0 &&
           g_strcmp0(x->detail, y->detail) == 0;
}

DiagnosticList *diagnostic_list_new(void)
{
    DiagnosticList *list = g_new0(DiagnosticList, 1);
    list->entries = g_ptr_array_new_with_free_func(entry_free);
    list->seen = g_hash_table_new(entry_hash, entry_equal);
    list->sorted = true;
    return list;
}

void diagnostic_list_free(DiagnosticList *list)
{
    if (!list)
        return;
    g_hash_table_unref(list->seen);
    g_ptr_array_unref(list->entries);
    g_free(list);
}

static void count_one(DiagnosticList *list, const Diagnostic *diagnostic)
{
    list->counts[diagnostic->severity]++;
    if (diagnostic->class == DIAGNOSTIC_INFEASIBLE)
        list->infeasible++;
}

/* Takes entry. */
static void add_entry(DiagnosticList *list, Entry *entry)
{
    if (g_hash_table_contains(list->seen, entry)) {
        entry_free(entry);
        return;
    }
    count_one(list, &entry->diagnostic);
    if (list->entries->len >= DIAGNOSTICS_MAX) {
        list->dropped[entry->diagnostic.severity]++;
        list->dropped_infeasible += entry->diagnostic.class == DIAGNOSTIC_INFEASIBLE;
        entry_free(entry);
        return;
    }
    entry->order = list->next_order++;
    g_ptr_array_add(list->entries, entry);
    g_hash_table_add(list->seen, entry);
    list->sorted = false;
}

/* What came from a file may hold bytes that are not UTF-8; what is printed never does. */
static char *text_copy(const char *text)
{
    return text ? g_utf8_make_valid(text, -1) : NULL;
}

void diagnostic_list_add(DiagnosticList *list, const Diagnostic *diagnostic)
{
    Entry *entry = g_new0(Entry, 1);
    entry->diagnostic = *diagnostic;
    entry->diagnostic.file = g_strdup(diagnostic->file);
    entry->diagnostic.path = text_copy(diagnostic->path);
    entry->diagnostic.message = text_copy(diagnostic->message ? diagnostic->message : "");
    entry->diagnostic.detail = text_copy(diagnostic->detail);
    entry->diagnostic.source =
        g_strdup(diagnostic->source); /* columns count its bytes: mended when rendered */
    add_entry(list, entry);
}

void diagnostic_list_merge(DiagnosticList *list, DiagnosticList *from)
{
    gsize len;
    g_hash_table_remove_all(from->seen);
    g_autofree void **entries = g_ptr_array_steal(from->entries, &len);
    for (gsize i = 0; i < len; i++)
        add_entry(list, entries[i]);
    for (int s = SEVERITY_ERROR; s <= SEVERITY_NOTICE; s++) {
        list->counts[s] += from->dropped[s];
        list->dropped[s] += from->dropped[s];
        from->counts[s] = from->dropped[s] = 0;
    }
    list->infeasible += from->dropped_infeasible;
    list->dropped_infeasible += from->dropped_infeasible;
    from->infeasible = from->dropped_infeasible = 0;
    from->sorted = true;
}

size_t diagnostic_list_count(const DiagnosticList *list, Severity severity)
{
    return list->counts[severity];
}

size_t diagnostic_list_count_infeasible(const DiagnosticList *list)
{
    return list->infeasible;
}

size_t diagnostic_list_len(const DiagnosticList *list)
{
    return list->entries->len;
}

static int entry_compare(gconstpointer a, gconstpointer b)
{
    const Entry *x = *(Entry *const *)a;
    const Entry *y = *(Entry *const *)b;
    int order = g_strcmp0(x->diagnostic.file, y->diagnostic.file);
    if (order == 0)
        order = (x->diagnostic.line > y->diagnostic.line) - (x->diagnostic.line < y->diagnostic.line);
    if (order == 0)
        order = (x->diagnostic.column > y->diagnostic.column) - (x->diagnostic.column < y->diagnostic.column);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

const Diagnostic *diagnostic_list_get(DiagnosticList *list, size_t index)
{
    if (!list->sorted) {
        g_ptr_array_sort(list->entries, entry_compare);
        list->sorted = true;
    }
    return &((const Entry *)g_ptr_array_index(list->entries, index))->diagnostic;
}

size_t diagnostic_list_dropped(const DiagnosticList *list)
{
    return list->dropped[SEVERITY_ERROR] + list->dropped[SEVERITY_WARNING] + list->dropped[SEVERITY_NOTICE];
}

DiagnosticCursor *diagnostic_list_cursor(DiagnosticList *list)
{
    return &list->cursor;
}
