/* interrupt.h: SIGINT and SIGTERM as something that poll() sees.
 * Owns:   a thread that waits for the signals, and an eventfd.
 * Calls:  GLib (g_unix_signal).
 * Holds:  while an Interrupt lives the signals do not end the process; afterwards they do again. */
#pragma once
#include <glib.h>
#include <stdbool.h>

typedef struct Interrupt Interrupt;
/* HANGUP_EVENT: SIGHUP too is an event, seen by interrupt_hangup_fd(). */
typedef enum { HANGUP_ENDS, HANGUP_EVENT } HangupAction;
Interrupt *interrupt_new(HangupAction hangup);
void interrupt_free(Interrupt *interrupt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Interrupt, interrupt_free)
/* Readable for good once a signal has come. */
int interrupt_fd(const Interrupt *interrupt);
/* Readable after each SIGHUP, until interrupt_take_hangup(); -1 with HANGUP_ENDS. */
int interrupt_hangup_fd(const Interrupt *interrupt);
void interrupt_take_hangup(const Interrupt *interrupt);
/* The signal that came, or 0. */
int interrupt_signal(const Interrupt *interrupt);
