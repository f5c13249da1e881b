#include "reconciler/world/drift.h"
#include "reconciler/world/outside.h"
#include "reconciler/world/override.h"
#include "reconciler/world/state.h"

/* Waits before what was put back so often is put back again. */
static const int64_t delays_ms[] = {0, 10000, 60000, 300000, 1800000};

static int64_t delay_after(int64_t corrections)
{
    return delays_ms[MIN(corrections, (int64_t)G_N_ELEMENTS(delays_ms) - 1)];
}

/* ---- modes ---- */

const char *drift_mode_name(DriftMode mode)
{
    static const char *const names[] = {
        [DRIFT_CORRECT] = "correct", [DRIFT_WARN] = "warn", [DRIFT_IGNORE] = "ignore"};
    return names[mode];
}

DriftMode drift_mode(View metadata)
{
    DriftMode mode = DRIFT_CORRECT;
    if (!metadata.len || !memmem(metadata.data, metadata.len, DRIFT_ANNOTATION, strlen(DRIFT_ANNOTATION)))
        return mode; /* as nearly all */
    json_t *root = json_loadb(metadata.data, metadata.len, 0, NULL);
    const char *text =
        json_string_value(json_object_get(json_object_get(root, "annotations"), DRIFT_ANNOTATION));
    for (int i = DRIFT_CORRECT; i <= DRIFT_IGNORE; i++)
        if (g_strcmp0(text, drift_mode_name((DriftMode)i)) == 0)
            mode = (DriftMode)i;
    json_decref(root);
    return mode;
}

/* ---- entries ---- */

typedef struct {
    Drift drift;
    TreeNode by_key; /* World.drifts */
    GList dirty;
    bool is_dirty, is_stored;
    bool is_removed; /* it goes once that is written */
} DriftEntry;

static DriftEntry *entry_of(const Drift *drift)
{
    return (DriftEntry *)(uintptr_t)drift;
}

static int key_compare(const TreeNode *node, const void *key)
{
    const Drift *drift = &TREE_ENTRY(node, DriftEntry, by_key)->drift;
    const ResourceKey *wanted = key;
    if (drift->kind != wanted->kind)
        return drift->kind < wanted->kind ? -1 : 1;
    return view_compare(view_from(drift->name), wanted->name);
}

static int entry_compare(const TreeNode *a, const TreeNode *b)
{
    const Drift *right = &TREE_ENTRY(b, DriftEntry, by_key)->drift;
    return key_compare(a, &(ResourceKey){right->kind, view_from(right->name)});
}

void drifts_init(World *world)
{
    tree_init(&world->drifts, entry_compare);
}

static void entry_free(World *world, DriftEntry *entry)
{
    if (entry->is_dirty)
        g_queue_unlink(&world->dirty_drifts, &entry->dirty);
    tree_remove(&world->drifts, &entry->by_key);
    g_free(entry->drift.name);
    g_free(entry->drift.fields);
    g_free(entry->drift.problem);
    g_free(entry);
}

void drifts_clear(World *world)
{
    for (TreeNode *node; (node = tree_first(&world->drifts));)
        entry_free(world, TREE_ENTRY(node, DriftEntry, by_key));
}

static DriftEntry *entry_find(const World *world, Kind kind, View name)
{
    TreeNode *node = tree_find(&world->drifts, &(ResourceKey){kind, name}, key_compare);
    return node ? TREE_ENTRY(node, DriftEntry, by_key) : NULL;
}

static DriftEntry *entry_new(World *world, Kind kind, View name)
{
    DriftEntry *entry = g_new0(DriftEntry, 1);
    entry->drift.kind = kind;
    entry->drift.name = view_dup(name);
    entry->dirty.data = entry;
    tree_insert(&world->drifts, &entry->by_key);
    return entry;
}

static void touch(World *world, DriftEntry *entry)
{
    world->declarations++;
    if (entry->is_dirty || world_is_quiet(world))
        return;
    entry->is_dirty = true;
    g_queue_push_tail_link(&world->dirty_drifts, &entry->dirty);
}

