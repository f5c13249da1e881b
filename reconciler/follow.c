/* follow.c: from a settled directory, or the news of a remote, to a SourceState. */
#include "reconciler/follow.h"
#include "reconciler/source/location.h"
#include "reconciler/source/repo_watch.h"
#include "reconciler/source/source.h"

#define SETTLE_MS 10

struct Follow {
    FollowTarget target;
    RepoLocation *location; /* NULL: a directory */
    char *path, *name, *provider, *cache_dir;
    char *values; /* JSON; NULL: none */
    GivenValues *given;
    Policy *policy;
    SourceOptions options;
    SourceWatch *watch;          /* of a directory; or: */
    RepoWatch *remote;           /* of a repository */
    char *commit;                /* that is to be in force; NULL: a directory, or not known yet */
    char *loading_commit;        /* of the load under way; the worker's until it is done */
    char *head, *remote_message; /* what the remote said last */
    bool is_held;
    char *refused, *refused_author; /* commit that the remote has and that is not signed as it has to be */
    bool is_untrusted;              /* nor is anything else that is known */
    char *identity;                 /* as it was loaded last; NULL: never */
    SourceFollower *follower;
    GPtrArray *base_paths, *base_watches; /* of char*, SourceWatch*: directories outside of the source */
    bool loading, again;
    bool full_pass;                 /* the next load is one */
    Follow *later;                  /* waits until this one is known; NULL: none does */
    bool is_early;                  /* an earlier one is not known yet */
    bool is_known;                  /* it was loaded, or could not be; and so were those before it */
    int64_t changed_us, loading_us; /* first event since the last load began; that of the load under way */
    /* of the load under way; the worker's until it is done */
    ManifestSet *set;
    DiagnosticList *diagnostics;
    char *failure;
    bool is_damaged;    /* the mirror could not be read */
    bool is_unverified; /* the commit is not trusted any more: its remote's news will say so */
    char *damaged;      /* the commit that it could not be read for; NULL: none yet */
};

static char *first_errors(DiagnosticList *diagnostics)
{
    GString *text = g_string_new(NULL);
    size_t errors = diagnostic_list_count(diagnostics, SEVERITY_ERROR), shown = 0;
    for (size_t i = 0; i < diagnostic_list_len(diagnostics) && shown < 3; i++) {
        const Diagnostic *one = diagnostic_list_get(diagnostics, i);
        if (one->severity != SEVERITY_ERROR)
            continue;
        g_string_append_printf(text, "%s%s:%d:%d: %s", shown++ ? "; " : "", one->file ? one->file : "",
                               one->line, one->column, one->message);
    }
    if (errors > shown)
        g_string_append_printf(text, "; and %zu more", errors - shown);
    return g_string_free(text, FALSE);
}

/* On the worker. */
static void follow_load(void *data)
{
    Follow *follow = data;
    g_autoptr(GError) error = NULL;
    SourceStatistics statistics = {0};
    follow->diagnostics = diagnostic_list_new();
    bool read =
        source_follower_load(follow->follower, &follow->set, &statistics, follow->diagnostics, &error);
    source_statistics_clear(&statistics);
    follow->is_damaged = g_error_matches(error, SOURCE_ERROR, SOURCE_ERROR_DAMAGED);
    follow->is_unverified = g_error_matches(error, SOURCE_ERROR, SOURCE_ERROR_UNVERIFIED);
    if (!read)
        follow->failure = g_strdup(error->message);
    else if (diagnostic_list_count(follow->diagnostics, SEVERITY_ERROR))
        follow->failure = first_errors(follow->diagnostics);
    else if (manifest_set_len(follow->set) == 0) /* nobody means to delete everything by that */
        follow->failure = g_strdup(
            "no manifest is in it (apiVersion: muster/v1); muster destroy deletes what a source owns");
}

/* What it is called, as far as is known: a source that could not be read yet has the name that it had the
 * last time, else one from its path, until it can. */
