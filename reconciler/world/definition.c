/* definition.c: single revisions of job definitions: looked up whatever their status, taken out of service,
 * given other tags. */
#include "reconciler/world/job.h"

static const RevisionEntry *entry_of(const RevisionRecord *record)
{
    return (const RevisionEntry *)((const char *)record - offsetof(RevisionEntry, record));
}

const RevisionRecord *world_revision_find(const World *world, View name, int64_t revision)
{
    const RevisionEntry *entry = revision_at_or_below(world, name, revision);
    return entry && entry->record.revision == revision ? &entry->record : NULL;
}

/* The newest revision of the first definition whose name is not before `name`, or behind it. */
static const RevisionRecord *newest_from(const World *world, View name, bool is_behind)
{
    const RevisionEntry *entry = revision_first_from(world, name, is_behind ? INT64_MAX : 0);
    return entry ? &revision_newest(world, entry->record.name)->record : NULL;
}

const RevisionRecord *world_revision_from(const World *world, View name, int64_t below)
{
    const RevisionEntry *entry = below > 0 ? revision_at_or_below(world, name, below - 1) : NULL;
    return entry ? &entry->record : newest_from(world, name, below > 0);
}

const RevisionRecord *world_revision_next(const World *world, const RevisionRecord *after)
{
    const RevisionEntry *before = revision_before(entry_of(after));
    return before ? &before->record : newest_from(world, after->name, true);
}

static RevisionEntry *newest_active(const World *world, View name)
{
    RevisionEntry *entry = revision_newest(world, name);
    while (entry && !entry->record.active)
        entry = revision_before(entry);
    return entry;
}

/* The definition is what its newest ACTIVE revision is. */
static void follow_newest(World *world, RevisionEntry *newest, int64_t now_ms)
{
    Resource *resource = world_resource(world, KIND_JOB_DEFINITION, newest->record.name);
    g_autoptr(GError) error = NULL;
    if (!resource || digest_equal(&resource->digest, &newest->record.digest))
        return;
    bool done = resource_in_force(world, resource, newest->record.spec, &error);
    g_assert(done); /* nothing of a definition's spec is decoded there */
    resource->digest = newest->record.digest;
    resource->updated_ms = now_ms;
    resource_touch(world, resource);
}

bool definition_deregister(World *world, View name, int64_t revision, int64_t now_ms)
{
    RevisionEntry *entry = revision_at_or_below(world, name, revision);
    g_return_val_if_fail(entry && entry->record.revision == revision, false);
    if (entry->record.active) {
        entry->record.active = false;
        revision_touch(world, entry);
        g_autofree char *subject = g_strdup_printf("JobDefinition/" VIEW_FMT, VIEW_ARG(name));
        g_autofree char *message = g_strdup_printf("revision %" G_GINT64_FORMAT " deregistered", revision);
        world_event(world, "resource.updated", subject, message, now_ms);
    }
    RevisionEntry *newest = newest_active(world, name);
    if (newest)
        follow_newest(world, newest, now_ms);
    return newest != NULL;
}

void definition_respecify(World *world, View name, int64_t revision, View spec, const Digest *digest,
                          int64_t now_ms)
{
    RevisionEntry *entry = revision_at_or_below(world, name, revision);
    g_return_if_fail(entry && entry->record.revision == revision);
    char *before = (char *)(uintptr_t)entry->record.spec.data;
    entry->record.spec = (View){g_ref_string_new_len(spec.data, (gssize)spec.len), spec.len};
    entry->record.digest = *digest;
    g_ref_string_release(before);
    g_clear_pointer(&entry->decoded, job_definition_spec_free);
    revision_touch(world, entry);
    if (entry == newest_active(world, name))
        follow_newest(world, entry, now_ms);
}
