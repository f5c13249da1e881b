/* follow.c: from a settled directory to a SourceState. */
#include "reconciler/follow.h"
#include "reconciler/source/source.h"

#define SETTLE_MS 10

struct Follow {
    FollowTarget target;
    char *path, *name, *provider, *cache_dir;
    char *values; /* JSON; NULL: none */
    GivenValues *given;
    Policy *policy;
    SourceOptions options;
    SourceWatch *watch;
    SourceFollower *follower;
    GPtrArray *base_paths, *base_watches; /* of char*, SourceWatch*: directories outside of the source */
    bool loading, again;
    bool full_pass;                 /* the next load is one */
    int64_t changed_us, loading_us; /* first event since the last load began; that of the load under way */
    /* of the load under way */
    ManifestSet *set;
    DiagnosticList *diagnostics;
    char *failure;
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
    if (!read)
        follow->failure = g_strdup(error->message);
    else if (diagnostic_list_count(follow->diagnostics, SEVERITY_ERROR))
        follow->failure = first_errors(follow->diagnostics);
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
 * by one more load. Where one cannot be watched, the slow full pass looks. */
static void watch_bases(Follow *follow)
{
    const GPtrArray *bases = source_follower_bases(follow->follower);
    if (same_paths(bases, follow->base_paths))
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
            reconciler_log(follow->target.reconciler, "%s cannot be watched: %s",
                           (const char *)bases->pdata[i], error->message);
    }
    source_follower_doubt(follow->follower);
    follow->again = true;
}

static void follow_loaded(void *data)
{
    Follow *follow = data;
    g_autofree char *name = NULL;
    if (follow->set)
        name = source_identity(&follow->options, follow->set);
    else
        name = follow->name ? g_strdup(follow->name) : g_path_get_basename(follow->path);
    bool whole = follow->set && !follow->failure;
    SourceState state = {.path = follow->path,
                         .name = name,
                         .provider = follow->provider,
                         .values = follow->values,
                         .revision = whole ? manifest_set_revision(follow->set) : NULL,
                         .broken = follow->failure,
                         .set = whole ? follow->set : NULL,
                         .approval_required = policy_requires_approval(follow->policy, name),
                         .full_pass = follow->full_pass,
                         .changed_us = follow->loading_us};
    follow->full_pass = false;
    recorder_source(follow->target.recorder, follow->target.reconciler, &state);
    g_clear_pointer(&follow->set, manifest_set_unref);
    g_clear_pointer(&follow->diagnostics, diagnostic_list_free);
    g_clear_pointer(&follow->failure, g_free);
    follow->loading = false;
    watch_bases(follow);
    if (follow->again)
        follow_reload(follow);
}

void follow_reload(Follow *follow)
{
    follow->again = follow->loading;
    if (follow->loading)
        return;
    follow->loading = true;
    follow->loading_us = follow->changed_us;
    follow->changed_us = 0;
    static const PortLoad load = {.run = follow_load, .done = follow_loaded};
    follow->target.work->load(follow->target.work->self, &load, follow);
}

void follow_full_pass(Follow *follow)
{
    follow->full_pass = true;
    follow_reload(follow);
}

static void follow_settled(void *data)
{
    Follow *follow = data;
    if (!follow->changed_us)
        follow->changed_us = source_watch_changed_us(follow->watch);
    follow_reload(follow);
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
                                      .cache_dir = follow->cache_dir};
    follow->watch = source_watch_new(&follow->options, SETTLE_MS, follow_settled, follow, error);
    if (!follow->watch) {
        follow_free(follow);
        return NULL;
    }
    follow->follower = source_follower_new(&follow->options);
    source_follower_attach(follow->follower, follow->watch);
    follow_reload(follow);
    return follow;
}

void follow_free(void *data)
{
    Follow *follow = data;
    if (!follow)
        return;
    g_clear_pointer(&follow->follower, source_follower_free);
    g_clear_pointer(&follow->watch, source_watch_free);
    g_clear_pointer(&follow->base_watches, g_ptr_array_unref);
    g_clear_pointer(&follow->base_paths, g_ptr_array_unref);
    g_clear_pointer(&follow->set, manifest_set_unref);
    g_clear_pointer(&follow->diagnostics, diagnostic_list_free);
    source_options_clear(&follow->options);
    g_free(follow->failure);
    g_free(follow->path);
    g_free(follow->name);
    g_free(follow->provider);
    g_free(follow->values);
    given_values_free(follow->given);
    policy_unref(follow->policy);
    g_free(follow->cache_dir);
    g_free(follow);
}
