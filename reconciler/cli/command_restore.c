/* command_restore.c: a state directory from a backup. */
#include "reconciler/cli/command.h"
#include <glib/gstdio.h>
#include "reconciler/cli/listing.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/store/backup.h"
#include "reconciler/store/lease.h"

/* path: where the backup is on this machine; *ret_path is removed afterwards where it was fetched. */
static bool fetch(const Invocation *invocation, const char *place, const char *state_dir, char **ret_path,
                  GError **error)
{
    if (!backup_is_far(place)) {
        *ret_path = g_strdup(place);
        return true;
    }
    *ret_path = g_build_filename(state_dir, "backup.fetched", NULL);
    return invocation->host->object_get(place, *ret_path, error);
}

static bool restore(const Invocation *invocation, const char *state_dir, BackupInfo *ret_info,
                    char **ret_aside, GError **error)
{
    const char *place = invocation->arguments[0];
    g_autofree char *path = NULL;
    Lease *lease = lease_take(state_dir, "restore", error);
    if (!lease)
        return false;
    bool is_done = fetch(invocation, place, state_dir, &path, error) &&
                   backup_restore(path, state_dir, place, invocation->options.force, g_get_real_time() / 1000,
                                  ret_info, ret_aside, error);
    if (path && strcmp(path, place) != 0)
        g_unlink(path);
    lease_release(lease);
    return is_done;
}

static void print(const char *state_dir, const BackupInfo *info, const char *aside)
{
    g_autofree char *at = time_local(info->committed_ms);
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(out, "%s holds the state of %s.\n", state_dir, at);
    if (aside)
        g_string_append_printf(out, "What was there is %s.\n", aside);
    g_string_append(
        out, "Nothing runs yet: muster serve looks first at what is there of it (docs/operations.md).\n");
    output_string(out);
}

static int run(Invocation *invocation)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *state_dir = NULL, *aside = NULL;
    BackupInfo info;
    if (!state_dir_of(invocation->options.state, NULL, 0, &state_dir, &error) ||
        !restore(invocation, state_dir, &info, &aside, &error))
        return report_error(error);
    print(state_dir, &info, aside);
    return EXIT_OK;
}

static const OptionSpec options[] = {
    {"force", 0, OPTION_FLAG, OPTION(force), NULL,
     "also where the directory holds a state: that is renamed, not removed", NULL},
};

const Command command_restore = {
    .name = "restore",
    .group = GROUP_OTHER,
    .arguments = "FILE | s3://BUCKET/KEY",
    .summary = "make the state directory from a backup",
    .description =
        "Checks the backup and makes the state directory's state from it. No daemon may be using the "
        "directory. What is there already is an error, with --force it is renamed.\n\n"
        "The restored state begins a new term, far above those that the lost one can have had: should the "
        "older muster come back, clusters and launchers refuse it. muster serve then looks at what is there: "
        "what it knows goes on, what was started since is adopted on AWS, what ended unseen is a lost "
        "attempt, "
        "and what was submitted after the backup is gone: its tasks are held, and listed by muster status. "
        "docs/operations.md has the steps.",
    .examples =
        "muster restore /srv/backup/muster.db --state /var/lib/muster\ton a new machine\n"
        "muster restore s3://lab-backup/muster/prod.db --state /var/lib/muster --force\tover a damaged one",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_REFUSED),
    .is_local = true,
    .run = run,
};
