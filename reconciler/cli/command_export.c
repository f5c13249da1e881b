#include "reconciler/cli/lookup.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/plan/export_batch.h"
#include "reconciler/plan/plan.h"
#include "reconciler/store/store.h"

typedef struct {
    int kind; /* -1: all */
    GString *out;
    size_t count;
    bool is_read;
} Export;

#define FLUSH_BYTES ((gsize)256 * 1024)

static bool add_manifest(const ResourceRecord *record, void *data)
{
    Export *export = data;
    if ((export->kind >= 0 && export->kind != (int)record->kind) || record->phase == RESOURCE_DELETING)
        return true;
    export_manifest(record, export->out);
    export->count++;
    if (export->out->len > FLUSH_BYTES) {
        export->is_read = output_string(export->out);
        g_string_truncate(export->out, 0);
    }
    return export->is_read;
}

static bool export_all(const char *state_dir, Export *export, GError **error)
{
    g_autoptr(StoreReader) reader = store_reader_open(state_dir, error);
    if (!reader || !store_reader_begin(reader, error))
        return false;
    bool ok = store_reader_resources(reader, DETAIL_WHOLE, add_manifest, export, error);
    store_reader_end(reader);
    return ok || !export->is_read;
}

/* ---- from AWS Batch ---- */

/* Notes go to stderr, too: the manifests may go into a file. */
static bool write_batch(const GPtrArray *all, int kind, GString *out)
{
    bool is_whole = true;
    for (guint i = 0; i < all->len; i++) {
        const BatchManifest *manifest = all->pdata[i];
        if (kind >= 0 && (int)manifest->kind != kind)
            continue;
        batch_manifest_write(manifest, out);
        is_whole = is_whole && manifest->spec;
        for (guint j = 0; j < manifest->notes->len; j++)
            report_note("%s/%s: %s", kind_name(manifest->kind), manifest->name,
                        (const char *)manifest->notes->pdata[j]);
    }
    return is_whole;
}

static int export_from_batch(const Invocation *invocation, int kind)
{
    const Options *options = &invocation->options;
    const DoctorOptions where = {
        .profile = options->profile, .region = options->region, .role_arn = options->role};
    g_autoptr(GError) error = NULL;
    json_t *answers = NULL;
    if (!invocation->host->batch_read(&where, &answers, &error))
        return report_error(error);
    g_autoptr(GPtrArray) all = export_batch(answers);
    g_autoptr(GString) out = g_string_new(NULL);
    bool is_whole = write_batch(all, kind, out);
    output_string(out);
    json_decref(answers);
    return is_whole
               ? EXIT_OK
               : report_failure(EXIT_REFUSED, "not everything could be exported: the notes above say what");
}

static int run(Invocation *invocation)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *state_dir = NULL;
    Export export = {.kind = -1, .is_read = true};
    kinds_init();
    if (invocation->arguments_len) {
        Lookup lookup;
        if (!lookup_parse(invocation->arguments, 1, &lookup, &error))
            return report_error(error);
        if (lookup.type != LOOKUP_RESOURCE)
            return report_failure(EXIT_ERROR, "%s: jobs and runs are not resources; export writes resources",
                                  invocation->arguments[0]);
        export.kind = (int)lookup.kind;
    }
    if (invocation->options.from)
        return export_from_batch(invocation, export.kind);
    if (!state_dir_of(invocation->options.state, NULL, 0, &state_dir, &error))
        return report_error(error);
    export.out = g_string_new(NULL);
    bool ok = export_all(state_dir, &export, &error);
    output_string(export.out);
    g_string_free(export.out, TRUE);
    return ok ? EXIT_OK : report_error(error);
}

static const OptionSpec options[] = {
    {"from", 0, OPTION_TEXT, OPTION(from), "WHAT",
     "aws-batch: what an account has there, instead of the state", "aws-batch"},
    {"region", 0, OPTION_TEXT, OPTION(region), "REGION",
     "of aws-batch: the region (default: AWS_REGION, or the profile's)", NULL},
    {"profile", 0, OPTION_TEXT, OPTION(profile), "NAME", "of aws-batch: a profile of ~/.aws/config", NULL},
    {"role", 0, OPTION_TEXT, OPTION(role), "ARN", "of aws-batch: a role to assume first", NULL},
};

const Command command_export = {
    .name = "export",
    .group = GROUP_OTHER,
    .arguments = "[KIND]",
    .summary = "what is, as manifests that plan to no change",
    .description =
        "Writes every resource of the state directory, or those of one kind, as YAML manifests: "
        "made by sources or by "
        "hand. Applied to an empty state they make the same resources; planned against this state "
        "they change nothing. "
        "Jobs and their runs are not resources and are left out.\n\n"
        "--from aws-batch reads what AWS Batch has in a region (Describe calls; nothing is changed) and "
        "writes "
        "it as manifests: environments, queues, policies, consumable resources, the newest active "
        "revision of each definition. What manifests do not have is told in comments and on stderr; where "
        "something could not be exported at all it ends with 3 (docs/migrate-from-aws-batch.md).",
    .examples = "muster export > all.yaml\teverything\n"
                "muster export queues\tonly queues\n"
                "muster export --from aws-batch --region eu-central-1 > batch.yaml\twhat an account has",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_RESOURCE,
    .min_arguments = 0,
    .max_arguments = 1,
    .exits = EXITS(EXIT_REFUSED),
    .is_local = true,
    .run = run,
};
