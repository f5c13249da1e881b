/* launcher_process.h: find processes in /proc and kill them without hitting a recycled pid.
 * Owns:   nothing.
 * Calls:  libc, /proc.
 * Holds:  a process is killed through a pidfd that was opened before its token or cgroup was read, so what is
 * killed is what was looked at (invariant 5). */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "reconciler/provider/local/launcher_protocol.h"

/* Reads MUSTER_LAUNCH_TOKEN from a process's environment, awaiting the end of an execve() for a moment.
 * False: none, gone, a zombie, or not ours to read. */
bool process_token(pid_t pid, Token *ret_token);

/* True when the process stands in the cgroup directory whose path, within any hierarchy, ends in "/suffix".
 */
bool process_in_cgroup(pid_t pid, const char *suffix);

typedef bool (*ProcessMatch)(pid_t pid, void *data);
/* Sends SIGKILL to pid if match still says so once a pidfd holds it. Returns the pidfd when it was killed, to
 * be polled for the end and closed by the caller; -1 when it does not match or is gone. */
int process_kill(pid_t pid, ProcessMatch match, void *data);

/* Walks all processes but this one. Returns how many were killed; their pidfds go to *ret_fds (caller frees
 * and closes), unless that is NULL. */
size_t process_kill_all(ProcessMatch match, void *data, int **ret_fds);
/* Kills all that match and waits until none is left: two looks in a row that find nothing. Returns how many.
 */
size_t process_sweep(ProcessMatch match, void *data);

/* Calls func for each direct child of this process (as subreaper: orphans too). False when the kernel cannot
 * tell. */
bool process_each_child(void (*func)(pid_t pid, void *data), void *data);