static const char *name_of(Follow *follow, const ManifestSet *set)
{
    g_autofree char *before = NULL;
    if (!set && follow->identity)
        return follow->identity;
    before = g_steal_pointer(&follow->identity);
    if (!set)
        follow->identity = reconciler_source_name(follow->target.reconciler, follow->path);
    if (!follow->identity)
        follow->identity = source_identity(&follow->options, set);
    if (before && strcmp(before, follow->identity) != 0)
        recorder_source_renamed(follow->target.recorder, follow->target.reconciler, before);
    return follow->identity;
}

/* set: what was loaded; NULL: nothing was, or the worker still has it. */
static void tell_remote(Follow *follow, const ManifestSet *set)
{
    SourceRemote remote = {.path = follow->path,
                           .name = name_of(follow, set),
                           .provider = follow->provider,
                           .head = follow->head,
                           .message = follow->remote_message,
                           .refused = follow->refused,
                           .refused_author = follow->refused_author,
                           .is_untrusted = follow->is_untrusted,
                           .is_held = follow->is_held};
    recorder_source_remote(follow->target.recorder, follow->target.reconciler, &remote);
}

/* A commit that could not be read is read again with the next news. Where the mirror is to blame, that is
 * fetched anew at once; when the same commit cannot be read from the new one either, with the next regular
 * look. */
static void follow_tried(Follow *follow, bool is_whole)
{
    bool is_read = follow->set != NULL;
    tell_remote(follow, follow->set);
    if (is_whole)
        repo_watch_good(follow->remote, follow->loading_commit);
    if (!is_read && g_strcmp0(follow->commit, follow->loading_commit) == 0)
        g_clear_pointer(&follow->commit, g_free);
    if (follow->is_damaged && g_strcmp0(follow->damaged, follow->loading_commit) != 0) {
        g_free(follow->damaged);
        follow->damaged = g_strdup(follow->loading_commit);
        repo_watch_damaged(follow->remote);
    }
}

/* ---- bases
 * ---------------------------------------------------------------------------------------------------------------
 */

static void base_settled(void *data)
{
    Follow *follow = data;
    source_follower_doubt(follow->follower);
    follow_reload(follow);
}

static bool same_paths(const GPtrArray *a, const GPtrArray *b)
{
    guint len = a ? a->len : 0;
    bool same = len == (b ? b->len : 0);
    for (guint i = 0; same && i < len; i++)
        same = strcmp(a->pdata[i], b->pdata[i]) == 0;
    return same;
}

static void base_watch_free(void *watch)
{
    source_watch_free(watch);
}

/* Watches the bases that were read, when they are others than before; what changed there meanwhile is found
 * by one more load. Where one cannot be watched, the slow full pass looks. Those of a commit are in it. */
static void watch_bases(Follow *follow)
{
    const GPtrArray *bases = source_follower_bases(follow->follower);
    if (follow->remote || same_paths(bases, follow->base_paths))
        return;
    g_clear_pointer(&follow->base_watches, g_ptr_array_unref);
    g_clear_pointer(&follow->base_paths, g_ptr_array_unref);
    follow->base_watches = g_ptr_array_new_with_free_func(base_watch_free);
    follow->base_paths = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; bases && i < bases->len; i++) {
        g_autoptr(GError) error = NULL;
        SourceOptions options = {.path = bases->pdata[i]};
        SourceWatch *watch = source_watch_new(&options, SETTLE_MS, base_settled, follow, &error);
        g_ptr_array_add(follow->base_paths, g_strdup(bases->pdata[i]));
        if (watch)
            g_ptr_array_add(follow->base_watches, watch);
        else
            reconciler_tell(follow->target.reconciler, (LogEntry){.level = LOG_LEVEL_WARNING},
                            "%s cannot be watched: %s", (const char *)bases->pdata[i], error->message);
    }
    source_follower_doubt(follow->follower);
    follow->again = true;
}

/* Whatever came of it: the next one has its turn. */
static void follow_known(Follow *follow)
{
    if (follow->is_known || follow->is_early)
        return;
    follow->is_known = true;
    Follow *later = g_steal_pointer(&follow->later);
    if (!later)
        return;
    later->is_early = false;
    if (later->remote_message && !later->commit) /* it has said already that there is nothing to load */
        follow_known(later);
    follow_reload(later);
}

