#include "reconciler/source/repo_revision.h"
#include <string.h>
#include "reconciler/source/repo_open.h"
#include "reconciler/source/source.h"

typedef struct {
    const char *state_dir;
    RepoLocation *location;
} Repository;

static RepoMirror *mirror_of(const Repository *repository, GError **error)
{
    g_autofree char *base = repo_mirror_base(repository->state_dir);
    return repo_mirror_open(base, repository->location, error);
}

static bool fetch(const Repository *repository, RepoMirror *mirror, GError **error)
{
    g_autoptr(RepoSettings) settings = repo_settings_load(repository->state_dir, repository->location, error);
    return settings && repo_mirror_fetch(mirror, settings, NULL, -1, error);
}

static bool find_commit(const Repository *repository, char *ret_commit, GError **error)
{
    g_autoptr(RepoMirror) mirror = mirror_of(repository, error);
    if (!mirror)
        return false;
    if (!repo_mirror_has(mirror, repository->location->ref) && !fetch(repository, mirror, error))
        return false;
    return repo_mirror_resolve(mirror, ret_commit, error);
}

/* What digits name cannot change: the mirror is asked first. */
static bool is_digits(const char *text)
{
    return strspn(text, "0123456789abcdef") == strlen(text);
}

static bool find_name(const Repository *repository, char *ret_commit, char **ret_stale, GError **error)
{
    g_autoptr(RepoMirror) mirror = mirror_of(repository, error);
    g_autoptr(GError) fault = NULL;
    if (!mirror)
        return false;
    if (is_digits(repository->location->ref) && repo_mirror_resolve(mirror, ret_commit, NULL))
        return true;
    if (fetch(repository, mirror, &fault))
        return repo_mirror_resolve(mirror, ret_commit, error);
    if (repo_mirror_resolve(mirror, ret_commit, NULL)) {
        *ret_stale = g_strdup(fault->message);
        return true;
    }
    g_propagate_error(error, g_steal_pointer(&fault));
    return false;
}

bool repo_revision_find(const char *location, const char *state_dir, const char *text,
                        char ret_commit[REPO_COMMIT_HEX + 1], char **ret_stale, GError **error)
{
    g_autoptr(RepoLocation) parsed = repo_location_parse(location, error);
    g_autofree char *stale = NULL;
    char commit[REPO_COMMIT_HEX + 1];
    if (!parsed || !repo_location_set_ref(parsed, text, error))
        return false;
    Repository repository = {state_dir, parsed};
    if (parsed->want != REPO_WANT_COMMIT &&
        (!find_name(&repository, commit, &stale, error) || !repo_location_set_ref(parsed, commit, error)))
        return false;
    if (!find_commit(&repository, ret_commit, error)) /* a name may lead to what a fetch left half there */
        return false;
    *ret_stale = g_steal_pointer(&stale);
    return true;
}
