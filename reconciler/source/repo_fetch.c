/* repo_fetch.c: see repo_fetch.h. */
#include "reconciler/source/repo_fetch.h"
#include <string.h>
#include "reconciler/source/helper.h"
#include "reconciler/source/repo_config.h"
#include "reconciler/source/source.h"

#define CONFIG_NAME    "fetch.config"
#define LINE_MAX_SHOWN 400
#define PACK_BLOCKS    "8388608" /* of 512 bytes: the largest pack or loose object that git may write, 4 GiB */

static bool fail(GError **error, int code, const char *what, const char *why)
{
    g_set_error(error, SOURCE_ERROR, code, "%s: %s", what, why);
    return false;
}

/* ---- what it said ---- */

#define COMMIT_GONE                                                                                          \
    "no branch and no tag of it leads to this commit any more, and it does not hand it out; push a branch "  \
    "or "                                                                                                    \
    "a tag that does"

/* What git says, by a part of it, and what helps. */
static const struct {
    const char *part, *cure;
} cures[] = {
    {"Host key verification failed",
     "put the host's key, once you have checked it, into known_hosts (knownHosts in sources.yaml)"},
    {"Permission denied (publickey",
     "give a key that the host accepts (sshKey in sources.yaml, or an agent)"},
    {"could not read Username", "it wants credentials: give tokenFile or credentialHelper in sources.yaml"},
    {"could not read Password", "it wants credentials: give tokenFile or credentialHelper in sources.yaml"},
    {"Authentication failed", "the credentials were refused: look at user and tokenFile in sources.yaml"},
    {"The requested URL returned error: 403", "the credentials may not read this repository"},
    {"certificate", "if it is signed by your own authority, name that with caFile in sources.yaml"},
    {"dubious ownership", "let the user that runs muster own the repository"},
    {"couldn't find remote ref HEAD", "the repository has no commit yet, or its HEAD names a branch that is "
                                      "not there: push one, or name a branch"},
    {"mismatched algorithms",
     "its objects have SHA-256 names, which muster cannot read yet: keep the manifests in a repository that "
     "was made with git init --object-format=sha1"},
    {"not our ref", COMMIT_GONE},
    {"unadvertised object", COMMIT_GONE},
    {"couldn't find remote ref", "there is no such reference"},
    {"does not appear to be a git repository", "is that the repository's path?"},
    {"not found", NULL},
    {"Could not resolve host", "look at the host's name, and at the network"},
    {"Could not resolve proxy", "look at proxy in sources.yaml and at https_proxy"},
    {"died of signal 25", "something in it is larger than the 4 GiB that a fetch may write"},
};

/* That git blames what lies in the mirror, not what it was sent. A pack that broke on its way is not among
 * them. */
static bool blames_mirror(const char *said)
{
    static const char *const parts[] = {"is corrupt",
                                        "bad object",
                                        "object file",
                                        "unable to read tree",
                                        "missing blob",
                                        "missing tree",
                                        "missing commit",
                                        "bad tree object",
                                        "Could not read",
                                        "packed object",
                                        "unable to parse",
                                        "broken pack",
                                        "not a git repository: ",
                                        "inflate: data stream error",
                                        "is far too short to be a packfile",
                                        "index file",
                                        "bad config line",
                                        "cannot be accessed"};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        if (strstr(said, parts[i]))
            return true;
    return false;
}

/* The line that says most: the first "fatal:" or "error:", else the last of all. New string, printable. */
static char *reason_of(const char *said)
{
    static const char *const signs[] = {"ERROR: ", "fatal: ", "error: ", "ssh: "};
    g_auto(GStrv) lines = g_strsplit(said, "\n", -1);
    const char *reason = NULL, *last = NULL;
    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        for (size_t i = 0; !reason && i < G_N_ELEMENTS(signs); i++)
            if (g_str_has_prefix(*line, signs[i]))
                reason = *line + (strncmp(signs[i], "ssh", 3) == 0 ? 0 : strlen(signs[i]));
        if (**line)
            last = *line;
    }
    if (!reason || strstr(reason, "Could not read from remote repository"))
        for (char **line = lines; *line; line++) /* ssh's own words stand before git's */
            if (strstr(*line, "Permission denied") || strstr(*line, "verification failed") ||
                strstr(*line, "onnection "))
                reason = *line;
    char *text = g_utf8_make_valid(reason ? reason : last ? last : "git gave no reason", -1);
    for (char *byte = text; *byte; byte++)
        if (g_ascii_iscntrl(*byte))
            *byte = ' ';
    if (strlen(text) > LINE_MAX_SHOWN)
        *g_utf8_find_prev_char(text, text + LINE_MAX_SHOWN) = '\0';
    return text;
}

