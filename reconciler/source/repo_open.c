/* repo_open.c: see repo_open.h. */
#include "reconciler/source/repo_open.h"
#include "reconciler/source/repo_submodule.h"
#include "reconciler/source/repo_tree.h"
#include "reconciler/source/repo_verify.h"

typedef struct {
    RepoMirror *mirror, *objects; /* the same, unless the repository itself is read */
    const RepoSettings *settings;
    const RepoLocation *location;
} Opening;

char *repo_mirror_base(const char *state_dir)
{
    bool is_there = state_dir && g_file_test(state_dir, G_FILE_TEST_IS_DIR);
    return is_there ? g_build_filename(state_dir, "git", NULL) : NULL;
}

/* Which commit; fetches where the options want to know what is new, or the mirror lacks what they name. */
static bool settle(const SourceOptions *options, RepoMirror *mirror, const RepoSettings *settings,
                   bool fetches, char ret_commit[REPO_COMMIT_HEX + 1], GError **error)
{
    if (options->commit && repo_mirror_has(mirror, options->commit)) {
        g_strlcpy(ret_commit, options->commit, REPO_COMMIT_HEX + 1);
        return true;
    }
    if (fetches && !repo_mirror_fetch(mirror, settings, NULL, -1, error))
        return false;
    if (!options->commit)
        return repo_mirror_resolve(mirror, ret_commit, error);
    g_strlcpy(ret_commit, options->commit, REPO_COMMIT_HEX + 1);
    return true; /* whether it is there shows when it is opened */
}

static bool open_once(SourceOptions *options, const Opening *opening, GError **error)
{
    char commit[REPO_COMMIT_HEX + 1];
    g_autofree char *signature = NULL;
    RepoVerifying verifying = {.objects = opening->objects,
                               .records = repo_mirror_records(opening->mirror),
                               .settings = opening->settings,
                               .location = opening->location,
                               .is_chosen = options->commit != NULL,
                               .cancel_fd = -1};
    RepoSubmodules submodules = {.mirror = opening->mirror,
                                 .location = opening->location,
                                 .settings = opening->settings,
                                 .state_dir = options->state_dir,
                                 .cancel_fd = -1};
    if (!settle(options, opening->objects, opening->settings, !options->is_offline, commit, error) ||
        (!options->is_offline && !repo_submodules_fetch(&submodules, commit, error)) ||
        !repo_verify(&verifying, commit, &signature, error))
        return false;
    options->git = repo_tree_open(opening->objects, opening->location, commit,
                                  opening->settings->submodules != NULL, error);
    if (options->git)
        repo_tree_set_signature(options->git, signature);
    return options->git != NULL;
}

/* Fetches anew what cannot be read, once. */
static bool open_tree(SourceOptions *options, const Opening *opening, bool is_damaged, GError **error)
{
    g_autoptr(GError) fault = NULL;
    if (is_damaged && !options->is_offline)
        repo_mirror_mark_damaged(opening->mirror);
    if (open_once(options, opening, &fault))
        return true;
    bool is_worth_more =
        g_error_matches(fault, SOURCE_ERROR, SOURCE_ERROR_DAMAGED) && !is_damaged && !options->is_offline;
    if (!is_worth_more) {
        g_propagate_error(error, g_steal_pointer(&fault));
        return false;
    }
    repo_mirror_mark_damaged(opening->mirror);
    return open_once(options, opening, error);
}

bool repo_open(SourceOptions *options, bool is_damaged, GError **error)
{
    g_autoptr(RepoLocation) location = repo_location_parse(options->path, error);
    g_autofree char *base = repo_mirror_base(options->state_dir);
    g_autoptr(RepoMirror) mirror = location ? repo_mirror_open(base, location, error) : NULL;
    g_autoptr(RepoMirror) place = NULL;
    g_autoptr(RepoSettings) settings =
        mirror ? repo_settings_load(options->state_dir, location, error) : NULL;
    g_clear_pointer(&options->git, repo_tree_free);
    if (!settings)
        return false;
    if (options->is_offline && options->commit && !settings->submodules &&
        !repo_mirror_has(mirror, options->commit))
        place = repo_mirror_in_place(location); /* can be read before it is fetched */
    Opening opening = {mirror, place ? place : mirror, settings, location};
    return open_tree(options, &opening, is_damaged, error);
}

bool source_open(SourceOptions *options, GError **error)
{
    return options->git || !repo_location_is(options->path) || repo_open(options, false, error);
}
