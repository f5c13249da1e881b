#include "reconciler/cli/cli.h"

#include <curl/curl.h>
#include <locale.h>
#include <signal.h>
#include "reconciler/cli/help.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/server_access.h"

static int print_help(const Command *command)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (command)
        help_command(command, out);
    else
        help_overview(out);
    output_string(out);
    return EXIT_OK;
}

static int unknown_command(const char *name)
{
    const char *nearest = command_suggest(name);
    if (nearest)
        return report_failure(EXIT_ERROR, "there is no command \"%s\"; did you mean \"%s\"?", name, nearest);
    return report_failure(EXIT_ERROR, "there is no command \"%s\" (muster help lists them)", name);
}

/* `muster --state DIR plan` is `muster plan --state DIR`: what stands before the command goes behind it. */
static GPtrArray *command_first(int argc, char **argv)
{
    GPtrArray *moved = g_ptr_array_new();
    int at = 1;
    while (at < argc && argv[at][0] == '-' && argv[at][1]) {
        bool takes_value = strcmp(argv[at], "--state") == 0 || strcmp(argv[at], "--output") == 0 ||
                           strcmp(argv[at], "-o") == 0;
        at += takes_value ? 2 : 1;
    }
    at = MIN(at, argc);
    if (at < argc) {
        g_ptr_array_add(moved, argv[at]);
        for (int i = 1; i < at; i++)
            g_ptr_array_add(moved, argv[i]);
    } else {
        for (int i = 1; i < argc; i++) /* no command: the options say what is wanted */
            g_ptr_array_add(moved, argv[i]);
    }
    for (int i = at + 1; i < argc; i++)
        g_ptr_array_add(moved, argv[i]);
    g_ptr_array_add(moved, NULL);
    return moved;
}

/* One that is picked here is a provider like any other from here on: in the plan, in the state, in what is
 * saved. */
static void pick_provider(Invocation *invocation)
{
    g_autofree char *text = NULL;
    if (g_strcmp0(invocation->options.provider, "auto") != 0)
        return;
    bool is_there = invocation->host->docker(&text);
    g_free(invocation->options.provider);
    invocation->options.provider = g_strdup(is_there ? "docker" : "local");
    report_note("--provider auto is %s: %s", invocation->options.provider, text);
}

static int run_command(const Command *command, const char *const *argv, const Host *host)
{
    g_auto(Invocation) invocation = {0};
    g_autoptr(GError) error = NULL;
    if (!options_parse(command, argv, &invocation, &error))
        return report_error(error);
    invocation.host = host;
    if (invocation.options.help)
        return print_help(command);
    const char *server = server_url(invocation.options.server);
    if (server && command->is_local)
        return report_failure(EXIT_ERROR, "muster %s works where the daemon runs, not with --server (%s)%s",
                              command->name, server,
                              invocation.options.server ? "" : "; unset MUSTER_SERVER to mean this machine");
    pick_provider(&invocation);
    return command->run(&invocation);
}

int cli_main(int argc, char **argv, const Host *host)
{
    setlocale(LC_ALL, "");
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an EPIPE of write(); output.c is quiet about it */
    curl_global_init(CURL_GLOBAL_ALL);
    g_autoptr(GPtrArray) line = command_first(argc, argv);
    const char *name = line->pdata[0];
    int code;
    if (!name) {
        print_help(NULL);
        code = EXIT_ERROR;
    } else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        code = print_help(NULL);
    } else if (strcmp(name, "--version") == 0) {
        code = run_command(&command_version, (const char *const[]){"version", NULL}, host);
    } else if (name[0] == '-') {
        code = report_failure(EXIT_ERROR, "%s before a command (muster help lists the commands)", name);
    } else {
        const Command *command = command_find(name);
        code = command ? run_command(command, (const char *const *)line->pdata, host) : unknown_command(name);
    }
    curl_global_cleanup();
    return code;
}
