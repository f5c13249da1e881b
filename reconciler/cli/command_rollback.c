/* command_rollback.c: an older revision of a repository is in force again. */
#include "reconciler/cli/deploy.h"
#include "reconciler/cli/listing.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/values.h"
#include "reconciler/source/repo_revision.h"

#define PREVIOUS         "previous"
#define RECONCILES_MAX   10000 /* that history shows of a source */
#define PROVIDER_SETTING "provider "

/* The source, as the state knows it. */
typedef struct {
    char *name, *path;
    bool is_followed, is_suspended;
} Subject;

static void subject_clear(Subject *subject)
{
    g_free(subject->name);
    g_free(subject->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Subject, subject_clear)

/* ---- which source ---- */

static const json_t *source_named(const json_t *status, const char *name)
{
    size_t index;
    json_t *source;
    json_array_foreach(json_object_get(status, "sources"), index, source)
    {
        if (strcmp(member_text(source, "name"), name) == 0)
            return source;
    }
    return NULL;
}

/* Of its newest apply: a source that is not followed now is where a command had it last. */
static const char *applied_path(const json_t *status, const char *name)
{
    const char *path = "";
    size_t index;
    json_t *apply;
    json_array_foreach(json_object_get(status, "applies"), index, apply)
    {
        if (strcmp(member_text(apply, "owner"), name) == 0)
            path = member_text(apply, "sourcePath");
    }
    return path;
}

static void add_name(GPtrArray *names, const char *name)
{
    if (*name && !g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
        g_ptr_array_add(names, (gpointer)(uintptr_t)name);
}

/* Borrowed from status. */
static GPtrArray *source_names(const json_t *status)
{
    GPtrArray *names = g_ptr_array_new();
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(status, "sources"), index, item)
        add_name(names, member_text(item, "name"));
    json_array_foreach(json_object_get(status, "applies"), index, item)
        add_name(names, member_text(item, "owner"));
    return names;
}

static const char *choose(const json_t *status, const char *wanted, GError **error)
{
    g_autoptr(GPtrArray) names = source_names(status);
    g_autoptr(GString) list = g_string_new(NULL);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        if (wanted && strcmp(name, wanted) == 0)
            return name;
        g_string_append_printf(list, "%s%s", i ? ", " : "", name);
    }
    if (!wanted && names->len == 1)
        return names->pdata[0];
    if (names->len == 0)
        g_set_error(error, CLI_ERROR, EXIT_NOT_FOUND, "no source has been applied here");
    else if (wanted)
        g_set_error(error, CLI_ERROR, EXIT_NOT_FOUND, "there is no source \"%s\" here; there is %s", wanted,
                    list->str);
    else
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "which source? --source NAME is expected: %s", list->str);
    return NULL;
}

static bool find_subject(const json_t *status, const char *wanted, Subject *ret_subject, GError **error)
{
    const char *name = choose(status, wanted, error);
    if (!name)
        return false;
    const json_t *source = source_named(status, name);
    bool is_followed = json_is_true(json_object_get(source, "followed"));
    const char *applied = applied_path(status, name);
    *ret_subject = (Subject){
        .name = g_strdup(name),
        .path = g_strdup(is_followed || !*applied ? member_text(source, "path") : applied),
        .is_followed = is_followed,
        .is_suspended = json_object_get(source, "suspended") != NULL,
    };
    return true;
}

static bool check_subject(const Subject *subject, const char *revision, GError **error)
{
    if (!repo_location_is(subject->path)) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR,
                    "source %s is a directory (%s): of its revisions only digests are kept, not their "
                    "manifests. Put the old files back and apply them, or keep the source in a repository, "
                    "of which every commit can be rolled back to (git+file://…)",
                    subject->name, subject->path);
        return false;
    }
    if (subject->is_followed && !subject->is_suspended) {
        g_set_error(error, CLI_ERROR, EXIT_REFUSED,
                    "source %s is followed (%s): its branch would be in force again at once. Revert there "
                    "(git revert), or first: muster suspend source/%s --reason \"back to %s\"",
                    subject->name, subject->path, subject->name, revision);
        return false;
    }
    return true;
}

/* ---- which commit ---- */

static json_t *reconciles_of(Session *session, const char *name, GError **error)
{
    return backend_call(session->backend, "history",
                        json_pack("{s:s,s:I}", "source", name, "limit", (json_int_t)RECONCILES_MAX), error);
}

