/* command_backup.c: the state as one file, here or in S3. */
#include "reconciler/cli/command.h"
#include "reconciler/cli/listing.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"

static void print(const char *place, const BackupInfo *info, OutputFormat format)
{
    g_autofree char *size = g_format_size_full((guint64)info->bytes, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *at = time_local(info->committed_ms);
    json_t *answer = json_pack("{s:s,s:I,s:I,s:I}", "backup", place, "bytes", (json_int_t)info->bytes,
                               "standsFor", (json_int_t)info->committed_ms, "term", (json_int_t)info->term);
    if (format == OUTPUT_JSON) {
        output_json(answer);
    } else if (format == OUTPUT_YAML) {
        output_yaml(answer);
    } else {
        g_autoptr(GString) out = g_string_new(NULL);
        g_string_append_printf(out, "%s: %s, the state of %s\n", place, size, at);
        output_string(out);
    }
    json_decref(answer);
}

static int run(Invocation *invocation)
{
    const Options *options = &invocation->options;
    const char *place = invocation->arguments[0];
    g_autoptr(GError) error = NULL;
    g_autofree char *state_dir = NULL;
    BackupInfo info;
    if (!state_dir_of(options->state, NULL, 0, &state_dir, &error) ||
        !invocation->host->backup(state_dir, place, options->force, &info, &error))
        return report_error(error);
    print(place, &info, output_format(options->output));
    return EXIT_OK;
}

static const OptionSpec options[] = {
    {"force", 0, OPTION_FLAG, OPTION(force), NULL, "replace FILE where it is there already", NULL},
    OPTION_OUTPUT,
};

const Command command_backup = {
    .name = "backup",
    .group = GROUP_OTHER,
    .arguments = "FILE | s3://BUCKET/KEY",
    .summary = "the state as one file, from which restore makes it again",
    .description =
        "Copies one committed state, with a daemon or without one, which goes on meanwhile. The file is "
        "checked, flushed, and there whole or not at all. An object in S3 is replaced; a bucket with "
        "versions "
        "keeps the older ones.\n\n"
        "It holds what muster knows: resources, jobs, runs, their history, events. It does not hold what "
        "jobs wrote (logs, work directories, workspaces), nor the files that you keep beside the state "
        "(sources.yaml, notify.yaml). Values of environment variables stand in it as in the manifests: the "
        "file is made for its owner alone (mode 0600).\n\n"
        "muster serve --backup makes one again and again. docs/operations.md tells what a restore can know "
        "and what it cannot.",
    .examples = "muster backup /srv/backup/muster.db --force\tfrom a timer\n"
                "muster backup s3://lab-backup/muster/prod.db\twith the credentials at hand\n"
                "muster backup before-upgrade.db -o json\tits size, and the time it stands for",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 1,
    .is_local = true,
    .run = run,
};
