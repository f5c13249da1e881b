#include "spec/variant.h"

#include "spec/normalise.h"
#include "spec/patch.h"
#include "spec/substitute.h"

#define PATCH_NODES_MAX ((size_t)100000) /* of all patches of a source */

struct VariantLayer {
    gint references;
    Arena *arena;
    VariableLayer variables;
    Node *patches, *name_prefix;
};

typedef struct {
    Kind kind;
    View name; /* without the `*` */
    bool is_prefix, deletes;
    const Node *root, *target, *metadata, *spec; /* metadata and spec may be NULL */
    const VariantLayer *layer;
} Patch;

struct SourceVariant {
    gint references;
    GPtrArray *layers; /* of VariantLayer* */
    Arena *arena;
    const Variable *const *variables;
    size_t variables_len;
    Patch *patches;
    size_t patches_len;
    const NamePrefix *prefix; /* NULL: none */
    bool is_faulty;           /* a muster.yaml could not be read */
};

/* ---- layers
 * ---------------------------------------------------------------------------------------------------------------
 */

VariantLayer *variant_layer_new(Arena *arena, const char *file, View text, VariantNodes nodes)
{
    VariantLayer *layer = g_new0(VariantLayer, 1);
    layer->references = 1;
    layer->arena = arena;
    layer->variables = (VariableLayer){arena_strndup(arena, file, strlen(file)), text, nodes.variables};
    layer->patches = nodes.patches;
    layer->name_prefix = nodes.name_prefix;
    return layer;
}

VariantLayer *variant_layer_ref(VariantLayer *layer)
{
    g_atomic_int_inc(&layer->references);
    return layer;
}

void variant_layer_unref(VariantLayer *layer)
{
    if (!layer || !g_atomic_int_dec_and_test(&layer->references))
        return;
    arena_free(layer->arena);
    g_free(layer);
}

static void layer_unref(void *layer)
{
    variant_layer_unref(layer);
}

/* ---- settling
 * -------------------------------------------------------------------------------------------------------------
 */

static Substitution substitution_of(const SourceVariant *variant, Arena *arena, DiagnosticList *diagnostics)
{
    return (Substitution){.variables = variant ? variant->variables : NULL,
                          .variables_len = variant ? variant->variables_len : 0,
                          .is_silent = variant && variant->is_faulty,
                          .arena = arena,
                          .diagnostics = diagnostics};
}

static void patch_report(const VariantLayer *layer, const Node *node, const char *message, const char *detail,
                         DiagnosticList *diagnostics)
{
    node_report(diagnostics, layer->variables.file, layer->variables.text, 1, node, SEVERITY_ERROR, "patches",
                message, detail);
}

static bool patch_target(Patch *patch, DiagnosticList *diagnostics)
{
    View target = patch->target->text;
    const char *slash = memchr(target.data, '/', target.len);
    if (patch->target->kind != NODE_STRING || !slash ||
        !kind_from_exact((View){target.data, (size_t)(slash - target.data)}, &patch->kind)) {
        patch_report(patch->layer, patch->target, "the target of a patch is KIND/NAME",
                     "such as JobQueue/high; a name may end in *", diagnostics);
        return false;
    }
    patch->name = (View){slash + 1, target.len - (size_t)(slash + 1 - target.data)};
    patch->is_prefix = patch->name.len && patch->name.data[patch->name.len - 1] == '*';
    patch->name.len -= patch->is_prefix;
    return true;
}

/* item: a copy of this variant, with the layer as its origin and its references followed. */
static bool patch_read(Patch *patch, const VariantLayer *layer, const Node *item, DiagnosticList *diagnostics)
{
    *patch = (Patch){.layer = layer,
                     .root = item,
                     .target = node_get(item, "target"),
                     .metadata = node_get(item, "metadata"),
                     .spec = node_get(item, "spec"),
                     .deletes = node_get(item, "$patch") != NULL};
    const Node *wrong = patch->metadata && patch->metadata->kind != NODE_MAPPING ? patch->metadata
                        : patch->spec && patch->spec->kind != NODE_MAPPING       ? patch->spec
                                                                                 : NULL;
    if (wrong)
        patch_report(layer, wrong, "a patch has mappings for metadata and spec", NULL, diagnostics);
    return !wrong && patch_target(patch, diagnostics);
}

static Substitution layer_substitution(const SourceVariant *variant, const VariantLayer *layer,
                                       DiagnosticList *diagnostics)
{
    Substitution substitution = substitution_of(variant, variant->arena, diagnostics);
    substitution.file = layer->variables.file;
    substitution.text = layer->variables.text;
    substitution.first_line = 1;
    substitution.is_foreign = true;
    return substitution;
}

