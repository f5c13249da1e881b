#include "reconciler/cli/lookup.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"
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
    if (!state_dir_of(invocation->options.state, NULL, 0, &state_dir, &error))
        return report_error(error);
    export.out = g_string_new(NULL);
    bool ok = export_all(state_dir, &export, &error);
    output_string(export.out);
    g_string_free(export.out, TRUE);
    return ok ? EXIT_OK : report_error(error);
}

const Command command_export = {
    .name = "export",
    .group = GROUP_OTHER,
    .arguments = "[KIND]",
    .summary = "what is, as manifests that plan to no change",
    .description = "Writes every resource of the state directory, or those of one kind, as YAML manifests: "
                   "made by sources or by "
                   "hand. Applied to an empty state they make the same resources; planned against this state "
                   "they change nothing. "
                   "Jobs and their runs are not resources and are left out.",
    .examples = "muster export > all.yaml\teverything\n"
                "muster export queues\tonly queues",
    .argument = ARGUMENT_RESOURCE,
    .min_arguments = 0,
    .max_arguments = 1,
    .run = run,
};