static void remove_entry(World *world, DriftEntry *entry)
{
    world->declarations++;
    if (!entry->is_stored || world->silent) {
        entry_free(world, entry);
        return;
    }
    entry->is_removed = true;
    touch(world, entry);
}

static const Drift *shown_from(const TreeNode *node)
{
    for (; node; node = tree_next(node)) {
        const DriftEntry *entry = TREE_ENTRY(node, DriftEntry, by_key);
        if (entry->drift.fields && !entry->drift.is_ignored && !entry->is_removed)
            return &entry->drift;
    }
    return NULL;
}

const Drift *world_drift_next(const World *world, const Drift *after)
{
    return shown_from(after ? tree_next(&entry_of(after)->by_key) : tree_first(&world->drifts));
}

const Drift *resource_drift(const World *world, const Resource *resource)
{
    const DriftEntry *entry = entry_find(world, resource->kind, view_from(resource->name));
    return entry && !entry->is_removed ? &entry->drift : NULL;
}

const Drift *world_drift(const World *world, Kind kind, View name)
{
    const DriftEntry *entry = entry_find(world, kind, name);
    return entry && shown_from(&entry->by_key) == &entry->drift ? &entry->drift : NULL;
}

/* ---- rows ---- */

static DriftRecord record_of(const Drift *drift)
{
    return (DriftRecord){.kind = drift->kind,
                         .name = view_from(drift->name),
                         .fields = view_from(drift->fields),
                         .since_ms = drift->since_ms,
                         .seen_ms = drift->seen_ms,
                         .told_ms = drift->told_ms,
                         .corrections = drift->corrections,
                         .refusals = drift->refusals,
                         .next_ms = drift->next_ms,
                         .problem = view_from(drift->problem),
                         .is_given_up = drift->is_given_up};
}

void write_drifts(World *world, Batch *batch)
{
    for (GList *link; (link = g_queue_pop_head_link(&world->dirty_drifts));) {
        DriftEntry *entry = link->data;
        DriftRecord record = record_of(&entry->drift);
        record.removed = entry->is_removed;
        if (!record.removed || entry->is_stored)
            batch_put_drift(batch, &record);
        entry->is_dirty = false;
        entry->is_stored = !record.removed;
        if (entry->is_removed)
            entry_free(world, entry);
    }
}

bool drift_restore(World *world, const DriftRecord *record, GError **error)
{
    const Resource *resource = world_resource(world, record->kind, record->name);
    if (entry_find(world, record->kind, record->name) || !resource) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID, "drift of %s/" VIEW_FMT ": %s",
                    kind_name(record->kind), VIEW_ARG(record->name), "there twice, or without its resource");
        return false;
    }
    DriftEntry *entry = entry_new(world, record->kind, record->name);
    Drift *drift = &entry->drift;
    entry->is_stored = true;
    drift->fields = view_dup_or_null(record->fields);
    drift->problem = view_dup_or_null(record->problem);
    drift->since_ms = record->since_ms;
    drift->seen_ms = record->seen_ms;
    drift->told_ms = record->told_ms;
    drift->corrections = record->corrections;
    drift->refusals = record->refusals;
    drift->next_ms = record->next_ms;
    drift->is_given_up = record->is_given_up;
    drift->is_ignored = drift_mode(view_from(resource->metadata)) == DRIFT_IGNORE;
    return true;
}

