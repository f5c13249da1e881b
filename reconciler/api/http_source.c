/* http_source.c: see http_source.h. */
#include "reconciler/api/http_source.h"
#include <microhttpd.h>

typedef struct {
    GSource source;
    struct MHD_Daemon *daemon;
    gpointer tag;
} HttpSource;

/* Asked before every poll, hence after every run and every resume. */
static gboolean source_prepare(GSource *source, gint *timeout_ms)
{
    MHD_UNSIGNED_LONG_LONG timeout;
    if (MHD_get_timeout(((HttpSource *)source)->daemon, &timeout) != MHD_YES) {
        *timeout_ms = -1;
        return FALSE;
    }
    *timeout_ms = (gint)MIN(timeout, (MHD_UNSIGNED_LONG_LONG)G_MAXINT);
    return timeout == 0;
}

static gboolean source_check(GSource *source)
{
    MHD_UNSIGNED_LONG_LONG timeout;
    HttpSource *http = (HttpSource *)source;
    if (g_source_query_unix_fd(source, http->tag))
        return TRUE;
    return MHD_get_timeout(http->daemon, &timeout) == MHD_YES && timeout == 0;
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)callback, (void)data;
    g_source_set_ready_time(source, -1);
    MHD_run(((HttpSource *)source)->daemon);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {
    .prepare = source_prepare, .check = source_check, .dispatch = source_dispatch};

GSource *http_source_attach(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    GSource *source = g_source_new(&source_funcs, sizeof(HttpSource));
    HttpSource *http = (HttpSource *)source;
    http->daemon = daemon;
    http->tag = g_source_add_unix_fd(source, info->epoll_fd, G_IO_IN);
    g_source_attach(source, g_main_context_get_thread_default());
    return source;
}

void http_source_resumed(GSource *source)
{
    g_source_set_ready_time(source, 0);
}
