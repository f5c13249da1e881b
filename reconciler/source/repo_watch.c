/* repo_watch.c: see repo_watch.h. */
#include "reconciler/source/repo_watch.h"
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "reconciler/source/repo_mirror.h"
#include "reconciler/source/repo_open.h"
#include "reconciler/source/repo_refs.h"
#include "reconciler/source/repo_submodule.h"
#include "reconciler/source/repo_verify.h"
#include "reconciler/source/source.h"
#include "reconciler/source/webhook_secret.h"

#define JITTER_PERCENT 10
#define SHORT_ID       8

/* What one look found. */
typedef struct {
    RepoNewsState state;
    bool has_commit, has_head;
    char commit[REPO_COMMIT_HEX + 1], head[REPO_COMMIT_HEX + 1];
    char *message;
    bool is_refused; /* for its signature: */
    char refused[REPO_COMMIT_HEX + 1], *author;
    int64_t changed_us, interval_ms;
    int64_t retry_ms; /* what was told of is not there yet: look again after that; 0: it is */
} Look;

/* A push that was told of, and is looked for. */
typedef struct {
    char *ref; /* NULL: none is */
    char commit[REPO_COMMIT_HEX + 1];
    unsigned looks;  /* that did not find it */
    uint64_t number; /* of the push, from 1 */
} Wanted;

struct RepoWatch {
    /* constant */
    RepoLocation *location;
    char *state_dir;
    int64_t interval_ms, behind_ms;
    RepoWatchFunc news;
    void *data;
    GMainContext *context;
    int cancel_fd;
    GThread *thread;
    /* of the loop */
    GSource *timer;
    RepoRefs *refs; /* of a repository on this machine; NULL: only the timer asks */
    /* of the thread */
    char last[REPO_COMMIT_HEX + 1];
    int64_t looking_us; /* event_us of the look under way */
    GMutex mutex;       /* over what follows */
    GCond wanted;
    bool is_asked, is_ending, is_damaged;
    bool is_all; /* asked for more than what is wanted */
    Wanted wanted_push;
    char **secrets; /* of webhooks, as read last; NULL: none, and why: */
    GError *secrets_error;
    char *good;       /* to be noted; NULL: nothing */
    int64_t event_us; /* of the first change that was asked for; 0: none was */
    GQueue told;      /* of Look*: for the loop */
};

/* With the mutex. */
static void ask_locked(RepoWatch *watch, int64_t event_us)
{
    watch->is_asked = true;
    if (!watch->event_us)
        watch->event_us = event_us;
    g_cond_signal(&watch->wanted);
}

static void ask(RepoWatch *watch, bool is_damaged, int64_t event_us)
{
    g_mutex_lock(&watch->mutex);
    watch->is_all = true;
    watch->is_damaged |= is_damaged;
    ask_locked(watch, event_us);
    g_mutex_unlock(&watch->mutex);
}

static void look_clear(Look *look)
{
    g_free(look->message);
    g_free(look->author);
}

/* ---- one look, on the thread ---- */

static void G_GNUC_PRINTF(3, 4) note(Look *look, RepoNewsState state, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_free(look->message);
    look->message = g_strdup_vprintf(format, arguments);
    look->state = state;
    va_end(arguments);
}

/* A branch that is followed goes forward; a tag, a range or a commit names what it names. */
static bool goes_forward(const RepoLocation *location)
{
    return location->want == REPO_WANT_HEAD ||
           (location->want == REPO_WANT_NAME && !g_str_has_prefix(location->ref, "refs/tags/"));
}

static void compare_with_held(RepoMirror *mirror, RepoMirror *graph, const RepoSettings *settings,
                              const RepoLocation *location, Look *look)
{
    char held[REPO_COMMIT_HEX + 1];
    if (!repo_mirror_held(mirror, held) || !goes_forward(location) || settings->follow_rewrites ||
        repo_mirror_descends(graph, look->head, held))
        return;
    note(look, REPO_NEWS_HELD,
         "history was rewritten: %s is at %.*s, which does not come after %.*s; that one stays in force. "
         "Push a commit that "
         "does, or set rewrites: follow for this url in sources.yaml",
         location->ref ? location->ref : "HEAD", SHORT_ID, look->head, SHORT_ID, held);
    memcpy(look->commit, held, sizeof held);
}

