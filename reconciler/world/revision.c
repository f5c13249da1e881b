/* Revisions of job definitions. */
#include "reconciler/world/job.h"

typedef struct {
    View name;
    int64_t revision;
} RevisionKey;

static int revision_key_compare(const TreeNode *node, const void *key)
{
    const RevisionRecord *record = &TREE_ENTRY(node, RevisionEntry, by_key)->record;
    const RevisionKey *wanted = key;
    int order = view_compare(record->name, wanted->name);
    return order ? order : (record->revision > wanted->revision) - (record->revision < wanted->revision);
}

static int revision_compare(const TreeNode *a, const TreeNode *b)
{
    const RevisionRecord *right = &TREE_ENTRY(b, RevisionEntry, by_key)->record;
    return revision_key_compare(a, &(RevisionKey){right->name, right->revision});
}

void revisions_init(World *world)
{
    tree_init(&world->revisions, revision_compare);
}

void revision_entry_free(RevisionEntry *revision)
{
    g_free((char *)(uintptr_t)revision->record.name.data);
    g_ref_string_release((char *)(uintptr_t)revision->record.spec.data);
    job_definition_spec_free(revision->decoded);
    g_free(revision);
}

void revisions_clear(World *world)
{
    for (TreeNode *node = tree_first(&world->revisions); node; node = tree_first(&world->revisions)) {
        tree_remove(&world->revisions, node);
        revision_entry_free(TREE_ENTRY(node, RevisionEntry, by_key));
    }
}

/* The definition's own text where it is the same. */
static View shared_spec(const World *world, const RevisionRecord *record)
{
    const Resource *definition = world_resource(world, KIND_JOB_DEFINITION, record->name);
    bool is_same = definition && view_equal(view_from(definition->spec), record->spec);
    char *text = is_same ? g_ref_string_acquire(definition->spec)
                         : g_ref_string_new_len(record->spec.data, (gssize)record->spec.len);
    return (View){text, record->spec.len};
}

RevisionEntry *revision_put(World *world, const RevisionRecord *record)
{
    RevisionEntry *revision = g_new0(RevisionEntry, 1);
    revision->record = *record;
    revision->record.name = (View){view_dup(record->name), record->name.len};
    revision->record.spec = shared_spec(world, record);
    revision->dirty.data = revision;
    bool fresh = tree_insert(&world->revisions, &revision->by_key);
    g_assert(fresh);
    return revision;
}

void revision_touch(World *world, RevisionEntry *revision)
{
    if (revision->is_dirty || world_is_quiet(world))
        return;
    revision->is_dirty = true;
    g_queue_push_tail_link(&world->dirty_revisions, &revision->dirty);
}

RevisionEntry *revision_at_or_below(const World *world, View name, int64_t revision)
{
    RevisionKey key = {name, revision};
    TreeNode *node = tree_lower_bound(&world->revisions, &key, revision_key_compare);
    if (!node || revision_key_compare(node, &key) != 0)
        node = node ? tree_prev(node) : tree_last(&world->revisions);
    if (!node)
        return NULL;
    RevisionEntry *entry = TREE_ENTRY(node, RevisionEntry, by_key);
    return view_equal(entry->record.name, name) ? entry : NULL;
}

RevisionEntry *revision_first_from(const World *world, View name, int64_t revision)
{
    RevisionKey key = {name, revision};
    TreeNode *node = tree_lower_bound(&world->revisions, &key, revision_key_compare);
    return node ? TREE_ENTRY(node, RevisionEntry, by_key) : NULL;
}

RevisionEntry *revision_newest(const World *world, View name)
{
    return revision_at_or_below(world, name, INT64_MAX);
}

RevisionEntry *revision_before(const RevisionEntry *revision)
{
    TreeNode *node = tree_prev(&revision->by_key);
    RevisionEntry *before = node ? TREE_ENTRY(node, RevisionEntry, by_key) : NULL;
    return before && view_equal(before->record.name, revision->record.name) ? before : NULL;
}

int64_t revision_register(World *world, View name, View spec, const Digest *digest, int64_t now_ms)
{
    RevisionEntry *newest = revision_newest(world, name);
    RevisionRecord record = {.name = name,
                             .revision = newest ? newest->record.revision + 1 : 1,
                             .digest = *digest,
                             .spec = spec,
                             .active = true,
                             .created_ms = now_ms};
    revision_touch(world, revision_put(world, &record));
    return record.revision;
}

/* keep 0: none stays ACTIVE (the definition is deleted). */
void revisions_keep(World *world, View name, int64_t keep)
{
    int64_t seen = 0;
    for (RevisionEntry *revision = revision_newest(world, name); revision;
         revision = revision_before(revision))
        if (revision->record.active && ++seen > keep) {
            revision->record.active = false;
            revision_touch(world, revision);
        }
}

