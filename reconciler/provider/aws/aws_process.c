#include "reconciler/provider/aws/aws_process.h"
#include <errno.h>
#include <glib-unix.h>
#include <jansson.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIME_LIMIT_MS 60000
#define OUTPUT_MAX    ((gsize)64 << 10)
#define FORM_VERSION  1

typedef struct {
    GMainContext *context;
    char *origin;
    char **arguments;
    GPid pid; /* 0: none runs */
    int fd;   /* of its output; -1: read to its end */
    GString *output;
    GSource *readable, *ended, *late;
    int status;
    AwsFetched done;
    void *data;
} Running;

/* ---- ends ---- */

static void drop(GSource **source)
{
    if (*source)
        g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static void clear(Running *running)
{
    drop(&running->readable);
    drop(&running->ended);
    drop(&running->late);
    if (running->fd >= 0)
        close(running->fd);
    running->fd = -1;
    running->pid = 0;
    g_string_truncate(running->output, 0);
}

static void give(Running *running, AwsCredentials *credentials, GError *error)
{
    AwsFetched done = running->done;
    running->done = NULL;
    clear(running);
    done(credentials, error, running->data);
}

static void give_up(Running *running, const char *why)
{
    give(running, NULL, g_error_new(G_FILE_ERROR, G_FILE_ERROR_ACCES, "%s: %s", running->origin, why));
}

/* {"Version": 1, "AccessKeyId": …} */
static void read_output(Running *running)
{
    json_t *root = json_loadb(running->output->str, running->output->len, 0, NULL);
    json_int_t version = json_integer_value(json_object_get(root, "Version"));
    GError *error = NULL;
    json_decref(root);
    if (version != FORM_VERSION) {
        give_up(running, "it printed no JSON object with Version 1");
        return;
    }
    AwsCredentials *credentials =
        aws_credentials_of_json((View){running->output->str, running->output->len}, running->origin, &error);
    give(running, credentials, error);
}

/* Both the output and the program have ended. */
static void finish(Running *running)
{
    if (running->pid || running->fd >= 0)
        return;
    g_autofree char *why = WIFEXITED(running->status)
                               ? g_strdup_printf("it ended with %d", WEXITSTATUS(running->status))
                               : g_strdup_printf("it was ended by signal %d", WTERMSIG(running->status));
    if (WIFEXITED(running->status) && WEXITSTATUS(running->status) == 0)
        read_output(running);
    else
        give_up(running, why);
}

/* ---- while it runs ---- */

/* What GLib has reaped already is not killed: its number may be another's. */
static void kill_it(Running *running)
{
    siginfo_t info;
    drop(&running->ended);
    if (running->pid && waitid(P_PID, (id_t)running->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
        kill(running->pid, SIGKILL);
        waitpid(running->pid, NULL, 0);
    }
    running->pid = 0;
}

static gboolean can_read(gint fd, GIOCondition condition, void *data)
{
    Running *running = data;
    char buffer[4096];
    (void)condition;
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return G_SOURCE_CONTINUE;
    if (got > 0 && running->output->len + (gsize)got <= OUTPUT_MAX) {
        g_string_append_len(running->output, buffer, got);
        return G_SOURCE_CONTINUE;
    }
    drop(&running->readable);
    if (got > 0) {
        kill_it(running);
        give_up(running, "it printed more than 64 KiB");
        return G_SOURCE_REMOVE;
    }
    close(running->fd);
    running->fd = -1;
    finish(running);
    return G_SOURCE_REMOVE;
}

static void has_ended(GPid pid, int status, void *data)
{
    Running *running = data;
    (void)pid;
    running->status = status;
    running->pid = 0;
    drop(&running->ended);
    finish(running);
}

static gboolean is_late(void *data)
{
    Running *running = data;
    kill_it(running);
    give_up(running, "it did not end within a minute: killed");
    return G_SOURCE_REMOVE;
}

static void watch(Running *running)
{
    running->readable = g_unix_fd_source_new(running->fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(running->readable, G_SOURCE_FUNC(can_read), running, NULL);
    g_source_attach(running->readable, running->context);
    running->ended = g_child_watch_source_new(running->pid);
    g_source_set_callback(running->ended, G_SOURCE_FUNC(has_ended), running, NULL);
    g_source_attach(running->ended, running->context);
    running->late = g_timeout_source_new(TIME_LIMIT_MS);
    g_source_set_callback(running->late, is_late, running, NULL);
    g_source_attach(running->late, running->context);
}

/* ---- fetcher ---- */

static void fetch(void *self, AwsFetched done, void *data)
{
    Running *running = self;
    g_autoptr(GError) error = NULL;
    running->done = done;
    running->data = data;
    if (g_spawn_async_with_pipes(NULL, running->arguments, NULL,
                                 G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &running->pid,
                                 NULL, &running->fd, NULL, &error))
        watch(running);
    else
        give_up(running, error->message);
}

static void cancel(void *self)
{
    Running *running = self;
    kill_it(running);
    clear(running);
    running->done = NULL;
}

static void running_free(void *self)
{
    Running *running = self;
    cancel(running);
    g_string_free(running->output, TRUE);
    g_strfreev(running->arguments);
    g_free(running->origin);
    g_free(running);
}

bool aws_fetcher_process(const AwsFetching *fetching, const char *profile, const char *command,
                         AwsFetcher *ret_fetcher, GError **error)
{
    g_auto(GStrv) arguments = NULL;
    if (!g_shell_parse_argv(command, NULL, &arguments, error)) {
        g_prefix_error(error, "credential_process of profile %s: ", profile);
        return false;
    }
    Running *running = g_new0(Running, 1);
    *running = (Running){.context = fetching->context,
                         .origin = g_strdup_printf("credential_process of profile %s", profile),
                         .arguments = g_steal_pointer(&arguments),
                         .fd = -1,
                         .output = g_string_new(NULL)};
    *ret_fetcher = (AwsFetcher){.fetch = fetch, .cancel = cancel, .free = running_free, .self = running};
    return true;
}