static void resolve(RepoMirror *mirror, const RepoSettings *settings, const RepoLocation *location,
                    Look *look)
{
    g_autoptr(GError) error = NULL;
    if (repo_mirror_resolve(mirror, look->head, &error)) {
        look->has_head = look->has_commit = true;
        memcpy(look->commit, look->head, sizeof look->head);
        compare_with_held(mirror, mirror, settings, location, look);
        return;
    }
    if (look->state != REPO_NEWS_OK)
        return; /* why there is nothing was said already */
    look->has_commit = repo_mirror_held(mirror, look->commit);
    if (look->has_commit)
        note(look, REPO_NEWS_HELD, "%s; %.*s stays in force", error->message, SHORT_ID, look->commit);
    else
        note(look, REPO_NEWS_UNREACHABLE, "%s", error->message);
}

/* ---- signatures ---- */

static void note_unverified(RepoMirror *objects, const GError *error, Look *look)
{
    look->is_refused = g_error_matches(error, SOURCE_ERROR, SOURCE_ERROR_UNVERIFIED);
    if (!look->is_refused)
        return;
    memcpy(look->refused, look->commit, sizeof look->commit);
    look->author = repo_mirror_author(objects, look->commit);
}

/* The last gate: a commit that is not verified is not told, but the last good one, if that is; where none
 * is, nothing. objects: where the commit is. */
static void check_signature(const RepoWatch *watch, RepoMirror *mirror, RepoMirror *objects,
                            const RepoSettings *settings, Look *look)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *signature = NULL, *none = NULL;
    char held[REPO_COMMIT_HEX + 1];
    RepoVerifying verifying = {.objects = objects,
                               .records = repo_mirror_records(mirror),
                               .settings = settings,
                               .location = watch->location,
                               .is_chosen = !look->has_head || strcmp(look->head, look->commit) != 0,
                               .cancel_fd = watch->cancel_fd};
    if (!look->has_commit || repo_verify(&verifying, look->commit, &signature, &error))
        return;
    note_unverified(objects, error, look);
    verifying.objects = mirror;
    verifying.is_chosen = true;
    look->has_commit = repo_mirror_held(mirror, held) && strcmp(held, look->commit) != 0 &&
                       repo_verify(&verifying, held, &none, NULL);
    if (look->has_commit)
        note(look, REPO_NEWS_HELD, "%s; %.*s stays in force", error->message, SHORT_ID, held);
    else
        note(look, REPO_NEWS_HELD, "%s; what is in force stays", error->message);
    if (look->has_commit)
        memcpy(look->commit, held, sizeof held);
}

/* ---- what became of it ---- */

/* The commit differs from the one that was told last: when that was seen. */
static void note_change(RepoWatch *watch, int64_t event_us, Look *look)
{
    if (!look->has_commit || strcmp(look->commit, watch->last) == 0)
        return;
    look->changed_us = event_us ? event_us : g_get_monotonic_time();
    memcpy(watch->last, look->commit, sizeof look->commit);
}

static void tell(RepoWatch *watch, Look *look);

/* A repository of this machine need not be fetched to be read: what is new there is told at once, the mirror
 * follows. */
static void look_in_place(RepoWatch *watch, RepoMirror *mirror, const RepoSettings *settings,
                          const Look *around)
{
    g_autoptr(RepoMirror) place = repo_mirror_in_place(watch->location);
    Look look = {.interval_ms = around->interval_ms};
    if (!place || !repo_mirror_resolve(place, look.head, NULL))
        return; /* fetching tells why */
    look.has_head = look.has_commit = true;
    memcpy(look.commit, look.head, sizeof look.head);
    compare_with_held(mirror, place, settings, watch->location, &look);
    check_signature(watch, mirror, place, settings, &look);
    note_change(watch, watch->looking_us, &look);
    if (look.changed_us)
        tell(watch, g_memdup2(&look, sizeof look));
    else
        look_clear(&look);
}

