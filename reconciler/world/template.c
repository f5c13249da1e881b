/* Templates: what many jobs share, interned by (definition revision, overriding members of the request). */
#include "reconciler/world/job.h"
#include "spec/base/units.h"
#include <stdlib.h>

/* Unused templates stay in memory for the next submission of the same; beyond this many the oldest go, and
 * their rows with the last job that refers to them. */
#define UNUSED_TEMPLATES_MAX 1024

static int template_key_compare(const TreeNode *node, const void *key)
{
    int64_t left = TREE_ENTRY(node, TemplateEntry, by_id)->template.id, right = *(const int64_t *)key;
    return (left > right) - (left < right);
}

static int template_compare(const TreeNode *a, const TreeNode *b)
{
    return template_key_compare(a, &TREE_ENTRY(b, TemplateEntry, by_id)->template.id);
}

void templates_init(World *world)
{
    tree_init(&world->templates, template_compare);
    world->templates_by_key = map_new();
    world->request_text = g_string_new(NULL);
}

static void template_free(World *world, TemplateEntry *entry)
{
    tree_remove(&world->templates, &entry->by_id);
    if (world->template_asked == entry)
        world->template_asked = NULL;
    if (map_get(world->templates_by_key, &entry->key) == entry)
        map_remove(world->templates_by_key, &entry->key);
    g_queue_unlink(&world->unused_templates, &entry->unused);
    shape_unref(world, entry->shape);
    history_unref(world, entry->history);
    job_definition_spec_free(entry->template.effective);
    g_free(entry->template.definition);
    g_free(entry->template.definition_spec);
    g_free(entry->template.request);
    g_free(entry);
}

void templates_clear(World *world)
{
    for (TreeNode *node = tree_first(&world->templates); node; node = tree_first(&world->templates))
        template_free(world, TREE_ENTRY(node, TemplateEntry, by_id));
    map_free(world->templates_by_key);
    g_string_free(world->request_text, TRUE);
}

TemplateEntry *template_by_id(const World *world, int64_t id)
{
    TreeNode *node = tree_find(&world->templates, &id, template_key_compare);
    return node ? TREE_ENTRY(node, TemplateEntry, by_id) : NULL;
}

/* ---- the text of the overrides ---- */

static bool member_overrides(const char *key)
{
    static const char *const own[] = {"array",    "arrayProperties", "dependsOn", "jobDefinition",
                                      "jobName",  "jobQueue",        "name",      "shareIdentifier",
                                      "onDelete", "rerunOn",         NULL};
    return !g_strv_contains(own, key);
}

static int append_text(const char *text, size_t len, void *data)
{
    g_string_append_len(data, text, (gssize)len);
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

#define OVERRIDES_MAX 64 /* SubmitJob has 17 members; the schema lets no others in */

/* Compact JSON with sorted keys; equal requests give equal text. */
static void overrides_append(const json_t *request, GString *out)
{
    const char *keys[OVERRIDES_MAX], *key;
    size_t len = 0;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)request, key,
                        value) if (len < OVERRIDES_MAX && member_overrides(key)) keys[len++] = key;
    qsort(keys, len, sizeof *keys, compare_keys);
    g_string_append_c(out, '{');
    for (size_t i = 0; i < len; i++) {
        g_string_append_printf(out, "%s\"%s\":", i ? "," : "", keys[i]);
        json_dump_callback(json_object_get(request, keys[i]), append_text, out,
                           JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    }
    g_string_append_c(out, '}');
}

static MapKey template_key(const char *text, size_t len)
{
    Digest digest;
    digest_of((View){text, len}, &digest);
    MapKey key;
    memcpy(key.bytes, digest.bytes, sizeof key.bytes);
    return key;
}

/* ---- making ---- */

static bool template_effective(TemplateEntry *entry, const JobDefinitionSpec *definition, GError **error)
{
    g_autoptr(JobSpec) job = job_spec_decode(view_from(entry->template.request), error);
    if (!job)
        return false;
    entry->template.effective = job_effective(definition, job);
    return true;
}

bool template_decode(World *world, TemplateEntry *entry, GError **error)
{
    if (entry->template.effective)
        return true;
    g_autoptr(JobDefinitionSpec) definition =
        job_definition_spec_decode(view_from(entry->template.definition_spec), error);
    if (!definition || !template_effective(entry, definition, error)) {
        g_prefix_error(error, "template %" G_GINT64_FORMAT ": ", entry->template.id);
        return false;
    }
    entry->shape = shape_of(world, entry->template.effective, entry->template.definition);
    return true;
}

static void template_add(World *world, TemplateEntry *entry)
{
    entry->unused.data = entry;
    entry->history = history_ref(world, entry->template.definition);
    bool fresh = tree_insert(&world->templates, &entry->by_id);
    g_assert(fresh);
    map_put(world->templates_by_key, &entry->key, entry);
    g_queue_push_tail_link(&world->unused_templates, &entry->unused);
}