static bool was_begun(const json_t *reconcile)
{
    static const char *const states[] = {"STAGING", "ACTIVE", "CONVERGED", "SUPERSEDED", "FAILED", NULL};
    return g_strv_contains(states, member_text(reconcile, "state")) && *member_text(reconcile, "revision");
}

/* The last one that converged before the one in force; of a rollback that ended in the middle, where it was
 * to lead. Borrowed; NULL: there is none. */
static const char *previous_of(const json_t *reconciles)
{
    const char *now = NULL;
    size_t index;
    json_t *reconcile;
    json_array_foreach(reconciles, index, reconcile)
    {
        const char *revision = member_text(reconcile, "revision"), *state = member_text(reconcile, "state");
        if (!was_begun(reconcile) || strcmp(member_text(reconcile, "how"), "destroy") == 0)
            continue;
        bool is_half = strcmp(state, "FAILED") == 0;
        if (!now && is_half && strcmp(member_text(reconcile, "how"), "rollback") == 0)
            return revision;
        if (!now)
            now = revision;
        else if (strcmp(state, "CONVERGED") == 0 && strcmp(revision, now) != 0)
            return revision;
    }
    return NULL;
}

static bool is_abbreviation(const char *text)
{
    size_t len = strlen(text);
    return len >= 7 && len <= REPO_COMMIT_HEX && strspn(text, "0123456789abcdef") == len;
}

/* The one revision of the history that begins with text: whole, so that the remote can be asked for it when
 * no branch leads to it any more. Borrowed; NULL: none, or several. */
static const char *reconciled_of(const json_t *reconciles, const char *text)
{
    const char *found = NULL;
    size_t index;
    json_t *reconcile;
    json_array_foreach(reconciles, index, reconcile)
    {
        const char *revision = member_text(reconcile, "revision");
        if (!is_abbreviation(text) || !g_str_has_prefix(revision, text) ||
            strlen(revision) != REPO_COMMIT_HEX)
            continue;
        if (found && strcmp(found, revision) != 0)
            return NULL;
        found = revision;
    }
    return found;
}

static bool find_commit(Session *session, const Subject *subject, const char *text,
                        char ret_commit[REPO_COMMIT_HEX + 1], GError **error)
{
    json_t *answer = reconciles_of(session, subject->name, error);
    if (!answer)
        return false;
    const json_t *reconciles = json_object_get(answer, "reconciles");
    bool is_previous = strcmp(text, PREVIOUS) == 0;
    const char *known = is_previous ? previous_of(reconciles) : reconciled_of(reconciles, text);
    g_autofree char *stale = NULL;
    bool is_found = false;
    if (is_previous && !known)
        g_set_error(error, CLI_ERROR, EXIT_NOT_FOUND,
                    "no revision of source %s converged before the one in force (muster history %s)",
                    subject->name, subject->name);
    else
        is_found = repo_revision_find(subject->path, session->state_dir, known ? known : text, ret_commit,
                                      &stale, error);
    json_decref(answer);
    if (!is_found && g_error_matches(*error, SOURCE_ERROR, SOURCE_ERROR_REF)) {
        g_autoptr(GError) fault = g_steal_pointer(error);
        g_set_error(error, CLI_ERROR, EXIT_NOT_FOUND, "%s", fault->message);
    }
    if (stale)
        report_note("%s is what the mirror knows: %s", text, stale);
    return is_found;
}

/* ---- carrying out ---- */

static bool resolve(Invocation *invocation, Subject *ret_subject, char ret_commit[REPO_COMMIT_HEX + 1],
                    char **ret_state_dir, GError **error)
{
    g_auto(Session) session = {0};
    const char *revision = invocation->arguments[0];
    if (!session_open_here(invocation, BACKEND_READ, &session, error))
        return false;
    json_t *status = backend_call(session.backend, "status", NULL, error);
    bool is_found = status && find_subject(status, invocation->options.source, ret_subject, error) &&
                    check_subject(ret_subject, revision, error) &&
                    find_commit(&session, ret_subject, revision, ret_commit, error);
    json_decref(status);
    *ret_state_dir = g_strdup(session.state_dir);
    return is_found;
}

/* Where --provider had the source run; NULL: nowhere else than it says. */
static char *provider_of(const char *state_dir, const char *name)
{
    g_autoptr(StoreReader) reader = store_reader_open(state_dir, NULL);
    g_autofree char *setting = g_strconcat(PROVIDER_SETTING, name, NULL);
    char *provider = NULL;
    if (!reader || !store_reader_begin(reader, NULL))
        return NULL;
    (void)store_reader_setting(reader, setting, &provider, NULL);
    store_reader_end(reader);
    return provider;
}