/* What the thread does next. */
typedef struct {
    bool is_asked, is_damaged;
    bool is_all;   /* every reference, not only the wanted one's */
    char *good;    /* NULL: nothing is to be noted */
    Wanted wanted; /* a copy */
} Order;

static void order_clear(Order *order)
{
    g_free(order->good);
    g_free(order->wanted.ref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Order, order_clear)

/* A range of versions looks at all tags. */
static const char *only_ref(const RepoWatch *watch, const Order *order)
{
    return order->is_all || watch->location->want == REPO_WANT_SEMVER ? NULL : order->wanted.ref;
}

/* Of what would be in force next; where nothing is named, resolving says so. */
static bool fetch_submodules(const RepoWatch *watch, RepoMirror *mirror, const RepoSettings *settings,
                             GError **error)
{
    char commit[REPO_COMMIT_HEX + 1];
    const RepoSubmodules submodules = {.mirror = mirror,
                                       .location = watch->location,
                                       .settings = settings,
                                       .state_dir = watch->state_dir,
                                       .cancel_fd = watch->cancel_fd};
    return !settings->submodules || !repo_mirror_resolve(mirror, commit, NULL) ||
           repo_submodules_fetch(&submodules, commit, error);
}

static void look_with(RepoWatch *watch, RepoMirror *mirror, const RepoSettings *settings, const Order *order,
                      Look *look)
{
    g_autoptr(GError) error = NULL;
    if (order->is_damaged)
        repo_mirror_mark_damaged(mirror);
    else if (!settings->submodules)
        look_in_place(watch, mirror, settings, look);
    bool is_fetched = repo_mirror_fetch(mirror, settings, only_ref(watch, order), watch->cancel_fd, &error) &&
                      fetch_submodules(watch, mirror, settings, &error);
    if (!is_fetched)
        note(look, REPO_NEWS_UNREACHABLE, "%s", error->message);
    if (!is_fetched && !watch->last[0] && repo_mirror_is_behind(mirror))
        return; /* after a restart: nothing is taken back for want of the remote */
    if (is_fetched || !watch->last[0]) {
        resolve(mirror, settings, watch->location, look);
    } else { /* what was seen last may not have come into the mirror */
        look->has_commit = true;
        memcpy(look->commit, watch->last, sizeof look->commit);
    }
    bool is_elsewhere = settings->verify && look->has_commit && !repo_mirror_has(mirror, look->commit);
    g_autoptr(RepoMirror) place = is_elsewhere ? repo_mirror_in_place(watch->location) : NULL;
    check_signature(watch, mirror, place ? place : mirror, settings, look);
    note_change(watch, watch->looking_us, look);
}

/* Before the remote is asked: that may take minutes. */
static void read_secrets(RepoWatch *watch, const RepoSettings *settings, const GError *fault)
{
    GError *error = fault ? g_error_copy(fault) : NULL;
    char **secrets = settings ? webhook_secrets_read(settings, &error) : NULL;
    g_mutex_lock(&watch->mutex);
    g_strfreev(watch->secrets);
    g_clear_error(&watch->secrets_error);
    watch->secrets = secrets;
    watch->secrets_error = error;
    g_mutex_unlock(&watch->mutex);
}

/* Whether a push is still looked for that this look was to bring. */
static void settle_wanted(RepoWatch *watch, RepoMirror *mirror, const Wanted *wanted, Look *look)
{
    bool is_there = mirror && repo_mirror_knows(mirror, wanted->commit);
    g_mutex_lock(&watch->mutex);
    Wanted *newest = &watch->wanted_push;
    if (newest->number == wanted->number) {
        if (is_there || ++newest->looks >= REPO_BEHIND_LOOKS)
            g_clear_pointer(&newest->ref, g_free);
        else
            look->retry_ms = watch->behind_ms << (newest->looks - 1);
    }
    g_mutex_unlock(&watch->mutex);
}

static void look_around(RepoWatch *watch, const Order *order, Look *look)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *base = repo_mirror_base(watch->state_dir);
    g_autoptr(RepoMirror) mirror = repo_mirror_open(base, watch->location, &error);
    g_autoptr(RepoSettings) settings =
        mirror ? repo_settings_load(watch->state_dir, watch->location, &error) : NULL;
    look->interval_ms = watch->interval_ms ? watch->interval_ms
                        : settings         ? settings->interval_ms
                                           : REPO_INTERVAL_MS;
    if (mirror && order->good)
        repo_mirror_hold(mirror, order->good);
    if (!order->is_asked)
        return;
    read_secrets(watch, settings, error);
    if (settings)
        look_with(watch, mirror, settings, order, look);
    else
        note(look, REPO_NEWS_UNREACHABLE, "%s", error->message);
    if (order->wanted.ref)
        settle_wanted(watch, mirror, &order->wanted, look);
}