void drifts_dump(const World *world, GString *out)
{
    for (TreeNode *node = tree_first(&world->drifts); node; node = tree_next(node)) {
        const Drift *drift = &TREE_ENTRY(node, DriftEntry, by_key)->drift;
        g_string_append_printf(
            out,
            "drift %s/%s since=%" G_GINT64_FORMAT " seen=%" G_GINT64_FORMAT " told=%" G_GINT64_FORMAT
            " corrections=%" G_GINT64_FORMAT " refusals=%" G_GINT64_FORMAT " next=%" G_GINT64_FORMAT
            " given_up=%d ignored=%d %s %s\n",
            kind_name(drift->kind), drift->name, drift->since_ms, drift->seen_ms, drift->told_ms,
            drift->corrections, drift->refusals, drift->next_ms, drift->is_given_up, drift->is_ignored,
            drift->fields ? drift->fields : "-", drift->problem ? drift->problem : "-");
    }
}

/* ---- in force ---- */

/* Of the digests that stand for values, as in plans. Something is observed only of what was made under the
 * name of the installation, so that it has one by then. */
static const char *salt_of(const World *world)
{
    const char *installation = world_setting(world, INSTALLATION_SETTING);
    return installation ? installation : "";
}

char *resource_wanted(const World *world, const Resource *resource, Digest *ret_digest)
{
    char *spec = override_spec(world, resource);
    const Environment *environment = resource->environment;
    const char *name = environment ? environment_outside(environment) : resource->name;
    if (spec)
        canonical_digest(resource->kind, view_from(name), view_from(spec), ret_digest);
    else if (environment)
        environment_outside_digest(environment, ret_digest);
    else
        *ret_digest = resource->digest;
    return spec ? spec : g_strdup(resource->spec);
}

uint64_t world_declarations(const World *world)
{
    return world->declarations;
}

/* ---- telling ---- */

static void event(World *world, const Drift *drift, const char *type, const char *message, int64_t now_ms)
{
    g_autofree char *subject = g_strdup_printf("%s/%s", kind_name(drift->kind), drift->name);
    if (!drift->is_ignored)
        world_event(world, type, subject, message, now_ms);
}

static void tell(World *world, DriftEntry *entry, ChangeAction action, const char *type, const char *message,
                 int64_t now_ms)
{
    const Drift *drift = &entry->drift;
    const Resource *resource = world_resource(world, drift->kind, view_from(drift->name));
    entry->drift.told_ms = now_ms;
    event(world, drift, type, message, now_ms);
    if (!drift->is_ignored)
        world_change(world, &(ChangeRecord){.kind = drift->kind,
                                            .name = view_from(drift->name),
                                            .at_ms = now_ms,
                                            .owner = view_from(resource ? resource->owner : ""),
                                            .action = action,
                                            .reason = view_from(message)});
}

#define WORDS_BYTES 1000

/* How many fields it is from the given one on, with those that are only counted. */
static json_int_t len_from(const json_t *list, size_t from)
{
    size_t len = json_array_size(list);
    json_int_t omitted = json_integer_value(json_object_get(json_array_get(list, len - 1), "omitted"));
    return (json_int_t)(len - from) + (omitted ? omitted - 1 : 0);
}

/* "maxvCpus: 256 was set to 512; state: …", as long as there is room. */
static char *words_of(const char *fields)
{
    json_t *list = drift_fields_shown(fields), *field;
    g_autoptr(GString) out = g_string_new(NULL);
    size_t i;
    json_array_foreach(list, i, field)
    {
        g_autofree char *words = drift_field_words(field);
        if (i > 0 && out->len + strlen(words) > WORDS_BYTES) {
            g_string_append_printf(out, "; and %" JSON_INTEGER_FORMAT " more", len_from(list, i));
            break;
        }
        g_string_append_printf(out, "%s%s", i > 0 ? "; " : "", words);
    }
    json_decref(list);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void set_problem(Drift *drift, char *problem)
{
    g_free(drift->problem);
    drift->problem = problem;
}

static char *time_text(int64_t at_ms)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(at_ms / 1000);
    return at ? g_date_time_format(at, "%F %T UTC") : g_strdup("-");
}

/* ---- finding ---- */

