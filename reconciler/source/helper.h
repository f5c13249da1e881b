/* helper.h: a program that does something that may hang, in a process group of its own.
 * Owns:   the process for as long as helper_run() lasts, or until helper_close().
 * Calls:  /bin/sh and timeout(1), which run the program; the thread that asks waits, never the loop.
 * Holds:  it sees the environment that it is given and no other, and is ended with all that it started when
 * its time is over or the caller gives up. What muster leaves when it is killed ends by itself a second
 * after that time. What it writes is kept up to a limit. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
    const char *const *arguments; /* the program, looked up in PATH, and what it is told; NULL-terminated */
    char **environment;
    const char *directory; /* where it runs; NULL: where muster does */
    const int *kept;       /* descriptors that it has too, under the same numbers */
    size_t kept_len;
    int input_fd;        /* its stdin; -1: nothing */
    bool keeps_output;   /* else stdout goes nowhere */
    const char *max_512; /* the largest file that it may write, in blocks of 512 bytes; NULL: any */
    int64_t timeout_ms;
    int cancel_fd; /* readable: give up; -1: never; helper_run() alone */
} HelperCommand;

typedef enum { HELPER_ENDED, HELPER_TIMED_OUT, HELPER_CANCELLED } HelperOutcome;
typedef struct {
    HelperOutcome outcome;
    int status;           /* of waitpid() */
    GString *out, *error; /* what it wrote: of the end of it 64 KiB, which may not be UTF-8 */
} HelperEnd;
void helper_end_clear(HelperEnd *end);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HelperEnd, helper_end_clear)

/* One that was begun, for whoever waits for many: its ends are read without blocking; -1: none. */
typedef struct {
    pid_t pid; /* 0: none */
    int pidfd, out_fd, error_fd;
} HelperProcess;
extern const HelperProcess helper_none;
/* 0, or errno: then nothing was begun. Whoever begins it watches its time. */
int helper_begin(const HelperCommand *command, HelperProcess *ret_process);
/* What was said since, of which the end is kept: the reason stands last. False: nothing more will come. */
bool helper_hear(int fd, GString *text, size_t kept);
/* Waits for its end, which is_killed brings about; the status of waitpid(). What it said last can still be
 * heard. */
int helper_reap(HelperProcess *process, bool is_killed);
void helper_close(HelperProcess *process);

/* False with error (of domain SOURCE_ERROR): it could not be started. */
bool helper_run(const HelperCommand *command, HelperEnd *ret_end, GError **error);
/* Whether it ended by itself, with 0. */
bool helper_is_good(const HelperEnd *end);
/* Whether the program is not there. */
bool helper_is_missing(const HelperEnd *end);
/* A file in memory that holds data, at its beginning; read by others as /dev/fd/N. -1 with error. */
int helper_file(const void *data, size_t len, GError **error);
