/* program.h: another program that is asked something: what it reads, and what it prints as the answer.
 * Owns:   the program and its output until it has ended.
 * Calls:  posix_spawn (no shell, no fork) and GLib's main loop.
 * Holds:  it is ended after a time limit; of what it prints a bounded part is read,
 * and none of it gets into a message. done is called once, after program_run() has returned, unless the run
 * is ended before. */
#pragma once
#include <glib.h>
#include "spec/base/view.h"

#define PROGRAM_ERROR program_error_quark()
GQuark program_error_quark(void);
typedef enum {
    PROGRAM_ERROR_START,  /* it could not be started */
    PROGRAM_ERROR_STATUS, /* it ended, but not with 0 */
    PROGRAM_ERROR_LIMIT   /* it took or printed too much, and was killed */
} ProgramErrorCode;

/* Copied. */
typedef struct {
    const char *const *arguments; /* NULL-terminated; the first is looked for in PATH */
    const char *input;            /* what it reads; NULL: nothing */
    guint limit_ms;
    gsize output_max;  /* bytes */
    gboolean is_apart; /* it has no terminal of ours: what it says on stderr goes nowhere, and what it starts
                          ends with it */
} ProgramCall;

/* output: what it printed, borrowed; all of it without an error and with PROGRAM_ERROR_STATUS. */
typedef void (*ProgramDone)(View output, const GError *error, void *data);

typedef struct ProgramRun ProgramRun;
/* context: NULL: the default one. */
ProgramRun *program_run(GMainContext *context, const ProgramCall *call, ProgramDone done, void *data);
/* Ends it, if it has not ended; done is not called any more. May be called from within done; to be called
 * once for each run. */
void program_run_free(ProgramRun *run);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProgramRun, program_run_free)