static void templates_evict(World *world)
{
    while (g_queue_get_length(&world->unused_templates) > UNUSED_TEMPLATES_MAX) {
        TemplateEntry *entry = g_queue_peek_head(&world->unused_templates);
        if (entry->stored && !world->silent)
            batch_put_template(world_batch(world),
                               &(TemplateRecord){.id = entry->template.id, .removed = true});
        template_free(world, entry);
    }
}

/* The new entry stands last among the unused, so that evicting never takes it. */
static TemplateEntry *template_make(World *world, RevisionEntry *revision, const char *definition,
                                    const char *request, GError **error)
{
    const JobDefinitionSpec *spec = revision_spec(revision, error);
    if (!spec)
        return NULL;
    TemplateEntry *entry = g_new0(TemplateEntry, 1);
    entry->template.definition = g_strdup(definition);
    entry->template.definition_spec = view_dup(revision->record.spec);
    entry->template.request = g_strdup(request);
    if (!template_effective(entry, spec, error)) {
        g_free(entry->template.definition);
        g_free(entry->template.definition_spec);
        g_free(entry->template.request);
        g_free(entry);
        return NULL;
    }
    entry->shape = shape_of(world, entry->template.effective, entry->template.definition);
    entry->template.id = ++world->template_id;
    return entry;
}

/* "NAME:REVISION\0{overrides}", the length of its first part. */
static size_t write_text(GString *out, const RevisionEntry *revision, const json_t *request)
{
    g_string_truncate(out, 0);
    g_string_append_len(out, revision->record.name.data, (gssize)revision->record.name.len);
    g_string_append_c(out, ':');
    integer_append(out, revision->record.revision);
    g_string_append_c(out, '\0');
    size_t len = out->len;
    overrides_append(request, out);
    return len;
}

/* What was asked for last is mostly asked for again: that is seen without a digest. */
static bool is_asked_again(const World *world, const GString *text, size_t definition_len)
{
    const TemplateEntry *entry = world->template_asked;
    return entry && strcmp(entry->template.request, text->str + definition_len) == 0 &&
           strcmp(entry->template.definition, text->str) == 0;
}

/* The key is the digest of the text. */
static TemplateEntry *template_find(World *world, RevisionEntry *revision, const GString *text,
                                    size_t definition_len, GError **error)
{
    MapKey key = template_key(text->str, text->len);
    TemplateEntry *entry = map_get(world->templates_by_key, &key);
    if (entry)
        return entry;
    entry = template_make(world, revision, text->str, text->str + definition_len, error);
    if (!entry)
        return NULL;
    entry->key = key;
    template_add(world, entry);
    templates_evict(world);
    return entry;
}

TemplateEntry *template_intern(World *world, RevisionEntry *revision, const json_t *request, GError **error)
{
    GString *text = world->request_text;
    size_t definition_len = write_text(text, revision, request);
    if (is_asked_again(world, text, definition_len))
        return world->template_asked;
    TemplateEntry *entry = template_find(world, revision, text, definition_len, error);
    if (!entry || !template_decode(world, entry, error))
        return NULL; /* one that was read back is decoded when it is first used */
    world->template_asked = entry;
    return entry;
}

bool template_restore(World *world, const TemplateRecord *record, GError **error)
{
    if (record->id < 1 || template_by_id(world, record->id)) {
        g_set_error(error, WORLD_ERROR, WORLD_ERROR_INVALID, "template %" G_GINT64_FORMAT " is there twice",
                    record->id);
        return false;
    }
    TemplateEntry *entry = g_new0(TemplateEntry, 1);
    entry->template.id = record->id;
    entry->template.definition = view_dup(record->definition);
    entry->template.definition_spec = view_dup(record->definition_spec);
    entry->template.request = view_dup(record->request);
    entry->stored = true;
    g_autoptr(GString) text = g_string_new(entry->template.definition);
    g_string_append_c(text, '\0');
    g_string_append(text, entry->template.request);
    entry->key = template_key(text->str, text->len);
    template_add(world, entry);
    world->template_id = MAX(world->template_id, record->id);
    return true;
}

/* ---- use ---- */

static void template_store(World *world, TemplateEntry *entry)
{
    if (entry->stored)
        return;
    if (world->silent)
        return;
    entry->stored = true;
    batch_put_template(world_batch(world),
                       &(TemplateRecord){.id = entry->template.id,
                                         .definition = view_from(entry->template.definition),
                                         .definition_spec = view_from(entry->template.definition_spec),
                                         .request = view_from(entry->template.request)});
}

void template_use(World *world, TemplateEntry *entry)
{
    if (entry->refs++ == 0)
        g_queue_unlink(&world->unused_templates, &entry->unused);
    template_store(world, entry);
}

void template_unuse(World *world, TemplateEntry *entry)
{
    g_assert(entry->refs > 0);
    if (--entry->refs > 0)
        return;
    g_queue_push_tail_link(&world->unused_templates, &entry->unused);
    templates_evict(world);
}
