/* backup_keeper.c: see backup_keeper.h. */
#include "reconciler/backup_keeper.h"
#include "reconciler/backup_send.h"
#include "reconciler/clock.h"
#include "reconciler/worker.h"

#define RETRY_MS  ((int64_t)5 * 60 * 1000)
#define LAST_FILE "backup.last" /* seconds since the epoch, and the place */

struct BackupKeeper {
    char *state_dir, *place;
    int64_t interval_ms;
    LogPort log;
    BackupTold told;
    void *data;
    Worker *worker;
    GSource *timer;
    BackupFacts facts;    /* its texts are the keeper's */
    char *error, *logged; /* of the last try; of the last line in the log; NULL: none */
    /* of the try under way, written by the worker */
    BackupInfo info;
    int64_t at_ms;
    char *fault;
};

/* ---- names ---- */

char *backup_name(const char *place, bool is_directory, int64_t at_ms)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(at_ms / 1000);
    g_autofree char *name = g_date_time_format(at, "muster-%Y%m%dT%H%M%SZ.db");
    if (g_str_has_suffix(place, "/"))
        return g_strconcat(place, name, NULL);
    return is_directory ? g_build_filename(place, name, NULL) : g_strdup(place);
}

/* ---- when the last one was made ---- */

/* 0: never, or to another place. */
static int64_t last_ms(const BackupKeeper *keeper)
{
    g_autofree char *path = g_build_filename(keeper->state_dir, LAST_FILE, NULL), *text = NULL;
    char *end = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    int64_t seconds = g_ascii_strtoll(text, &end, 10);
    return *end == ' ' && strcmp(g_strchomp(end + 1), keeper->place) == 0 ? seconds * 1000 : 0;
}

static void note_last(const BackupKeeper *keeper)
{
    g_autofree char *path = g_build_filename(keeper->state_dir, LAST_FILE, NULL);
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT " %s\n", keeper->at_ms / 1000, keeper->place);
    g_file_set_contents(path, text, -1, NULL); /* without it the next start makes one more */
}

/* ---- one ---- */

static bool make(BackupKeeper *keeper, GError **error)
{
    bool is_directory = !backup_is_far(keeper->place) && g_file_test(keeper->place, G_FILE_TEST_IS_DIR);
    g_autofree char *name = backup_name(keeper->place, is_directory, keeper->at_ms);
    return backup_send(keeper->state_dir, name, true, &keeper->info, error);
}

/* On the worker. */
static void work(void *data)
{
    BackupKeeper *keeper = data;
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&keeper->fault, g_free);
    if (make(keeper, &error))
        note_last(keeper);
    else
        keeper->fault = g_strdup(error->message);
}

static void begin(BackupKeeper *keeper);

static gboolean on_due(gpointer data)
{
    BackupKeeper *keeper = data;
    g_clear_pointer(&keeper->timer, g_source_unref);
    begin(keeper);
    return G_SOURCE_REMOVE;
}

static void wait(BackupKeeper *keeper, int64_t for_ms)
{
    keeper->timer = g_timeout_source_new_seconds((guint)CLAMP(for_ms / 1000, 0, G_MAXINT));
    g_source_set_callback(keeper->timer, on_due, keeper, NULL);
    g_source_attach(keeper->timer, g_main_context_get_thread_default());
}

static void log_fault(BackupKeeper *keeper)
{
    if (keeper->error && g_strcmp0(keeper->error, keeper->logged) != 0) {
        g_autofree char *line = g_strdup_printf("no backup was made: %s", keeper->error);
        log_tell(&keeper->log, &(LogEntry){.level = LOG_LEVEL_WARNING, .message = line});
    }
    g_free(keeper->logged);
    keeper->logged = g_strdup(keeper->error);
}

static void tell(BackupKeeper *keeper)
{
    keeper->facts.place = keeper->place;
    keeper->facts.error = keeper->error;
    keeper->told(&keeper->facts, keeper->data);
}

static void done(void *data)
{
    BackupKeeper *keeper = data;
    g_free(keeper->error);
    keeper->error = g_strdup(keeper->fault);
    if (!keeper->error) {
        keeper->facts.made_ms = keeper->at_ms;
        keeper->facts.bytes = keeper->info.bytes;
    }
    log_fault(keeper);
    tell(keeper);
    if (keeper->worker)
        wait(keeper, keeper->error ? MIN(RETRY_MS, keeper->interval_ms) : keeper->interval_ms);
}

static void begin(BackupKeeper *keeper)
{
    keeper->at_ms = clock_ms();
    worker_push(keeper->worker, work, done, keeper);
}

BackupKeeper *backup_keeper_new(const char *state_dir, const char *place, int64_t interval_ms, LogPort log,
                                BackupTold told, void *data)
{
    BackupKeeper *keeper = g_new0(BackupKeeper, 1);
    *keeper = (BackupKeeper){.state_dir = g_strdup(state_dir),
                             .place = g_strdup(place),
                             .interval_ms = interval_ms > 0 ? interval_ms : BACKUP_INTERVAL_MS,
                             .log = log,
                             .told = told,
                             .data = data,
                             .worker = worker_new("backup")};
    keeper->facts.made_ms = last_ms(keeper);
    tell(keeper);
    int64_t due_ms = keeper->facts.made_ms + keeper->interval_ms, now_ms = clock_ms();
    wait(keeper, CLAMP(due_ms - now_ms, 0, keeper->interval_ms));
    return keeper;
}

void backup_keeper_free(BackupKeeper *keeper)
{
    if (!keeper)
        return;
    GMainContext *context = g_main_context_get_thread_default();
    if (keeper->timer)
        g_source_destroy(keeper->timer);
    g_clear_pointer(&keeper->timer, g_source_unref);
    g_clear_pointer(&keeper->worker, worker_free);
    while (g_main_context_iteration(context, FALSE))
        ; /* what it completed */
    char *const texts[] = {keeper->state_dir, keeper->place, keeper->error, keeper->logged, keeper->fault};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_free(keeper);
}