static void tell_contested(World *world, DriftEntry *entry, int64_t now_ms)
{
    Drift *drift = &entry->drift;
    if (drift->corrections < DRIFT_CONTESTED)
        return;
    g_autofree char *at = time_text(drift->next_ms);
    set_problem(drift, g_strdup_printf("put back %" G_GINT64_FORMAT
                                       " times and changed again each time: somebody else "
                                       "sets it; it is put back again from %s on",
                                       drift->corrections, at));
    event(world, drift, "resource.contested", drift->problem, now_ms);
}

/* fields is taken. */
static void begins(World *world, DriftEntry *entry, char *fields, DriftMode mode, int64_t now_ms)
{
    Drift *drift = &entry->drift;
    g_autofree char *words = words_of(fields);
    drift->fields = fields;
    drift->since_ms = drift->seen_ms = now_ms;
    drift->next_ms = MAX(drift->next_ms, now_ms);
    drift->refusals = 0;
    drift->is_given_up = false;
    set_problem(drift, NULL);
    tell(world, entry, CHANGE_DRIFT, "resource.drifted", words, now_ms);
    if (mode == DRIFT_CORRECT)
        tell_contested(world, entry, now_ms);
    touch(world, entry);
}

/* fields is taken. What was given up is tried again: it is about something else now. */
static void goes_on_otherwise(World *world, DriftEntry *entry, char *fields, int64_t now_ms)
{
    Drift *drift = &entry->drift;
    g_free(drift->fields);
    drift->fields = fields;
    drift->seen_ms = now_ms;
    drift->next_ms = MAX(drift->next_ms, now_ms);
    drift->refusals = 0;
    drift->is_given_up = false;
    if (now_ms - drift->told_ms >= DRIFT_TOLD_MS) {
        g_autofree char *words = words_of(fields);
        tell(world, entry, CHANGE_DRIFT, "resource.drifted", words, now_ms);
    }
    touch(world, entry);
}

static void goes_on(World *world, DriftEntry *entry, int64_t now_ms)
{
    if (now_ms - entry->drift.seen_ms < DRIFT_SEEN_MS)
        return;
    entry->drift.seen_ms = now_ms;
    touch(world, entry);
}

/* Where it was put back, how often is remembered for a while. */
static void ends(World *world, DriftEntry *entry, const char *why, int64_t now_ms)
{
    Drift *drift = &entry->drift;
    tell(world, entry, CHANGE_UNDRIFT, "resource.undrifted", why, now_ms);
    g_clear_pointer(&drift->fields, g_free);
    set_problem(drift, NULL);
    drift->refusals = 0;
    drift->is_given_up = false;
    drift->seen_ms = now_ms;
    if (drift->corrections == 0 || drift->is_ignored)
        remove_entry(world, entry);
    else
        touch(world, entry);
}

/* fields (NULL: none) is taken. */
static void found(World *world, const Resource *resource, char *fields, const char *why_gone, int64_t now_ms)
{
    DriftEntry *entry = entry_find(world, resource->kind, view_from(resource->name));
    DriftMode mode = drift_mode(view_from(resource->metadata));
    bool is_known = entry && !entry->is_removed && entry->drift.fields;
    if (!fields) {
        if (is_known)
            ends(world, entry, why_gone, now_ms);
        return;
    }
    if (!entry)
        entry = entry_new(world, resource->kind, view_from(resource->name));
    if (entry->is_removed) { /* its row need not go */
        entry->is_removed = false;
        g_clear_pointer(&entry->drift.fields, g_free);
        entry->drift.corrections = entry->drift.next_ms = 0;
    }
    entry->drift.is_ignored = mode == DRIFT_IGNORE;
    if (!is_known) {
        begins(world, entry, fields, mode, now_ms);
    } else if (strcmp(entry->drift.fields, fields) != 0) {
        goes_on_otherwise(world, entry, fields, now_ms);
    } else {
        goes_on(world, entry, now_ms);
        g_free(fields);
    }
}

/* ---- observations ---- */

static const char *why_gone(const Drift *before, const Observation *observation)
{
    return before && observation->is_answer ? "put back to what is declared"
                                            : "as declared again: changed back outside";
}