static void settle_layer(SourceVariant *variant, const VariantLayer *layer, GArray *patches,
                         size_t *nodes_left, DiagnosticList *diagnostics)
{
    NodeOrigin *origin = arena_new0(variant->arena, NodeOrigin);
    Substitution substitution = layer_substitution(variant, layer, diagnostics);
    *origin = (NodeOrigin){.file = layer->variables.file, .text = layer->variables.text};
    for (size_t i = 0; layer->patches && i < layer->patches->sequence.len; i++) {
        const Node *item = layer->patches->sequence.items[i];
        size_t nodes = patch_count(item, *nodes_left);
        if (nodes > *nodes_left) {
            patch_report(layer, item, "the patches are too large", "at most 100,000 nodes in all patches",
                         diagnostics);
            return;
        }
        *nodes_left -= nodes;
        Node *copy = patch_copy(variant->arena, item, origin);
        Patch patch;
        if (substitute(&substitution, &copy) && patch_read(&patch, layer, copy, diagnostics))
            g_array_append_val(patches, patch);
    }
}

/* The outermost muster.yaml that says one; an empty one says that there is none. */
static void settle_prefix(SourceVariant *variant, VariantLayer *const *layers, size_t len, char *const *uses,
                          DiagnosticList *diagnostics)
{
    while (len > 0 && !layers[len - 1]->name_prefix)
        len--;
    if (len == 0)
        return;
    const VariantLayer *layer = layers[len - 1];
    Substitution substitution = layer_substitution(variant, layer, diagnostics);
    PrefixDeclaration declaration = {layer->variables.file, layer->variables.text, layer->name_prefix, uses};
    variant->prefix = prefix_settle(&declaration, &substitution);
}

SourceVariant *variant_settle(VariantLayer *const *layers, size_t len, const GivenValues *given,
                              char *const *uses, DiagnosticList *diagnostics)
{
    SourceVariant *variant = g_new0(SourceVariant, 1);
    g_autofree VariableLayer *declared = g_new0(VariableLayer, len + 1);
    g_autoptr(GArray) patches = g_array_new(FALSE, FALSE, sizeof(Patch));
    size_t nodes_left = PATCH_NODES_MAX;
    variant->references = 1;
    variant->arena = arena_new();
    variant->layers = g_ptr_array_new_with_free_func(layer_unref);
    for (size_t i = 0; i < len; i++) {
        g_ptr_array_add(variant->layers, variant_layer_ref(layers[i]));
        declared[i] = layers[i]->variables;
    }
    variant->variables =
        variables_settle(declared, len, given, variant->arena, diagnostics, &variant->variables_len);
    for (size_t i = 0; i < len; i++)
        settle_layer(variant, layers[i], patches, &nodes_left, diagnostics);
    variant->patches_len = patches->len;
    variant->patches = arena_new0_n(variant->arena, Patch, patches->len + 1);
    for (guint i = 0; i < patches->len; i++)
        variant->patches[i] = g_array_index(patches, Patch, i);
    settle_prefix(variant, layers, len, uses, diagnostics);
    return variant;
}

SourceVariant *variant_faulty(void)
{
    SourceVariant *variant = g_new0(SourceVariant, 1);
    variant->references = 1;
    variant->arena = arena_new();
    variant->layers = g_ptr_array_new_with_free_func(layer_unref);
    variant->is_faulty = true;
    return variant;
}

SourceVariant *variant_ref(SourceVariant *variant)
{
    if (variant)
        g_atomic_int_inc(&variant->references);
    return variant;
}

void variant_unref(SourceVariant *variant)
{
    if (!variant || !g_atomic_int_dec_and_test(&variant->references))
        return;
    g_ptr_array_unref(variant->layers);
    arena_free(variant->arena);
    g_free(variant);
}

const Variable *const *variant_variables(const SourceVariant *variant, size_t *ret_len)
{
    *ret_len = variant ? variant->variables_len : 0;
    return variant ? variant->variables : NULL;
}

const NamePrefix *variant_prefix(const SourceVariant *variant)
{
    return variant ? variant->prefix : NULL;
}

/* ---- digest
 * ---------------------------------------------------------------------------------------------------------------
 */

static void sum_text(DigestSum *sum, View text)
{
    char head[32];
    int len = g_snprintf(head, sizeof head, "%zu:", text.len);
    digest_add(sum, (View){head, (size_t)len});
    digest_add(sum, text);
}