/* Active ones, from the oldest, after what `to` had once. */
int64_t revisions_copy(World *world, View from, View to)
{
    const RevisionEntry *newest = revision_newest(world, to);
    int64_t offset = newest ? newest->record.revision : 0, last = 0;
    for (RevisionEntry *at = revision_first_from(world, from, 0); at && view_equal(at->record.name, from);
         at = revision_first_from(world, from, last + 1)) {
        last = at->record.revision;
        if (!at->record.active)
            continue;
        RevisionRecord record = at->record;
        record.name = to;
        record.revision += offset;
        canonical_digest(KIND_JOB_DEFINITION, to, record.spec, &record.digest);
        revision_touch(world, revision_put(world, &record));
    }
    newest = revision_newest(world, to);
    return newest ? newest->record.revision : 0;
}

const JobDefinitionSpec *revision_spec(RevisionEntry *revision, GError **error)
{
    if (!revision->decoded)
        revision->decoded = job_definition_spec_decode(revision->record.spec, error);
    return revision->decoded;
}

/* What follows the last '/' of an ARN, else the reference itself. */
static View reference_tail(View reference)
{
    if (reference.len < 4 || memcmp(reference.data, "arn:", 4) != 0)
        return reference;
    for (size_t i = reference.len; i > 0; i--)
        if (reference.data[i - 1] == '/')
            return (View){reference.data + i, reference.len - i};
    return reference;
}

typedef enum { REVISIONS_ACTIVE, REVISIONS_ALL } Revisions;

static RevisionEntry *revision_by_digest(const World *world, View name, View hex, Revisions which)
{
    Digest digest;
    if (!digest_from_hex(hex, &digest))
        return NULL;
    for (RevisionEntry *revision = revision_newest(world, name); revision;
         revision = revision_before(revision))
        if ((which == REVISIONS_ALL || revision->record.active) &&
            digest_equal(&revision->record.digest, &digest))
            return revision;
    return NULL;
}

static RevisionEntry *revision_by_name(const World *world, View name)
{
    RevisionEntry *revision = revision_newest(world, name);
    while (revision && !revision->record.active)
        revision = revision_before(revision);
    return revision;
}

static RevisionEntry *revision_by_number(const World *world, View name, View digits, Revisions which)
{
    int64_t number;
    gchar text[24];
    if (digits.len == 0 || digits.len >= sizeof text)
        return NULL;
    memcpy(text, digits.data, digits.len);
    text[digits.len] = '\0';
    if (!g_ascii_string_to_signed(text, 10, 1, INT64_MAX, &number, NULL))
        return NULL;
    RevisionEntry *revision = revision_at_or_below(world, name, number);
    bool is_it = revision && revision->record.revision == number;
    return is_it && (which == REVISIONS_ALL || revision->record.active) ? revision : NULL;
}

static bool split(View text, char separator, View *ret_left, View *ret_right)
{
    const char *at = text.len ? memchr(text.data, separator, text.len) : NULL;
    if (!at)
        return false;
    *ret_left = (View){text.data, (size_t)(at - text.data)};
    *ret_right = (View){at + 1, text.len - ret_left->len - 1};
    return true;
}

/* False: it says none, and *ret_name is all of tail. */
static bool revision_pinned(const World *world, View tail, Revisions which, View *ret_name,
                            RevisionEntry **ret_revision)
{
    static const char sha[] = "sha256:";
    View rest;
    *ret_name = tail;
    if (split(tail, '@', ret_name, &rest)) {
        bool known = rest.len > sizeof sha - 1 && memcmp(rest.data, sha, sizeof sha - 1) == 0;
        View hex = known ? (View){rest.data + sizeof sha - 1, rest.len - (sizeof sha - 1)} : (View){"", 0};
        *ret_revision = revision_by_digest(world, *ret_name, hex, which);
        return true;
    }
    if (!split(tail, ':', ret_name, &rest))
        return false;
    *ret_revision = revision_by_number(world, *ret_name, rest, which);
    return true;
}

/* A revision that is asked for stays what it was, under the name that it had. */
RevisionEntry *revision_resolve_former(const World *world, View reference)
{
    RevisionEntry *pinned;
    View name;
    bool is_pinned = revision_pinned(world, reference_tail(reference), REVISIONS_ALL, &name, &pinned);
    const Resource *now = world_resource_renamed(world, KIND_JOB_DEFINITION, name);
    if (!now || view_is(name, now->name))
        return NULL;
    return is_pinned ? pinned : revision_by_name(world, view_from(now->name));
}

RevisionEntry *revision_resolve(const World *world, View reference, GError **error)
{
    View tail = reference_tail(reference), name;
    RevisionEntry *revision;
    if (!revision_pinned(world, tail, REVISIONS_ACTIVE, &name, &revision))
        revision = revision_by_name(world, name);
    if (!revision)
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_NOT_FOUND,
                    "JobDefinition name " VIEW_FMT " does not exist or is not in ACTIVE status",
                    VIEW_ARG(tail));
    return revision;
}

const RevisionRecord *world_revision(const World *world, View reference, GError **error)
{
    RevisionEntry *revision = revision_resolve(world, reference, error);
    return revision ? &revision->record : NULL;
}