/* It was put back, and yet it is as it was. */
static void still_differs(World *world, const Resource *resource, const char *before, int64_t now_ms)
{
    const Drift *drift = resource_drift(world, resource);
    if (drift && before && g_strcmp0(before, drift->fields) == 0)
        drift_refused(world, resource, "it was put back, and still differs in the same way", now_ms);
}

DriftFinding drift_observed(World *world, const Resource *resource, const Observation *observation,
                            int64_t now_ms, char **ret_message)
{
    Digest wanted;
    g_autofree char *in_force = resource_wanted(world, resource, &wanted);
    if (!digest_equal(&wanted, &observation->digest))
        return DRIFT_STALE;
    DriftComparison comparison;
    if (!drift_compare(resource->kind, view_from(in_force), observation->observed, &comparison, ret_message))
        return DRIFT_BROKEN;
    const Drift *drift = resource_drift(world, resource);
    g_autofree char *before = drift ? g_strdup(drift->fields) : NULL;
    char *fields = drift_fields_text(comparison.fields, salt_of(world));
    if (before && !observation->is_complete) {
        g_autofree char *fresh = fields;
        fields = drift_fields_merged(before, fresh, comparison.paths);
    }
    bool differs = fields != NULL;
    drift_comparison_clear(&comparison);
    found(world, resource, fields, why_gone(drift, observation), now_ms);
    if (differs && observation->is_answer)
        still_differs(world, resource, before, now_ms);
    return differs ? DRIFT_DIFFERS : DRIFT_NONE;
}

void drift_gone(World *world, const Resource *resource, int64_t now_ms)
{
    found(world, resource, NULL, "its provider holds nothing of it", now_ms);
}

/* ---- what is declared changes ---- */

static char *still_declared(const World *world, const Resource *resource, const char *before)
{
    Digest digest;
    g_autofree char *in_force = resource_wanted(world, resource, &digest);
    return drift_fields_declared(before, resource->kind, view_from(in_force), salt_of(world));
}

static void mode_changes(World *world, DriftEntry *entry, DriftMode mode, int64_t now_ms)
{
    Drift *drift = &entry->drift;
    if (mode == DRIFT_IGNORE) {
        tell(world, entry, CHANGE_UNDRIFT, "resource.undrifted",
             "not looked at any more: muster/drift: ignore", now_ms);
        drift->is_ignored = true;
        touch(world, entry);
        return;
    }
    g_autofree char *words = words_of(drift->fields);
    drift->is_ignored = false;
    drift->since_ms = now_ms;
    tell(world, entry, CHANGE_DRIFT, "resource.drifted", words, now_ms);
    touch(world, entry);
}

void drift_declared(World *world, const Resource *resource, int64_t now_ms)
{
    DriftEntry *entry = entry_find(world, resource->kind, view_from(resource->name));
    world->declarations++;
    if (!entry || entry->is_removed)
        return;
    if (!entry->drift.fields) { /* over, and remembered for a while */
        entry->drift.is_ignored = drift_mode(view_from(resource->metadata)) == DRIFT_IGNORE;
        return;
    }
    char *fields = still_declared(world, resource, entry->drift.fields);
    DriftMode mode = drift_mode(view_from(resource->metadata));
    if (!fields) {
        bool is_remembered = entry->drift.corrections > 0 && !entry->drift.is_ignored;
        ends(world, entry, "declared otherwise since", now_ms);
        if (is_remembered)
            entry->drift.is_ignored = mode == DRIFT_IGNORE;
        return;
    }
    if (strcmp(fields, entry->drift.fields) != 0) {
        g_free(entry->drift.fields);
        entry->drift.fields = fields;
    } else {
        g_free(fields);
    }
    if ((mode == DRIFT_IGNORE) != entry->drift.is_ignored)
        mode_changes(world, entry, mode, now_ms);
    entry->drift.refusals = 0;
    if (entry->drift.is_given_up || mode != DRIFT_CORRECT)
        set_problem(&entry->drift, NULL);
    entry->drift.is_given_up = false;
    touch(world, entry);
}