/* The keys were changed between the news of a commit and reading it. */
static void follow_unverified(Follow *follow)
{
    g_clear_pointer(&follow->diagnostics, diagnostic_list_free);
    g_clear_pointer(&follow->failure, g_free);
    follow->loading = follow->again = false;
    g_clear_pointer(&follow->commit, g_free);
    repo_watch_now(follow->remote);
}

static void follow_loaded(void *data)
{
    Follow *follow = data;
    if (follow->is_unverified) {
        follow_unverified(follow);
        return;
    }
    bool whole = follow->set && !follow->failure;
    const char *name = name_of(follow, follow->set);
    SourceState state = {.path = follow->path,
                         .name = name,
                         .provider = follow->provider,
                         .values = follow->values,
                         .revision = whole ? manifest_set_revision(follow->set) : NULL,
                         .author = source_follower_author(follow->follower),
                         .signature = source_follower_signature(follow->follower),
                         .broken = follow->failure,
                         .tried = whole ? NULL : follow->loading_commit,
                         .set = whole ? follow->set : NULL,
                         .approval_required = policy_requires_approval(follow->policy, name),
                         .full_pass = follow->full_pass,
                         .changed_us = follow->loading_us};
    follow->full_pass = false;
    recorder_source(follow->target.recorder, follow->target.reconciler, &state);
    if (follow->remote)
        follow_tried(follow, whole);
    g_clear_pointer(&follow->set, manifest_set_unref);
    g_clear_pointer(&follow->diagnostics, diagnostic_list_free);
    g_clear_pointer(&follow->failure, g_free);
    follow->loading = false;
    watch_bases(follow);
    if (follow->again)
        follow_reload(follow);
    follow_known(follow);
}

void follow_reload(Follow *follow)
{
    follow->again = follow->loading;
    if (follow->loading || follow->is_early || (follow->remote && !follow->commit))
        return;
    if (follow->remote) {
        g_free(follow->loading_commit);
        follow->loading_commit = g_strdup(follow->commit);
        source_follower_commit(follow->follower, follow->commit);
    }
    follow->loading = true;
    follow->loading_us = follow->changed_us;
    follow->changed_us = 0;
    static const PortLoad load = {.run = follow_load, .done = follow_loaded};
    follow->target.work->load(follow->target.work->self, &load, follow);
}

void follow_full_pass(Follow *follow)
{
    follow->full_pass = true;
    if (follow->remote)
        repo_watch_now(follow->remote);
    else
        follow_reload(follow);
}

/* A newer commit takes the place of the one that is being applied (reconcile_apply.c). */
static void follow_news(const RepoNews *news, void *data)
{
    Follow *follow = data;
    bool is_new = news->commit && g_strcmp0(news->commit, follow->commit) != 0;
    if (is_new) {
        g_free(follow->commit);
        follow->commit = g_strdup(news->commit);
        follow->changed_us = news->changed_us;
    }
    follow->is_untrusted = news->refused && !news->commit;
    if (follow->is_untrusted) /* nor is it read again */
        g_clear_pointer(&follow->commit, g_free);
    g_free(follow->refused);
    g_free(follow->refused_author);
    follow->refused = news->refused ? g_strdup(news->refused->commit) : NULL;
    follow->refused_author = news->refused ? g_strdup(news->refused->author) : NULL;
    g_free(follow->head);
    g_free(follow->remote_message);
    follow->head = g_strdup(news->head);
    follow->remote_message = g_strdup(news->message);
    follow->is_held = news->state == REPO_NEWS_HELD;
    if (follow->identity || !follow->commit)
        tell_remote(follow, NULL); /* else with what is loaded, which says its name */
    if (is_new || follow->full_pass)
        follow_reload(follow);
    if (news->message && !follow->commit)
        follow_known(follow);
}

static void follow_settled(void *data)
{
    Follow *follow = data;
    if (!follow->changed_us)
        follow->changed_us = source_watch_changed_us(follow->watch);
    follow_reload(follow);
}

