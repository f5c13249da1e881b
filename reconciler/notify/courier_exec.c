/* courier_exec.c: one program, and what its end means. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "reconciler/notify/courier_internal.h"
#include "spec/base/one_line.h"

#define EXIT_NEVER   65 /* EX_DATAERR of sysexits.h */
#define REASON_SHOWN 200

static char **environment_of(const DestinationConfig *config, const Message *message)
{
    const char *home = g_getenv("HOME");
    char **environment = NULL;
    environment = g_environ_setenv(environment, "PATH",
                                   "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", TRUE);
    environment = g_environ_setenv(environment, "HOME", home ? home : "/", TRUE);
    environment = g_environ_setenv(environment, "LANG", "C.UTF-8", TRUE);
    environment = g_environ_setenv(environment, "MUSTER_EVENT_ID", message->id, TRUE);
    environment = g_environ_setenv(environment, "MUSTER_EVENT_TYPE", message->type, TRUE);
    return g_environ_setenv(environment, "MUSTER_DESTINATION", config->name, TRUE);
}

/* A file of its own holds what the program reads: it may read it late, in part, or not at all. */
bool exec_begin(Delivery *delivery, const char *directory, const DestinationConfig *config,
                const Message *message, char **ret_error)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) environment = environment_of(config, message);
    HelperCommand command = {.arguments = (const char *const *)config->command,
                             .environment = environment,
                             .directory = directory,
                             .timeout_ms = config->timeout_ms,
                             .input_fd = helper_file(message->body, strlen(message->body), &error)};
    int fault = command.input_fd < 0 ? 0 : helper_begin(&command, &delivery->process);
    if (command.input_fd >= 0)
        close(command.input_fd);
    delivery->timeout_ms = config->timeout_ms;
    delivery->deadline_us = g_get_monotonic_time() + config->timeout_ms * 1000;
    if (error || fault)
        *ret_error = g_strdup_printf("%s cannot be started: %s", config->command[0],
                                     error ? error->message : g_strerror(fault));
    return !error && !fault;
}

void exec_hear(Delivery *delivery)
{
    HelperProcess *process = &delivery->process;
    if (process->error_fd >= 0 && !helper_hear(process->error_fd, delivery->answer, ANSWER_KEPT)) {
        close(process->error_fd);
        process->error_fd = -1;
    }
}

/* Its last line. */
static char *said_text(const Delivery *delivery)
{
    GString *said = delivery->answer;
    g_strchomp(said->str);
    const char *end = strrchr(said->str, '\n');
    return one_line(view_from(end ? end + 1 : said->str), REASON_SHOWN);
}

DeliveryOutcome exec_end(Delivery *delivery, bool is_late, char **ret_error)
{
    int status = helper_reap(&delivery->process, is_late);
    exec_hear(delivery);
    if (is_late) {
        g_autofree char *limit = g_strdup_printf("%" G_GINT64_FORMAT " ms", delivery->timeout_ms);
        *ret_error = g_strdup_printf("not done within %s: killed", limit);
        return DELIVERY_RETRY;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return DELIVERY_DONE;
    g_autofree char *said = said_text(delivery);
    *ret_error = WIFEXITED(status)
                     ? g_strdup_printf("exit status %d%s%s", WEXITSTATUS(status), *said ? ": " : "", said)
                     : g_strdup_printf("signal %d%s%s", WTERMSIG(status), *said ? ": " : "", said);
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NEVER ? DELIVERY_GIVEN_UP : DELIVERY_RETRY;
}
