#include "reconciler/cli/state_dir.h"

#include <unistd.h>
#include "reconciler/cli/report.h"
#include "reconciler/source/location.h"

bool source_is_supported(const char *source, GError **error)
{
    if (!repo_location_is(source))
        return true;
    g_autoptr(RepoLocation) location = repo_location_parse(source, error);
    return location != NULL;
}

char *source_absolute(const char *source, const char *directory)
{
    return repo_location_is(source) ? g_strdup(source) : g_canonicalize_filename(source, directory);
}

static bool has_config(const char *directory)
{
    g_autofree char *path = g_build_filename(directory, "muster.yaml", NULL);
    return g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

char *source_find_upward(const char *directory)
{
    g_autofree char *at = g_strdup(directory);
    while (!has_config(at)) {
        char *parent = g_path_get_dirname(at);
        bool is_top = strcmp(parent, at) == 0;
        g_free(at);
        at = parent;
        if (is_top)
            return NULL;
    }
    return g_steal_pointer(&at);
}

/* The directory whose .muster is meant by the rule of the source, or NULL. */
static char *beside_source(const StateDirInput *input)
{
    if (input->sources_len > 1)
        return NULL;
    if (input->sources_len == 0)
        return source_find_upward(input->directory);
    if (repo_location_is(input->sources[0]))
        return NULL; /* what is elsewhere has no directory to be beside */
    g_autofree char *source = g_canonicalize_filename(input->sources[0], input->directory);
    return has_config(source) ? g_steal_pointer(&source) : NULL;
}

static bool is_set(const char *text)
{
    return text && *text;
}

bool state_dir_resolve(const StateDirInput *input, char **ret_path, GError **error)
{
    for (size_t i = 0; i < input->sources_len; i++)
        if (!source_is_supported(input->sources[i], error))
            return false;
    if (input->option && !*input->option) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "--state needs a directory");
        return false;
    }
    const char *given = input->option ? input->option : input->muster_state;
    if (is_set(given)) {
        *ret_path = g_canonicalize_filename(given, input->directory);
        return true;
    }
    g_autofree char *source = beside_source(input);
    if (source)
        *ret_path = g_build_filename(source, ".muster", NULL);
    else if (is_set(input->xdg_state_home) && g_path_is_absolute(input->xdg_state_home))
        *ret_path = g_build_filename(input->xdg_state_home, "muster", NULL);
    else if (input->is_root)
        *ret_path = g_strdup("/var/lib/muster");
    else if (is_set(input->home))
        *ret_path = g_build_filename(input->home, ".local", "state", "muster", NULL);
    else {
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "no state directory: give --state DIR or set MUSTER_STATE");
        return false;
    }
    return true;
}

bool state_dir_of(const char *option, const char *const *sources, size_t sources_len, char **ret_path,
                  GError **error)
{
    g_autofree char *directory = g_get_current_dir();
    StateDirInput input = {
        .option = option,
        .muster_state = g_getenv("MUSTER_STATE"),
        .xdg_state_home = g_getenv("XDG_STATE_HOME"),
        .home = g_getenv("HOME"),
        .is_root = geteuid() == 0,
        .directory = directory,
        .sources = sources,
        .sources_len = sources_len,
    };
    return state_dir_resolve(&input, ret_path, error);
}
