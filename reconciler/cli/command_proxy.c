/* command_proxy.c: passes what clients of AWS Batch on this machine ask on to a daemon elsewhere. */
#include "reconciler/api/listen_address.h"
#include "reconciler/cli/command.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/server_access.h"

#define LISTEN_DEFAULT "127.0.0.1:8081" /* beside a daemon at :8080 */

static bool check_listen(const char *listen, GError **error)
{
    ListenAddress address;
    if (!listen_address_parse(listen, &address, error)) {
        g_prefix_error(error, "--listen: ");
        return false;
    }
    if (address.is_loopback)
        return true;
    g_set_error(error, CLI_ERROR, EXIT_ERROR,
                "--listen %s: other machines reach that, and whoever reaches the proxy may do what its key "
                "may: listen at 127.0.0.1",
                listen);
    return false;
}

static int run(Invocation *invocation)
{
    const Options *options = &invocation->options;
    g_autoptr(GError) error = NULL;
    const char *server = server_url(options->server), *listen = options->listen;
    if (!server)
        return report_failure(EXIT_ERROR, "--server URL (or MUSTER_SERVER) says which daemon is meant; on "
                                          "the daemon's machine it is what muster serve --listen says");
    listen = listen ? listen : LISTEN_DEFAULT;
    if (!check_listen(listen, &error))
        return report_error(error);
    g_autoptr(ServerAccess) access = server_access_new(server, &error);
    if (!access)
        return report_error(error);
    const ProxyOptions proxy = {.listen = listen,
                                .url = access->url,
                                .id = access->id,
                                .secret = access->secret,
                                .authorities = access->authorities};
    int stop_fd = interrupt_fd(invocation_interrupt(invocation));
    return invocation->host->proxy(&proxy, stop_fd, &error) ? EXIT_OK : report_error(error);
}

static const OptionSpec options[] = {
    {"listen", 0, OPTION_TEXT, OPTION(listen), "ADDRESS:PORT",
     "where clients of this machine find it (" LISTEN_DEFAULT "; port 0: one that is free)", NULL},
};

const Command command_proxy = {
    .name = "proxy",
    .group = GROUP_OTHER,
    .arguments = "",
    .summary = "AWS Batch for programs that keep their own credentials of AWS",
    .description =
        "Listens on this machine, takes what clients of AWS Batch ask, signs it with a key of muster and "
        "passes "
        "it on to the daemon of --server. Only programs that cannot be given a key of their own need it: "
        "those "
        "that use one set of credentials for Batch, S3 and others. They go on using it for AWS; for Batch "
        "they "
        "are sent here, by AWS_ENDPOINT_URL_BATCH and, for logs, AWS_ENDPOINT_URL_CLOUDWATCH_LOGS.\n\n"
        "The operations of Batch and GetLogEvents of CloudWatch Logs are passed on; everything else is "
        "refused, "
        "by its name. What a client signed is not verified, only that it signed; its credentials go no "
        "further "
        "than here. So whoever may connect to this machine's loopback address may do what the key may: give "
        "it "
        "a key that may do no more than these programs have to, and do not run it where strangers log in.\n\n"
        "It ends with SIGINT or SIGTERM, when what is under way has been answered.",
    .examples = "muster proxy --server https://batch.example.org:8443\tat http://127.0.0.1:8081\n"
                "AWS_ENDPOINT_URL_BATCH=http://127.0.0.1:8081 nextflow run main.nf -profile batch\tuses it",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_NONE,
    .run = run,
};