/* ---- back on the loop ---- */

static gboolean on_timer(gpointer data)
{
    ask(data, false, 0);
    return G_SOURCE_REMOVE;
}

static gboolean on_retry(gpointer data)
{
    RepoWatch *watch = data;
    g_mutex_lock(&watch->mutex);
    ask_locked(watch, 0);
    g_mutex_unlock(&watch->mutex);
    return G_SOURCE_REMOVE;
}

static void on_reference(int64_t at_us, void *data)
{
    ask(data, false, at_us);
}

static void timer_clear(RepoWatch *watch)
{
    if (!watch->timer)
        return;
    g_source_destroy(watch->timer);
    g_clear_pointer(&watch->timer, g_source_unref);
}

/* Many that started together do not ask together for ever. */
static int64_t with_jitter(int64_t interval_ms)
{
    int64_t spread = interval_ms * JITTER_PERCENT / 100;
    return interval_ms + (spread > 0 ? (int64_t)(g_random_double_range(-1.0, 1.0) * (double)spread) : 0);
}

static void timer_set(RepoWatch *watch, const Look *look)
{
    int64_t wait_ms = look->retry_ms ? look->retry_ms : look->interval_ms;
    timer_clear(watch);
    watch->timer = g_timeout_source_new((guint)CLAMP(with_jitter(wait_ms), 1, G_MAXINT));
    g_source_set_callback(watch->timer, look->retry_ms ? on_retry : on_timer, watch, NULL);
    g_source_attach(watch->timer, watch->context);
}

static void look_free(void *data)
{
    look_clear(data);
    g_free(data);
}

static void hand_on(RepoWatch *watch, const Look *look)
{
    RepoRefused refused = {.commit = look->refused, .author = look->author};
    RepoNews news = {.state = look->state,
                     .commit = look->has_commit ? look->commit : NULL,
                     .head = look->has_head ? look->head : NULL,
                     .message = look->message,
                     .refused = look->is_refused ? &refused : NULL,
                     .changed_us = look->changed_us};
    timer_set(watch, look);
    watch->news(&news, watch->data);
}

static gboolean on_looked(gpointer data)
{
    RepoWatch *watch = data;
    g_mutex_lock(&watch->mutex);
    Look *look = g_queue_pop_head(&watch->told);
    g_mutex_unlock(&watch->mutex);
    hand_on(watch, look);
    look_free(look);
    return G_SOURCE_REMOVE;
}

/* ---- the thread ---- */

static void tell(RepoWatch *watch, Look *look)
{
    g_autoptr(GSource) source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, on_looked, watch, NULL);
    g_mutex_lock(&watch->mutex);
    g_queue_push_tail(&watch->told, look);
    g_mutex_unlock(&watch->mutex);
    g_source_attach(source, watch->context);
}

static gpointer watch_main(gpointer data)
{
    RepoWatch *watch = data;
    for (;;) {
        g_mutex_lock(&watch->mutex);
        while (!watch->is_asked && !watch->is_ending && !watch->good)
            g_cond_wait(&watch->wanted, &watch->mutex);
        bool is_ending = watch->is_ending;
        g_auto(Order) order = {.is_asked = watch->is_asked && !is_ending,
                               .is_damaged = watch->is_damaged,
                               .is_all = watch->is_all,
                               .good = g_steal_pointer(&watch->good),
                               .wanted = watch->wanted_push};
        order.wanted.ref = g_strdup(order.wanted.ref);
        watch->is_asked = watch->is_damaged = watch->is_all = false;
        watch->looking_us = watch->event_us;
        watch->event_us = 0;
        g_mutex_unlock(&watch->mutex);
        if (is_ending && !order.good)
            return NULL;
        Look *look = g_new0(Look, 1);
        look_around(watch, &order, look);
        if (order.is_asked)
            tell(watch, look);
        else
            look_free(look);
    }
}

