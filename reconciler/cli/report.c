#include "reconciler/cli/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "reconciler/store/lease.h"

G_DEFINE_QUARK(muster - cli - error, cli_error)

int report_exit_code(const GError *error)
{
    if (!error)
        return EXIT_OK;
    if (error->domain == CLI_ERROR)
        return error->code;
    if (g_error_matches(error, LEASE_ERROR, LEASE_ERROR_HELD))
        return EXIT_REFUSED;
    return EXIT_ERROR;
}

static void print_line(const char *label, const char *message)
{
    fflush(stdout); /* so that a log of both streams reads in order */
    fprintf(stderr, "muster: %s%s\n", label, message);
}

int report_error(const GError *error)
{
    print_line("", error->message);
    return report_exit_code(error);
}

int report_failure(ExitCode code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    print_line("", message);
    return (int)code;
}

void report_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    print_line("note: ", message);
}

static int rank(int code)
{
    static const int order[] = {EXIT_OK,        EXIT_PENDING,    EXIT_WORK_FAILED, EXIT_NOT_FOUND,
                                EXIT_TIMED_OUT, EXIT_INFEASIBLE, EXIT_REFUSED,     EXIT_ERROR};
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
        if (order[i] == code)
            return (int)i;
    return G_MAXINT; /* 130 and the like: nothing is worse */
}

int exit_code_worse(int a, int b)
{
    return rank(a) >= rank(b) ? a : b;
}