static bool fail_fetch(const RepoFetch *fetch, const HelperEnd *end, GError **error)
{
    const char *said = end->error->str, *cure = NULL;
    if (helper_is_missing(end))
        return fail(error, SOURCE_ERROR_UNREADABLE, fetch->location->url,
                    "the git executable is missing: install git");
    for (size_t i = 0; !cure && i < G_N_ELEMENTS(cures); i++)
        if (strstr(said, cures[i].part))
            cure = cures[i].cure;
    g_autofree char *reason = reason_of(said);
    bool is_unknown = g_strcmp0(cure, COMMIT_GONE) == 0 || strstr(said, "couldn't find remote ref");
    int code = is_unknown            ? SOURCE_ERROR_REF
               : blames_mirror(said) ? SOURCE_ERROR_DAMAGED
                                     : SOURCE_ERROR_REMOTE;
    g_set_error(error, SOURCE_ERROR, code, "%s cannot be fetched: %s%s%s", fetch->location->url, reason,
                cure ? "; " : "", cure ? cure : "");
    return false;
}

static bool check_end(const RepoFetch *fetch, const HelperEnd *end, GError **error)
{
    switch (end->outcome) {
    case HELPER_TIMED_OUT:
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_REMOTE,
                    "%s cannot be fetched: not done within %" G_GINT64_FORMAT " s (timeout in sources.yaml)",
                    fetch->location->url, fetch->settings->timeout_ms / 1000);
        return false;
    case HELPER_CANCELLED:
        return fail(error, SOURCE_ERROR_CANCELLED, fetch->location->url, "the fetch was ended");
    case HELPER_ENDED: break;
    }
    return helper_is_good(end) || fail_fetch(fetch, end, error);
}

/* git with our directory, and then what it is to do: both NULL-terminated. */
static char **arguments_of(const RepoFetch *fetch, const char *const *command, const char *const *more)
{
    g_autoptr(GStrvBuilder) arguments = g_strv_builder_new();
    g_autofree char *directory = g_strconcat("--git-dir=", fetch->mirror, NULL);
    g_strv_builder_add(arguments, "git");
    g_strv_builder_add(arguments, directory);
    for (const char *const *word = command; *word; word++)
        g_strv_builder_add(arguments, *word);
    for (const char *const *word = more; *word; word++)
        g_strv_builder_add(arguments, *word);
    return g_strv_builder_end(arguments);
}

static bool run(const RepoFetch *fetch, const char *const *command, const char *const *more, GError **error)
{
    g_auto(HelperEnd) end = {0};
    g_autofree char *config = g_build_filename(fetch->mirror, CONFIG_NAME, NULL);
    g_autofree char *text = repo_config_text(fetch->location, fetch->settings, fetch->mirror);
    if (!g_file_set_contents_full(config, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error))
        return false;
    g_auto(GStrv) arguments = arguments_of(fetch, command, more);
    g_auto(GStrv) environment = repo_config_environment(fetch->location, fetch->settings, config, error);
    HelperCommand helper = {.arguments = (const char *const *)arguments,
                            .environment = environment,
                            .kept = &fetch->lock_fd,
                            .kept_len = fetch->lock_fd >= 0 ? 1 : 0,
                            .input_fd = -1,
                            .max_512 = PACK_BLOCKS,
                            .timeout_ms = fetch->settings->timeout_ms,
                            .cancel_fd = fetch->cancel_fd};
    return environment && helper_run(&helper, &end, error) && check_end(fetch, &end, error);
}

bool repo_fetch_run(const RepoFetch *fetch, const char *const *refspecs, GError **error)
{
    const char *const command[] = {"fetch",
                                   "--quiet",
                                   "--no-auto-gc",
                                   "--no-write-fetch-head",
                                   "--atomic",
                                   "--prune",
                                   "--force",
                                   "--no-tags",
                                   "--no-recurse-submodules",
                                   "--",
                                   fetch->location->url,
                                   NULL};
    return run(fetch, command, refspecs, error);
}

void repo_fetch_tidy(const RepoFetch *fetch)
{
    const char *const command[] = {"gc", "--quiet", "--prune=2.weeks.ago", NULL}, *const nothing[] = {NULL};
    run(fetch, command, nothing, NULL);
}