/* Texts as written: a string takes a number as it is spelt. */
static void sum_node(DigestSum *sum, const Node *node)
{
    char kind = (char)('0' + (int)node->kind);
    digest_add(sum, (View){&kind, 1});
    sum_text(sum, node->text.data ? node->text : VIEW(""));
    if (node->kind == NODE_SEQUENCE)
        for (size_t i = 0; i < node->sequence.len; i++)
            sum_node(sum, node->sequence.items[i]);
    if (node->kind == NODE_MAPPING)
        for (size_t i = 0; i < node->mapping.len; i++) {
            sum_text(sum, node->mapping.members[i].key);
            sum_node(sum, node->mapping.members[i].value);
        }
    digest_add(sum, VIEW("."));
}

void variant_digest(const SourceVariant *variant, Digest *ret_digest)
{
    *ret_digest = (Digest){0};
    if (!variant ||
        (!variant->variables_len && !variant->patches_len && !variant->prefix && !variant->is_faulty))
        return;
    DigestSum *sum = digest_begin();
    digest_add(sum, variant->is_faulty ? VIEW("faulty\n") : VIEW("variant\n"));
    for (size_t i = 0; i < variant->variables_len; i++) {
        sum_text(sum, view_from(variant->variables[i]->name));
        if (variant->variables[i]->value)
            sum_node(sum, variant->variables[i]->value);
    }
    for (size_t i = 0; i < variant->patches_len; i++) {
        const Patch *patch = &variant->patches[i];
        sum_text(sum, patch->target->text);
        digest_add(sum, patch->deletes ? VIEW("delete") : VIEW("patch"));
        if (patch->metadata)
            sum_node(sum, patch->metadata);
        digest_add(sum, VIEW("/"));
        if (patch->spec)
            sum_node(sum, patch->spec);
    }
    prefix_sum(variant->prefix, sum);
    digest_end(sum, ret_digest);
}

/* ---- one document
 * ------------------------------------------------------------------------------------------------------------
 */

static bool patch_matches(const Patch *patch, Kind kind, View name)
{
    if (patch->kind != kind)
        return false;
    return patch->is_prefix
               ? name.len >= patch->name.len && !memcmp(name.data, patch->name.data, patch->name.len)
               : view_equal(name, patch->name);
}

/* A patch selects by the name as it is written. */
static bool patch_matches_manifest(const SourceVariant *variant, const Patch *patch, const Manifest *manifest)
{
    return patch_matches(patch, manifest->kind, prefix_strip(variant->prefix, manifest->name));
}

/* Lays one part of the patch over the document's member of that name. */
static bool lay_over(const PatchContext *context, const SchemaNode *schema, Node *root, View name,
                     const Node *patch)
{
    NodeMember *member = NULL;
    for (size_t i = 0; i < root->mapping.len; i++)
        if (view_equal(root->mapping.members[i].key, name))
            member = &root->mapping.members[i];
    if (!patch || !member) /* a manifest without metadata or spec is at fault anyway */
        return true;
    return patch_merge(context, schema, member->value, patch, &member->value);
}

static void normalise(Kind kind, const Node *root, Arena *arena)
{
    Node *metadata = node_get(root, "metadata"), *spec = node_get(root, "spec");
    if (metadata)
        normalise_empty(metadata);
    if (spec)
        normalise_spec(kind, spec, arena);
}

static bool patches_apply(const SourceVariant *variant, Kind kind, Node *root, Arena *arena,
                          DiagnosticList *diagnostics)
{
    const Node *name = node_get(node_get(root, "metadata"), "name");
    bool good = true, is_normal = false;
    if (!name || name->kind != NODE_STRING)
        return true;
    for (size_t i = 0; variant && i < variant->patches_len; i++) {
        const Patch *patch = &variant->patches[i];
        if (patch->deletes || !patch_matches(patch, kind, name->text))
            continue;
        if (!is_normal) /* short forms have no keys to merge by */
            normalise(kind, root, arena);
        is_normal = true;
        PatchContext context = {patch->layer->variables.file, patch->layer->variables.text, arena,
                                diagnostics};
        good = lay_over(&context, schema_member(kind_schema(kind), "metadata", strlen("metadata")), root,
                        VIEW("metadata"), patch->metadata) &&
               lay_over(&context, kind_spec_schema(kind), root, VIEW("spec"), patch->spec) && good;
    }
    return good;
}