static void note_branch(const Subject *subject, int code)
{
    if (code == EXIT_OK && !subject->is_suspended)
        report_note("source %s is not suspended: whoever follows or applies it next takes its branch again "
                    "(muster suspend source/%s --reason …)",
                    subject->name, subject->name);
}

static int roll_back(Invocation *invocation, const Subject *subject, const char *commit,
                     DeployOptions *deployed)
{
    g_autoptr(GError) error = NULL;
    const char *state_dir = invocation->options.state;
    g_autoptr(GivenValues) values = values_read_named(&invocation->options, state_dir, subject->name, &error);
    if (!values)
        return report_error(error);
    g_autofree char *provider = provider_of(state_dir, subject->name),
                    *question = g_strdup_printf("Do you want source %s to be rolled back to commit %.12s? "
                                                "Only 'yes' is accepted:",
                                                subject->name, commit);
    deployed->rolled_back = subject->name;
    deployed->question = question;
    deployed->planning.values = values;
    deployed->planning.source = subject->path;
    deployed->planning.source_name = subject->name;
    deployed->planning.commit = commit;
    deployed->planning.provider = provider;
    deployed->planning.state_dir = state_dir;
    report_note("source %s: rolling back to commit %.12s", subject->name, commit);
    int code = deploy(invocation, deployed);
    if (!deployed->is_dry)
        note_branch(subject, code);
    return code;
}

static int run(Invocation *invocation)
{
    Options *options = &invocation->options;
    DeployOptions deployed;
    g_autoptr(GError) error = NULL;
    g_auto(Subject) subject = {0};
    g_autofree char *state_dir = NULL;
    char commit[REPO_COMMIT_HEX + 1];
    kinds_init();
    if (!deploy_options_read(options, &deployed, &error) ||
        !resolve(invocation, &subject, commit, &state_dir, &error))
        return report_error(error);
    /* The one that was asked, whatever the source's location would say. */
    g_free(options->state);
    options->state = g_steal_pointer(&state_dir);
    return roll_back(invocation, &subject, commit, &deployed);
}

static const OptionSpec options[] = {
    {"source", 0, OPTION_TEXT, OPTION(source), "NAME", "the source, where there are several", NULL},
    {"dry-run", 0, OPTION_FLAG, OPTION(dry_run), NULL,
     "show the plan and change nothing (ends with 2 when there is one)", NULL},
    OPTION_YES,
    OPTION_WAIT_FOR,
    OPTION_TIMEOUT,
    OPTION_ALLOW_DELETES,
    OPTION_NO_FORECAST,
    OPTION_VARIABLES,
    OPTION_POLICY,
};

const Command command_rollback = {
    .name = "rollback",
    .group = GROUP_MANIFESTS,
    .arguments = "REVISION",
    .summary = "have an older revision of a repository in force again",
    .description =
        "Reads the manifests of that commit, shows what differs from what is in force, asks, and carries out "
        "exactly that, with the values, the provider, the guards and the policy of any apply of the source. "
        "REVISION is a commit (at least 7 digits of it), a tag or a branch; or \"previous\": the last "
        "revision "
        "that converged before the one in force, as muster history shows them. Runs that were done already "
        "do not begin again.\n\n"
        "A source that a daemon follows would go forward again at once: it has to be suspended first (exit "
        "code 3), and rests at the older revision until it is resumed. In a repository nothing changes; "
        "reverting there, too, is what makes a rollback last.\n\n"
        "A commit that no branch leads to any more is asked for at the remote. Of a source that is a "
        "directory only digests are kept: it cannot be rolled back.",
    .examples = "muster suspend prod --reason \"release 7 is broken\"\tfirst\n"
                "muster rollback previous\tthen back to what was in force before\n"
                "muster rollback v1.4 --source prod --dry-run\twhat that would change\n"
                "muster resume prod\tonce the branch is mended",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .min_arguments = 1,
    .max_arguments = 1,
    .exits = EXITS(EXIT_PENDING) | EXITS(EXIT_REFUSED) | EXITS(EXIT_INFEASIBLE) | EXITS(EXIT_TIMED_OUT) |
             EXITS(EXIT_NOT_FOUND) | EXITS(EXIT_WORK_FAILED),
    .is_local = true,
    .run = run,
};