void drift_drop(World *world, const Resource *resource)
{
    DriftEntry *entry = entry_find(world, resource->kind, view_from(resource->name));
    if (entry)
        remove_entry(world, entry);
}

/* ---- what is done ---- */

int64_t drift_due_ms(const World *world, const Resource *resource)
{
    const Drift *drift = resource_drift(world, resource);
    if (!drift || !drift->fields || drift->is_given_up || resource->phase == RESOURCE_DELETING ||
        drift_mode(view_from(resource->metadata)) != DRIFT_CORRECT)
        return -1;
    return drift->next_ms;
}

void drift_correct(World *world, const Resource *resource, int64_t now_ms)
{
    DriftEntry *entry = entry_find(world, resource->kind, view_from(resource->name));
    Drift *drift = &entry->drift;
    drift->corrections++;
    drift->next_ms = now_ms + delay_after(drift->corrections);
    touch(world, entry);
}

void drift_refused(World *world, const Resource *resource, const char *reason, int64_t now_ms)
{
    DriftEntry *entry = entry_find(world, resource->kind, view_from(resource->name));
    if (!entry || entry->is_removed || !entry->drift.fields || entry->drift.corrections == 0 ||
        drift_mode(view_from(resource->metadata)) != DRIFT_CORRECT)
        return;
    Drift *drift = &entry->drift;
    drift->refusals++;
    drift->is_given_up = drift->refusals >= DRIFT_TRIES_MAX;
    g_autofree char *at = time_text(drift->next_ms);
    set_problem(
        drift, drift->is_given_up
                   ? g_strdup_printf("given up after %" G_GINT64_FORMAT " tries: %s", drift->refusals, reason)
                   : g_strdup_printf("not put back: %s; tried again from %s on", reason, at));
    if (drift->is_given_up)
        event(world, drift, "resource.uncorrected", drift->problem, now_ms);
    touch(world, entry);
}

void drift_retry(World *world)
{
    for (TreeNode *node = tree_first(&world->drifts); node; node = tree_next(node)) {
        DriftEntry *entry = TREE_ENTRY(node, DriftEntry, by_key);
        if (!entry->drift.is_given_up)
            continue;
        entry->drift.is_given_up = false;
        entry->drift.refusals = 0;
        touch(world, entry);
    }
}

char **drift_kept_paths(const World *world, const Resource *resource)
{
    const Drift *drift = resource_drift(world, resource);
    if (!drift || !drift->fields || drift_mode(view_from(resource->metadata)) == DRIFT_CORRECT)
        return NULL;
    return drift_fields_paths(drift->fields);
}

static bool is_over(const DriftEntry *entry)
{
    return !entry->drift.fields && !entry->is_removed;
}

size_t drift_settle(World *world, int64_t now_ms)
{
    size_t forgotten = 0;
    TreeNode *next;
    for (TreeNode *node = tree_first(&world->drifts); node; node = next) {
        DriftEntry *entry = TREE_ENTRY(node, DriftEntry, by_key);
        next = tree_next(node);
        if (!is_over(entry) || now_ms < entry->drift.seen_ms + DRIFT_QUIET_MS)
            continue;
        remove_entry(world, entry);
        forgotten++;
    }
    return forgotten;
}

int64_t world_drift_due_ms(const World *world)
{
    int64_t due_ms = 0;
    for (TreeNode *node = tree_first(&world->drifts); node; node = tree_next(node)) {
        const DriftEntry *entry = TREE_ENTRY(node, DriftEntry, by_key);
        int64_t at_ms = entry->drift.seen_ms + DRIFT_QUIET_MS;
        if (is_over(entry) && (due_ms == 0 || at_ms < due_ms))
            due_ms = at_ms;
    }
    return due_ms;
}
