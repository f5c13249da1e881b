/* cli.h: the command line. One file per command; this header is what they share. */
#pragma once
#include <glib.h>
#include "reconciler/ports.h"

/* Exit codes of the contract, DESIGN.md. */
typedef enum {
    EXIT_OK = 0,
    EXIT_ERROR = 1,
    EXIT_PENDING = 2, /* plan: there are changes */
    EXIT_REFUSED = 3,
    EXIT_INFEASIBLE = 4,
    EXIT_TIMED_OUT = 5,
    EXIT_NOT_FOUND = 6,
    EXIT_WORK_FAILED = 7
} ExitCode;

/* Runs one command line; returns its exit code. host is what main.c gives. */
int cli_main(int argc, char **argv, const Host *host);
