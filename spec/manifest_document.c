/* manifest_document.c: one document becomes a manifest. */
#include <glib.h>

#include "spec/document_check.h"
#include "spec/manifest_batch.h"
#include "spec/normalise.h"
#include "spec/variant.h"

#define API_VERSION        "muster/v1"
#define API_VERSION_PREFIX "muster/"

/* The member of a Batch request that repeats metadata.name. */
static const char *const name_members[KIND_COUNT] = {
    [KIND_SCHEDULING_POLICY] = "name",
    [KIND_CONSUMABLE_RESOURCE] = "consumableResourceName",
    [KIND_COMPUTE_ENVIRONMENT] = "computeEnvironmentName",
    [KIND_JOB_QUEUE] = "jobQueueName",
    [KIND_JOB_DEFINITION] = "jobDefinitionName",
    [KIND_JOB] = "jobName",
};

static void report(const ManifestContext *context, const Node *node, Severity severity, const char *path,
                   const char *message, const char *detail, DiagnosticList *diagnostics)
{
    node_report(diagnostics, context->file, context->text, context->first_line, node, severity, path, message,
                detail);
}

static bool string_is(const Node *node, const char *text)
{
    return node && node->kind == NODE_STRING && view_is(node->text, text);
}

/* The envelope's first two members decide which schema applies. */
static bool envelope_kind(const Node *root, const ManifestContext *context, Kind *ret_kind,
                          DiagnosticList *diagnostics)
{
    const Node *version = node_get(root, "apiVersion"), *kind = node_get(root, "kind");
    if (!string_is(version, API_VERSION)) {
        report(context, version, SEVERITY_ERROR, "apiVersion",
               "this version of the manifest language is not known", "known is " API_VERSION, diagnostics);
        return false;
    }
    if (!kind) {
        report(context, root, SEVERITY_ERROR, "kind", "the document has no kind", NULL, diagnostics);
        return false;
    }
    if (kind->kind == NODE_STRING && kind_from_exact(kind->text, ret_kind))
        return true;
    g_autofree char *message = g_strdup_printf("\"" VIEW_FMT "\" is not a kind", VIEW_ARG(kind->text));
    const char *near = suggest_nearest(kind->text, kind_names());
    g_autofree char *detail = near ? g_strdup_printf("did you mean \"%s\"?", near) : NULL;
    report(context, kind, SEVERITY_ERROR, "kind", message, detail, diagnostics);
    return false;
}

/* --provider, else the environment's own, else the source's; only an environment falls back to aws. */
static const char *effective_provider(Kind kind, const Node *spec, const ManifestContext *context)
{
    static const char *const known[] = {"local", "docker", "aws", "simulated"};
    if (context->provider_override)
        return context->provider_override;
    const Node *type = kind == KIND_COMPUTE_ENVIRONMENT ? node_get(node_get(spec, "provider"), "type") : NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        if (string_is(type, known[i]))
            return known[i];
    if (context->config && context->config->provider)
        return context->config->provider;
    return kind == KIND_COMPUTE_ENVIRONMENT ? "aws" : NULL;
}

/* The name member must agree; other members outside the digest are read-only: said once each. */
static bool spec_members_check(Kind kind, View name, const Node *spec, const ManifestContext *context,
                               DiagnosticList *diagnostics)
{
    const SchemaNode *schema = kind_spec_schema(kind);
    bool good = true;
    for (size_t i = 0; i < spec->mapping.len; i++) {
        const NodeMember *member = &spec->mapping.members[i];
        const SchemaNode *below = schema_member(schema, member->key.data, member->key.len);
        if (!below || !schema_digest_excluded(below))
            continue;
        g_autofree char *path = g_strdup_printf("spec." VIEW_FMT, VIEW_ARG(member->key));
        bool is_name = name_members[kind] && view_is(member->key, name_members[kind]);
        if (is_name && !view_equal(member->value->text, name)) {
            g_autofree char *message = g_strdup_printf("%s is not metadata.name", name_members[kind]);
            g_autofree char *detail = g_strdup_printf("metadata.name is \"" VIEW_FMT "\"", VIEW_ARG(name));
            report(context, member->value, SEVERITY_ERROR, path, message, detail, diagnostics);
            good = false;
        } else if (!is_name) {
            g_autofree char *message =
                g_strdup_printf(VIEW_FMT " is read-only and left out", VIEW_ARG(member->key));
            report(context, member->value, SEVERITY_NOTICE, path, message, NULL, diagnostics);
        }
    }
    return good;
}

