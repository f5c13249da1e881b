/* http_source.h: a libmicrohttpd daemon on the loop: one GSource on its epoll descriptor.
 * Owns:   nothing; the daemon outlives its source.
 * Calls:  libmicrohttpd. */
#pragma once
#include <glib.h>

struct MHD_Daemon;

/* The daemon was started with MHD_USE_EPOLL and no thread. Attached to the thread-default GMainContext; new
 * reference: destroy and unref it before the daemon is stopped. */
GSource *http_source_attach(struct MHD_Daemon *daemon);
/* After MHD_resume_connection(): libmicrohttpd notices it in its next run; neither its descriptor nor its
 * timeout calls for one. */
void http_source_resumed(GSource *source);
