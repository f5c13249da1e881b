/* report.h: how a command says that something is wrong: the error value that carries an exit code, and lines
 * on stderr. Holds:  a failure is printed once, by the command that ends with it. */
#pragma once
#include "reconciler/cli/cli.h"

/* Code is the ExitCode that the command ends with. */
#define CLI_ERROR cli_error_quark()
GQuark cli_error_quark(void);

/* Exit code of the contract for any error of any room. */
int report_exit_code(const GError *error);
/* "muster: MESSAGE" on stderr; returns its exit code, for `return report_error(error)`. */
int report_error(const GError *error);
int report_failure(ExitCode code, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A remark on stderr that changes no exit code. */
void report_note(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* The first that applies in the contract's order 1, 3, 4, 5, 6, 7, 2, 0. */
int exit_code_worse(int a, int b);