/* ---- the face ---- */

RepoWatch *repo_watch_new(const RepoWatchOptions *options, RepoWatchFunc news, void *data, GError **error)
{
    RepoLocation *location = repo_location_parse(options->location, error);
    if (!location)
        return NULL;
    RepoWatch *watch = g_new0(RepoWatch, 1);
    watch->location = location;
    watch->state_dir = g_strdup(options->state_dir);
    watch->interval_ms = options->interval_ms;
    watch->behind_ms = options->behind_ms ? options->behind_ms : REPO_BEHIND_MS;
    watch->news = news;
    watch->data = data;
    watch->context = g_main_context_ref_thread_default();
    watch->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    g_mutex_init(&watch->mutex);
    g_cond_init(&watch->wanted);
    watch->is_asked = watch->is_all = true;
    g_set_error(&watch->secrets_error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE,
                "sources.yaml was not read yet");
    g_autoptr(RepoMirror) place = repo_mirror_in_place(location);
    if (place)
        watch->refs = repo_refs_new(repo_mirror_path(place), on_reference, watch);
    watch->thread = g_thread_new("git", watch_main, watch);
    return watch;
}

/* What came of looks and was not handed on yet. */
static void drop_untold(RepoWatch *watch)
{
    GSource *source;
    while ((source = g_main_context_find_source_by_user_data(watch->context, watch)))
        g_source_destroy(source);
    g_queue_clear_full(&watch->told, look_free);
}

void repo_watch_free(RepoWatch *watch)
{
    if (!watch)
        return;
    uint64_t one = 1;
    g_mutex_lock(&watch->mutex);
    watch->is_ending = true;
    g_cond_signal(&watch->wanted);
    g_mutex_unlock(&watch->mutex);
    ssize_t written = write(watch->cancel_fd, &one, sizeof one);
    (void)written; /* an eventfd takes it */
    g_thread_join(watch->thread);
    g_clear_pointer(&watch->refs, repo_refs_free);
    timer_clear(watch);
    drop_untold(watch);
    close(watch->cancel_fd);
    g_mutex_clear(&watch->mutex);
    g_cond_clear(&watch->wanted);
    g_main_context_unref(watch->context);
    repo_location_free(watch->location);
    g_free(watch->state_dir);
    g_free(watch->good);
    g_free(watch->wanted_push.ref);
    g_strfreev(watch->secrets);
    g_clear_error(&watch->secrets_error);
    g_free(watch);
}

void repo_watch_now(RepoWatch *watch)
{
    ask(watch, false, 0);
}

void repo_watch_push(RepoWatch *watch, const char *ref, const char *commit)
{
    g_mutex_lock(&watch->mutex);
    Wanted *wanted = &watch->wanted_push;
    if (wanted->ref && strcmp(wanted->ref, ref) != 0)
        watch->is_all = true; /* both of them */
    g_free(wanted->ref);
    wanted->ref = g_strdup(ref);
    g_strlcpy(wanted->commit, commit, sizeof wanted->commit);
    wanted->looks = 0;
    wanted->number++;
    ask_locked(watch, g_get_monotonic_time());
    g_mutex_unlock(&watch->mutex);
}

char **repo_watch_secrets(RepoWatch *watch, GError **error)
{
    g_mutex_lock(&watch->mutex);
    char **secrets = g_strdupv(watch->secrets);
    if (!secrets)
        g_propagate_error(error, g_error_copy(watch->secrets_error));
    g_mutex_unlock(&watch->mutex);
    return secrets;
}

void repo_watch_damaged(RepoWatch *watch)
{
    ask(watch, true, 0);
}

void repo_watch_good(RepoWatch *watch, const char *commit)
{
    g_mutex_lock(&watch->mutex);
    g_free(watch->good);
    watch->good = g_strdup(commit);
    g_cond_signal(&watch->wanted);
    g_mutex_unlock(&watch->mutex);
}
