#include "reconciler/cli/interrupt.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct Interrupt {
    GMainContext *context;
    GMainLoop *loop;
    GThread *thread;
    int fd, hangup_fd;
    gint signal; /* atomic */
};

static void ring(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static gboolean came(Interrupt *interrupt, int number)
{
    g_atomic_int_compare_and_exchange(&interrupt->signal, 0, number);
    ring(interrupt->fd);
    return G_SOURCE_CONTINUE;
}

static gboolean came_hangup(gpointer data)
{
    ring(((Interrupt *)data)->hangup_fd);
    return G_SOURCE_CONTINUE;
}

static gboolean came_int(gpointer data)
{
    return came(data, SIGINT);
}

static gboolean came_term(gpointer data)
{
    return came(data, SIGTERM);
}

static void watch_signal(Interrupt *interrupt, int number, GSourceFunc func)
{
    g_autoptr(GSource) source = g_unix_signal_source_new(number);
    g_source_set_callback(source, func, interrupt, NULL);
    g_source_attach(source, interrupt->context);
}

static gpointer interrupt_run(gpointer data)
{
    Interrupt *interrupt = data;
    g_main_loop_run(interrupt->loop);
    return NULL;
}

Interrupt *interrupt_new(HangupAction hangup)
{
    Interrupt *interrupt = g_new0(Interrupt, 1);
    interrupt->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    interrupt->hangup_fd = hangup == HANGUP_EVENT ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    interrupt->context = g_main_context_new();
    interrupt->loop = g_main_loop_new(interrupt->context, FALSE);
    watch_signal(interrupt, SIGINT, came_int);
    watch_signal(interrupt, SIGTERM, came_term);
    if (hangup == HANGUP_EVENT)
        watch_signal(interrupt, SIGHUP, came_hangup);
    interrupt->thread = g_thread_new("interrupt", interrupt_run, interrupt);
    return interrupt;
}

static gboolean quit(gpointer data)
{
    g_main_loop_quit(data);
    return G_SOURCE_REMOVE;
}

void interrupt_free(Interrupt *interrupt)
{
    if (!interrupt)
        return;
    g_main_context_invoke(interrupt->context, quit, interrupt->loop);
    g_thread_join(interrupt->thread);
    g_main_loop_unref(interrupt->loop);
    g_main_context_unref(interrupt->context); /* destroys the sources: GLib restores the default actions */
    close(interrupt->fd);
    if (interrupt->hangup_fd >= 0)
        close(interrupt->hangup_fd);
    g_free(interrupt);
}

int interrupt_fd(const Interrupt *interrupt)
{
    return interrupt->fd;
}

int interrupt_hangup_fd(const Interrupt *interrupt)
{
    return interrupt->hangup_fd;
}

void interrupt_take_hangup(const Interrupt *interrupt)
{
    uint64_t count;
    while (read(interrupt->hangup_fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

int interrupt_signal(const Interrupt *interrupt)
{
    return g_atomic_int_get(&interrupt->signal);
}