VariantOutcome variant_apply(const SourceVariant *variant, Kind kind, Node *root,
                             const ManifestContext *context, Arena *arena, DiagnosticList *diagnostics)
{
    Substitution substitution = substitution_of(variant, arena, diagnostics);
    substitution.file = context->file;
    substitution.text = context->text;
    substitution.first_line = context->first_line;
    if (!substitute(&substitution, &root))
        return VARIANT_UNUSABLE;
    return patches_apply(variant, kind, root, arena, diagnostics) ? VARIANT_GOOD : VARIANT_FAULTY;
}

bool variant_patch_before(const SourceVariant *variant, const Manifest *manifest, size_t *at,
                          VariantPatch *ret_patch)
{
    for (size_t i = variant ? MIN(*at, variant->patches_len) : 0; i-- > 0;) {
        const Patch *patch = &variant->patches[i];
        if (patch->deletes || !patch_matches_manifest(variant, patch, manifest))
            continue;
        *at = i;
        *ret_patch = (VariantPatch){patch->root, patch->layer->variables.file, patch->layer->variables.text};
        return true;
    }
    return false;
}

/* ---- the set
 * --------------------------------------------------------------------------------------------------------------
 */

static void report_untargeted(const SourceVariant *variant, const ManifestSet *set, const Patch *patch,
                              DiagnosticList *diagnostics)
{
    size_t first, len = manifest_set_kind(set, patch->kind, &first);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = first; i < first + len; i++) {
        View name = prefix_strip(variant->prefix, manifest_set_get(set, i)->name);
        g_ptr_array_add(names, g_strndup(name.data, name.len));
    }
    g_ptr_array_add(names, NULL);
    const char *near =
        patch->is_prefix ? NULL : suggest_nearest(patch->name, (const char *const *)names->pdata);
    g_autofree char *message =
        g_strdup_printf("no manifest is %s" VIEW_FMT ", which this patch is for",
                        patch->is_prefix ? "like " : "", VIEW_ARG(patch->target->text));
    g_autofree char *detail =
        near ? g_strdup_printf("did you mean \"%s/%s\"?", kind_name(patch->kind), near) : NULL;
    patch_report(patch->layer, patch->target, message, detail, diagnostics);
}

static bool is_in_set(const SourceVariant *variant, const ManifestSet *set, const Patch *patch)
{
    View prefix = prefix_text(variant->prefix);
    g_autofree char *name = g_strdup_printf(VIEW_FMT VIEW_FMT, VIEW_ARG(prefix), VIEW_ARG(patch->name));
    return manifest_set_find(set, patch->kind, view_from(name)) != NULL;
}

/* Whether there is a target; what the patch deletes is added to removed. */
static bool patch_finish(const SourceVariant *variant, const ManifestSet *set, const Patch *patch,
                         GHashTable *removed)
{
    if (!patch->is_prefix && !patch->deletes)
        return is_in_set(variant, set, patch);
    size_t first, len = manifest_set_kind(set, patch->kind, &first);
    bool found = false;
    for (size_t i = first; i < first + len; i++) {
        const Manifest *manifest = manifest_set_get(set, i);
        if (!patch_matches_manifest(variant, patch, manifest))
            continue;
        found = true;
        if (!patch->deletes)
            break;
        g_hash_table_add(removed, (gpointer)(uintptr_t)manifest);
    }
    return found;
}

ManifestSet *variant_finish(ManifestSet *set, DiagnosticList *diagnostics)
{
    const SourceVariant *variant = manifest_set_config(set) ? manifest_set_config(set)->variant : NULL;
    if (!variant || !variant->patches_len)
        return set;
    bool is_clean = diagnostic_list_count(diagnostics, SEVERITY_ERROR) == 0;
    g_autoptr(GHashTable) removed = g_hash_table_new(NULL, NULL);
    for (size_t i = 0; i < variant->patches_len; i++)
        if (!patch_finish(variant, set, &variant->patches[i], removed) && is_clean)
            report_untargeted(variant, set, &variant->patches[i], diagnostics);
    if (g_hash_table_size(removed) == 0)
        return set;
    guint len;
    g_autofree gpointer *list = g_hash_table_get_keys_as_array(removed, &len);
    ManifestBatch *nothing = manifest_batch_new();
    ManifestSet *rest = manifest_set_replace(set, (const Manifest *const *)list, len, nothing);
    if (!rest) { /* a name that is given twice was told already: nobody applies such a set */
        manifest_batch_free(nothing);
        return set;
    }
    manifest_set_unref(set);
    return rest;
}