/* Labels and annotations in canonical form: metadata without its name. */
static View metadata_canonical(Kind kind, const Node *metadata, ManifestBatch *batch)
{
    Node rest = *metadata;
    rest.mapping.len = 0;
    rest.mapping.members = arena_new0_n(batch->scratch, NodeMember, metadata->mapping.len);
    for (size_t i = 0; i < metadata->mapping.len; i++)
        if (!view_equal(metadata->mapping.members[i].key, VIEW("name")))
            rest.mapping.members[rest.mapping.len++] = metadata->mapping.members[i];
    if (!rest.mapping.len)
        return VIEW("{}");
    g_string_truncate(batch->metadata, 0);
    canonical_append(schema_member(kind_schema(kind), "metadata", strlen("metadata")), &rest,
                     batch->metadata);
    return (View){batch->metadata->str, batch->metadata->len};
}

static void annotations_read(const Node *metadata, Manifest *manifest)
{
    const Node *annotations = node_get(metadata, "annotations");
    const Node *deletion = node_get(annotations, "muster/deletion");
    manifest->prune = !string_is(node_get(annotations, "muster/prune"), "false");
    manifest->deletion = string_is(deletion, "terminate") ? DELETION_TERMINATE
                         : string_is(deletion, "refuse")  ? DELETION_REFUSE
                                                          : DELETION_DRAIN;
}

static void document_add(const Document *document, Kind kind, const ManifestContext *context,
                         ManifestBatch *batch)
{
    const Node *metadata = node_get(document->root, "metadata"), *spec = node_get(document->root, "spec");
    Manifest manifest = {.kind = kind,
                         .name = node_get(metadata, "name")->text,
                         .file = context->file,
                         .line = document->root->line};
    annotations_read(metadata, &manifest);
    manifest.metadata = metadata_canonical(kind, metadata, batch);
    g_string_truncate(batch->spec, 0);
    canonical_append(kind_spec_schema(kind), spec, batch->spec);
    manifest.spec = (View){batch->spec->str, batch->spec->len};
    canonical_digest(kind, manifest.name, manifest.spec, &manifest.digest);
    manifest_batch_add(batch, &manifest);
}

ManifestOutcome manifest_from_document(const Document *document, const ManifestContext *context,
                                       ManifestBatch *batch, DiagnosticList *diagnostics)
{
    Node *root = document->root;
    const Node *version = node_get(root, "apiVersion");
    size_t prefix = strlen(API_VERSION_PREFIX);
    if (!version || version->kind != NODE_STRING || version->text.len < prefix ||
        memcmp(version->text.data, API_VERSION_PREFIX, prefix) != 0)
        return MANIFEST_NOT_OURS;
    Kind kind;
    if (!envelope_kind(root, context, &kind, diagnostics))
        return MANIFEST_INVALID;
    arena_reset(batch->scratch);
    const SourceVariant *settled = context->config ? context->config->variant : NULL;
    VariantOutcome variant = variant_apply(settled, kind, root, context, batch->scratch, diagnostics);
    if (variant == VARIANT_UNUSABLE)
        return MANIFEST_INVALID;
    Node *spec = node_get(root, "spec"), *metadata = node_get(root, "metadata");
    if (metadata)
        normalise_empty(metadata);
    if (spec)
        normalise_spec(kind, spec, batch->scratch);
    SchemaContext rules = {context->file, context->text, context->first_line,
                           effective_provider(kind, spec, context)};
    if (!schema_validate(kind_schema(kind), root, "", &rules, diagnostics) || variant == VARIANT_FAULTY)
        return MANIFEST_INVALID;
    if (!spec_members_check(kind, node_get(node_get(root, "metadata"), "name")->text, spec, context,
                            diagnostics))
        return MANIFEST_INVALID;
    if (!document_check(kind, spec, context, diagnostics))
        return MANIFEST_INVALID;
    if (!prefix_apply(variant_prefix(settled), kind, root, context, batch->scratch, diagnostics))
        return MANIFEST_INVALID;
    document_add(document, kind, context, batch);
    if (context->observe)
        context->observe(kind, root, context->file, context->observer);
    return MANIFEST_OK;
}