static bool watch_start(Follow *follow, int64_t interval_ms, GError **error)
{
    if (!repo_location_is(follow->path)) {
        follow->watch = source_watch_new(&follow->options, SETTLE_MS, follow_settled, follow, error);
        return follow->watch != NULL;
    }
    RepoWatchOptions options = {
        .location = follow->path, .state_dir = follow->target.state_dir, .interval_ms = interval_ms};
    follow->options.is_offline = true; /* fetching is the watch's */
    follow->location = repo_location_parse(follow->path, NULL);
    follow->remote = repo_watch_new(&options, follow_news, follow, error);
    return follow->remote != NULL;
}

/* ---- webhooks ---- */

const char *follow_name(const Follow *follow)
{
    return follow->identity;
}

const RepoLocation *follow_location(const Follow *follow)
{
    return follow->location;
}

char **follow_secrets(Follow *follow, GError **error)
{
    if (follow->remote)
        return repo_watch_secrets(follow->remote, error);
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNSUPPORTED, "it is a directory, which is watched");
    return NULL;
}

void follow_push(Follow *follow, const char *ref, const char *commit)
{
    if (commit)
        repo_watch_push(follow->remote, ref, commit);
    else
        repo_watch_now(follow->remote);
}

void follow_tell_webhook(Follow *follow, const SourceWebhook *webhook)
{
    SourceWebhook named = *webhook;
    if (!follow->identity)
        return;
    named.path = follow->path;
    named.name = follow->identity;
    named.provider = follow->provider;
    recorder_source_webhook(follow->target.recorder, follow->target.reconciler, &named);
}

void follow_set_policy(Follow *follow, Policy *policy)
{
    policy_ref(policy);
    policy_unref(follow->policy);
    follow->policy = policy;
}

Follow *follow_new(const FollowTarget *target, const FollowOptions *options, GError **error)
{
    const char *values = options->values && *options->values ? options->values : NULL;
    g_autoptr(GivenValues) given = given_values_from_json(values, error);
    if (!given)
        return NULL;
    Follow *follow = g_new0(Follow, 1);
    follow->target = *target;
    follow->path = g_strdup(options->path);
    follow->name = g_strdup(options->name);
    follow->provider = g_strdup(options->provider);
    follow->values = g_strdup(values);
    follow->given = g_steal_pointer(&given);
    follow->policy = policy_ref(options->policy);
    follow->cache_dir = g_build_filename(target->state_dir, "cache", NULL);
    follow->options = (SourceOptions){.path = follow->path,
                                      .name = follow->name,
                                      .provider = follow->provider,
                                      .values = follow->given,
                                      .state_dir = target->state_dir,
                                      .cache_dir = follow->cache_dir};
    if (!watch_start(follow, options->interval_ms, error)) {
        follow_free(follow);
        return NULL;
    }
    follow->follower = source_follower_new(&follow->options);
    bool is_fresh = world_apply_next(reconciler_world(target->reconciler), 0) == NULL;
    if (is_fresh && options->earlier && !options->earlier->is_known) {
        follow->is_early = true;
        options->earlier->later = follow;
    }
    if (follow->watch)
        source_follower_attach(follow->follower, follow->watch);
    follow_reload(follow);
    return follow;
}

void follow_free(void *data)
{
    Follow *follow = data;
    if (!follow)
        return;
    g_clear_pointer(&follow->remote, repo_watch_free);
    g_clear_pointer(&follow->follower, source_follower_free);
    g_clear_pointer(&follow->watch, source_watch_free);
    g_clear_pointer(&follow->base_watches, g_ptr_array_unref);
    g_clear_pointer(&follow->base_paths, g_ptr_array_unref);
    g_clear_pointer(&follow->set, manifest_set_unref);
    g_clear_pointer(&follow->diagnostics, diagnostic_list_free);
    source_options_clear(&follow->options);
    repo_location_free(follow->location);
    g_free(follow->failure);
    g_free(follow->commit);
    g_free(follow->loading_commit);
    g_free(follow->damaged);
    g_free(follow->head);
    g_free(follow->remote_message);
    g_free(follow->refused);
    g_free(follow->refused_author);
    g_free(follow->identity);
    g_free(follow->path);
    g_free(follow->name);
    g_free(follow->provider);
    g_free(follow->values);
    given_values_free(follow->given);
    policy_unref(follow->policy);
    g_free(follow->cache_dir);
    g_free(follow);
}
