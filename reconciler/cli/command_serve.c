#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>
#include "reconciler/api/address_range.h"
#include "reconciler/api/key.h"
#include "reconciler/api/listen_address.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/planning.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/notify/notify_config.h"
#include "reconciler/source/location.h"
#include "reconciler/cli/values.h"
#include "reconciler/store/backup.h"
#include "reconciler/store/lease.h"

/* A short command (submit, cancel) that holds the lease is waited for so long; another daemon is not. */
#define LEASE_PATIENCE_MS 5000
#define LEASE_LOOK_MS     20

/* Absolute paths of the sources; NULL with error when one is no directory. */
static char **follow_paths(const Invocation *invocation, GError **error)
{
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
    for (int i = 0; i < invocation->arguments_len; i++) {
        const char *source = invocation->arguments[i];
        if (!source_is_supported(source, error))
            return NULL;
        g_autofree char *path = source_absolute(source, NULL);
        if (!repo_location_is(source) && !g_file_test(path, G_FILE_TEST_IS_DIR)) {
            g_set_error(error, CLI_ERROR, EXIT_ERROR, "%s: not a directory", source);
            return NULL;
        }
        g_strv_builder_add(paths, path);
    }
    return g_strv_builder_end(paths);
}

/* What each source's variables are given, as JSON; "" where nothing is. */
static char **follow_values(const Invocation *invocation, const char *state_dir, GError **error)
{
    g_autoptr(GStrvBuilder) list = g_strv_builder_new();
    for (int i = 0; i < invocation->arguments_len; i++) {
        g_autoptr(GivenValues) values = values_read_followed(
            &invocation->options, state_dir, invocation->arguments[i], invocation->options.source, error);
        if (!values)
            return NULL;
        g_autofree char *text = given_values_to_json(values);
        g_strv_builder_add(list, text ? text : "");
    }
    return g_strv_builder_end(list);
}

/* ---- what is said on stderr: in the log's format ---- */

static void say_json(LogLevel level, const char *message)
{
    g_autoptr(GString) line = g_string_new(NULL);
    log_entry_append(line, LOG_FORMAT_JSON, &(LogEntry){.level = level, .message = message},
                     g_get_real_time() / 1000);
    fputs(line->str, stderr);
}

static int fail_for(const HostOptions *host, int code, const char *message)
{
    if (host->log_format == LOG_FORMAT_TEXT)
        return report_failure((ExitCode)code, "%s", message);
    say_json(LOG_LEVEL_ERROR, message);
    return code;
}

static int fail(const HostOptions *host, const GError *error)
{
    return fail_for(host, report_exit_code(error), error->message);
}

/* Until a signal comes (0) or the engine ends by itself (1: stop() says why). */
static int stay(Invocation *invocation, const HostOptions *options, HostHandle *handle)
{
    struct pollfd fds[] = {
        {.fd = interrupt_fd(invocation->interrupt), .events = POLLIN},
        {.fd = invocation->host->failed_fd(handle), .events = POLLIN},
        {.fd = interrupt_hangup_fd(invocation->interrupt), .events = POLLIN},
    };
    while (!fds[0].revents && !fds[1].revents) {
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
            g_assert(errno == EINTR);
        else if (fds[2].revents) {
            interrupt_take_hangup(invocation->interrupt);
            invocation->host->reload(handle);
        }
    }
    g_autoptr(GError) error = NULL;
    if (!invocation->host->stop(handle, &error))
        return fail(options, error);
    return fds[0].revents ? EXIT_OK : fail_for(options, EXIT_ERROR, "the reconciler ended by itself");
}

static bool held_by_short_command(const HostOptions *options, const GError *error)
{
    if (!g_error_matches(error, LEASE_ERROR, LEASE_ERROR_HELD))
        return false;
    g_autofree char *holder = lease_holder(options->state_dir);
    return !holder || !strstr(holder, "(muster serve)");
}

/* False when a signal came meanwhile. */
static bool pause_for_lease(const Invocation *invocation)
{
    struct pollfd fd = {.fd = interrupt_fd(invocation->interrupt), .events = POLLIN};
    return poll(&fd, 1, LEASE_LOOK_MS) <= 0;
}

static void note_waiting(const HostOptions *host, const GError *error)
{
    g_autofree char *text = g_strdup_printf("%s; waiting for it to end", error->message);
    if (host->log_format == LOG_FORMAT_TEXT)
        report_note("%s", text);
    else
        say_json(LOG_LEVEL_INFO, text);
}

static void say_begun(const HostOptions *host)
{
    g_autofree char *list = g_strjoinv(", ", (char **)(uintptr_t)host->follow);
    g_autofree char *text = g_strdup_printf("muster %s: serving %s%s%s", MUSTER_VERSION, host->state_dir,
                                            *list ? ", following " : ", following no source", list);
    if (host->log_format == LOG_FORMAT_TEXT)
        fprintf(stderr, "%s\n", text);
    else
        say_json(LOG_LEVEL_INFO, text);
}

static int serve(Invocation *invocation, const HostOptions *options)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)LEASE_PATIENCE_MS * 1000;
    bool told = false;
    invocation_interrupt(invocation);
    while (true) {
        g_autoptr(GError) error = NULL;
        HostHandle *handle = invocation->host->start(options, &error);
        if (handle)
            return stay(invocation, options, handle);
        if (!held_by_short_command(options, error) || g_get_monotonic_time() > deadline)
            return fail(options, error);
        if (!told)
            note_waiting(options, error);
        told = true;
        if (!pause_for_lease(invocation))
            return EXIT_OK;
    }
}

/* Absolute, in a directory that can be written to; NULL with error, or where none is wanted. */
static char *publish_path(const Options *options, GError **error)
{
    if (!options->publish_snapshot)
        return NULL;
    g_autofree char *path = g_canonicalize_filename(options->publish_snapshot, NULL),
                    *directory = g_path_get_dirname(path);
    int fault = g_file_test(path, G_FILE_TEST_IS_DIR) ? EISDIR
                : access(directory, W_OK | X_OK) != 0 ? errno
                                                      : 0;
    if (fault == 0)
        return g_steal_pointer(&path);
    g_set_error(error, CLI_ERROR, EXIT_ERROR, "--publish-snapshot %s: no file can be written there: %s",
                options->publish_snapshot, g_strerror(fault));
    return NULL;
}

/* A path is absolute from here on; what can never be used is told now. NULL with error, or where none is
 * wanted. */
static char *backup_place(const Options *options, GError **error)
{
    if (!options->backup)
        return NULL;
    if (backup_is_far(options->backup))
        return g_strdup(options->backup);
    bool is_directory = g_str_has_suffix(options->backup, "/");
    g_autofree char *path = g_canonicalize_filename(options->backup, NULL),
                    *parent = g_path_get_dirname(path);
    const char *directory = is_directory || g_file_test(path, G_FILE_TEST_IS_DIR) ? path : parent;
    if (access(directory, W_OK | X_OK) == 0)
        return is_directory ? g_strconcat(path, "/", NULL) : g_steal_pointer(&path);
    g_set_error(error, CLI_ERROR, EXIT_ERROR, "--backup %s: no file can be written there: %s",
                options->backup, g_strerror(errno));
    return NULL;
}

/* --notify, else the variable, else the state directory's, if there is one. */
static char *notify_path(const Options *options, const char *state_dir, bool *ret_is_named)
{
    const char *variable = g_getenv(NOTIFY_VARIABLE);
    const char *named = options->notify ? options->notify : variable && *variable ? variable : NULL;
    *ret_is_named = named != NULL;
    return named ? g_canonicalize_filename(named, NULL) : g_build_filename(state_dir, NOTIFY_FILE, NULL);
}

/* Without a certificate what is served there is not encrypted. */
static bool check_listen(const Options *options, GError **error)
{
    ListenAddress address;
    if (!options->listen)
        return true;
    if (!listen_address_parse(options->listen, &address, error)) {
        g_prefix_error(error, "--listen: ");
        return false;
    }
    if (address.is_loopback || options->behind_proxy || options->tls_cert)
        return true;
    g_set_error(error, CLI_ERROR, EXIT_ERROR,
                "--listen %s: other machines reach that, and nothing is encrypted there; add --tls-cert and "
                "--tls-key, "
                "listen at 127.0.0.1 with a proxy in front that does TLS, or name the proxy's addresses with "
                "--behind-proxy where it is on another machine",
                options->listen);
    return false;
}

/* Of AddressRange; NULL with error. New. */
static GArray *proxies_of(const Options *options, GError **error)
{
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(AddressRange));
    for (char **text = options->behind_proxy; text && *text; text++) {
        AddressRange range;
        if (!address_range_parse(*text, &range, error)) {
            g_prefix_error(error, "--behind-proxy: ");
            return NULL;
        }
        g_array_append_val(ranges, range);
    }
    return g_steal_pointer(&ranges);
}

/* What --listen needs besides its address. */
typedef struct {
    char *key_file, *tls_cert, *tls_key;
    GArray *proxies;
} ListenFiles;

static void listen_files_clear(ListenFiles *files)
{
    g_free(files->key_file);
    g_free(files->tls_cert);
    g_free(files->tls_key);
    g_clear_pointer(&files->proxies, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ListenFiles, listen_files_clear)

static bool listen_files(const Options *options, const char *state_dir, ListenFiles *ret_files,
                         GError **error)
{
    if (!options->tls_cert != !options->tls_key) {
        g_set_error_literal(error, CLI_ERROR, EXIT_ERROR,
                            "--tls-cert and --tls-key belong together: give both");
        return false;
    }
    if (options->tls_cert) {
        ret_files->tls_cert = g_canonicalize_filename(options->tls_cert, NULL);
        ret_files->tls_key = g_canonicalize_filename(options->tls_key, NULL);
    }
    ret_files->key_file = options->key_file ? g_canonicalize_filename(options->key_file, NULL)
                                            : g_build_filename(state_dir, KEY_FILE_NAME, NULL);
    ret_files->proxies = proxies_of(options, error);
    return ret_files->proxies != NULL;
}

/* A header that anybody can send says nothing: only a proxy's is believed. */
static bool check_web(const Options *options, GError **error)
{
    const char *needs = options->web_users            ? "--web-users"
                        : options->web_header         ? "--web-header"
                        : options->metrics_token_file ? "--metrics-token-file"
                                                      : NULL;
    if (needs && !options->listen)
        g_set_error(error, CLI_ERROR, EXIT_ERROR,
                    "%s is about what is served over TCP: add --listen ADDRESS:PORT", needs);
    else if (options->web_groups_header && !options->web_header)
        g_set_error_literal(
            error, CLI_ERROR, EXIT_ERROR,
            "--web-groups-header says of which groups a user is: add --web-header, which says "
            "who that is");
    else if (options->web_header && !options->behind_proxy)
        g_set_error(error, CLI_ERROR, EXIT_ERROR,
                    "--web-header %s: anybody can send that header, so it is believed of named proxies only: "
                    "add --behind-proxy with the addresses of the one that sets it",
                    options->web_header);
    else
        return true;
    return false;
}

static char *absolute(const char *path)
{
    return path ? g_canonicalize_filename(path, NULL) : NULL;
}

static int run(Invocation *invocation)
{
    const Options *options = &invocation->options;
    g_autoptr(GError) error = NULL;
    g_autofree char *state_dir = NULL;
    HostOptions host = {.command = "serve",
                        .launch = true,
                        .source_name = options->source,
                        .provider = options->provider,
                        .listen = options->listen,
                        .log_to_stderr = true};
    int64_t record_mib = RECORD_MIB_DEFAULT;
    bool is_known = log_format_parse(options->log_format, &host.log_format);
    g_assert(is_known); /* the option has no other value */
    if (!option_duration("interval", options->interval, &host.interval_ms, &error) ||
        !option_duration("backup-interval", options->backup_interval, &host.backup_interval_ms, &error) ||
        !option_integer("record", options->record, 0, RECORD_MIB_MAX, &record_mib, &error) ||
        !check_listen(options, &error) || !check_web(options, &error) ||
        !state_dir_of(options->state, (const char *const *)invocation->arguments,
                      (size_t)invocation->arguments_len, &state_dir, &error))
        return fail(&host, error);
    if (options->source && invocation->arguments_len != 1)
        return fail_for(&host, EXIT_ERROR,
                        "--source names one source; give one, or names in their muster.yaml");
    g_auto(GStrv) follow = follow_paths(invocation, &error);
    g_auto(GStrv) values = follow ? follow_values(invocation, state_dir, &error) : NULL;
    if (!values)
        return fail(&host, error);
    host.follow_values = (const char *const *)values;
    g_autofree char *publish = publish_path(options, &error);
    if (error)
        return fail(&host, error);
    host.publish = publish;
    g_autofree char *backup = backup_place(options, &error);
    if (error)
        return fail(&host, error);
    host.backup = backup;
    g_autofree char *policy = NULL;
    if (!policy_path(options->policy, (const char *const *)follow, &policy, &error))
        return fail(&host, error);
    host.policy = policy;
    g_autofree char *notify = notify_path(options, state_dir, &host.notify_is_named);
    host.notify = notify;
    g_auto(ListenFiles) files = {0};
    if (!listen_files(options, state_dir, &files, &error))
        return report_error(error);
    host.proxies = (const AddressRange *)(void *)files.proxies->data;
    host.proxies_len = files.proxies->len;
    host.key_file = files.key_file;
    host.tls_cert = files.tls_cert;
    host.tls_key = files.tls_key;
    g_autofree char *web = options->web_users ? absolute(options->web_users)
                                              : g_build_filename(state_dir, WEB_CONFIG_FILE, NULL);
    g_autofree char *metrics_token = absolute(options->metrics_token_file);
    host.web = web;
    host.web_is_named = options->web_users != NULL;
    host.web_user_header = options->web_header;
    host.web_groups_header = options->web_groups_header;
    host.metrics_token = metrics_token;
    host.state_dir = state_dir;
    host.record_bytes = record_mib << 20;
    host.follow = (const char *const *)follow;
    say_begun(&host);
    return serve(invocation, &host);
}

static const OptionSpec options[] = {
    {"interval", 0, OPTION_TEXT, OPTION(interval), "D",
     "time between full passes, the safety net (default 10m); how often a git remote is asked (default 1m)",
     NULL},
    {"record", 0, OPTION_TEXT, OPTION(record), "MIB",
     "keep so much of what it takes in, for simulate --replay (64); 0: nothing", NULL},
    {"listen", 0, OPTION_TEXT, OPTION(listen), "ADDRESS:PORT",
     "serve the API, webhooks, health and metrics over HTTP; :PORT is for this machine alone", NULL},
    {"behind-proxy", 0, OPTION_LIST, OPTION(behind_proxy), "CIDR",
     "requests from there came over TLS to a proxy (10.0.0.0/8; repeatable)", NULL},
    {"tls-cert", 0, OPTION_TEXT, OPTION(tls_cert), "FILE",
     "certificate chain for --listen, PEM; SIGHUP reads it again", NULL},
    {"tls-key", 0, OPTION_TEXT, OPTION(tls_key), "FILE", "its private key, PEM", NULL},
    {"key-file", 0, OPTION_TEXT, OPTION(key_file), "FILE",
     "what opens the secrets of muster key (key-file of the state directory)", NULL},
    {"web-users", 0, OPTION_TEXT, OPTION(web_users), "FILE",
     "who may use the web page (web.yaml of the state directory; muster schema web.yaml)", NULL},
    {"web-header", 0, OPTION_TEXT, OPTION(web_header), "NAME",
     "the header in which a proxy of --behind-proxy names the user of the web page (X-Forwarded-User)", NULL},
    {"web-groups-header", 0, OPTION_TEXT, OPTION(web_groups_header), "NAME",
     "the one in which it lists the user's groups, with commas (X-Forwarded-Groups)", NULL},
    {"metrics-token-file", 0, OPTION_TEXT, OPTION(metrics_token_file), "FILE",
     "/metrics is for who sends the token in it (Authorization: Bearer); without it for all", NULL},
    {"log-format", 0, OPTION_TEXT, OPTION(log_format), "FORMAT",
     "of the log on stderr: text (default), or json: an object a line (docs/monitoring.md)", "text|json"},
    OPTION_POLICY,
    OPTION_VARIABLES,
    {"publish-snapshot", 0, OPTION_TEXT, OPTION(publish_snapshot), "FILE",
     "keep FILE as muster snapshot would write it, for plan --against", NULL},
    {"backup", 0, OPTION_TEXT, OPTION(backup), "PLACE",
     "make backups: a file or s3://BUCKET/KEY that is replaced, or DIR/, s3://BUCKET/PREFIX/ with a new name "
     "each time",
     NULL},
    {"backup-interval", 0, OPTION_TEXT, OPTION(backup_interval), "D", "time between them (default 1h)", NULL},
    {"notify", 0, OPTION_TEXT, OPTION(notify), "FILE",
     "who is told of events; without it notify.yaml of the state directory", NULL},
    OPTION_PROVIDER,
    OPTION_SOURCE,
};

const Command command_serve = {
    .name = "serve",
    .group = GROUP_MANIFESTS,
    .arguments = "[SOURCE…]",
    .summary = "the daemon: follow sources, reconcile, run jobs",
    .description =
        "Hosts the reconciler until SIGTERM or SIGINT: watches each SOURCE (a directory, or "
        "git+URL[@REF][:PATH]) and "
        "applies it whenever it "
        "changes, schedules and runs jobs, and answers the other commands. A change that does not "
        "validate keeps the last "
        "good state; muster status says so.\n\n"
        "A git source is fetched into a mirror in the state directory every minute or so, and at once on "
        "SIGHUP. A remote that cannot be asked, a branch that is gone, a history that was rewritten and a "
        "commit that is not signed as it has to be keep the last good commit in force. sources.yaml of the "
        "state directory holds credentials, intervals and whose signatures count "
        "(muster schema sources.yaml; docs/gitops.md).\n\n"
        "Without SOURCE it follows none and only runs what is submitted or applied. When it ends, "
        "running jobs go on; the "
        "next host takes them over. SIGHUP reads every source again.\n\n"
        "--listen serves HTTP for others: POST /hooks/SOURCE-NAME takes webhooks of GitHub, GitLab, Gitea, "
        "Forgejo and a plain form, so that a push is fetched at once; GET /metrics gives Prometheus' "
        "figures, "
        "/healthz and /readyz say whether it lives and answers. Webhooks need a secret in sources.yaml "
        "(docs/gitops.md). The operations of AWS Batch are under /v1/, for whoever signs with a key of "
        "muster key "
        "(docs/api.md): aws --endpoint-url http://127.0.0.1:8080 batch …. Without a certificate nothing is "
        "encrypted there, so it takes loopback addresses only, unless --behind-proxy names the proxies that "
        "do "
        "TLS.\n\n"
        "The web page is at / there: muster web prints a link that signs in. web.yaml of the state directory "
        "(or "
        "--web-users FILE) says who may do what of those whom a proxy names (--web-header) or a provider of "
        "OpenID "
        "Connect signs in (docs/access.md). SIGHUP reads it again.\n\n"
        "--log-format json writes each line of the log as an object with time, level, message and what is "
        "known of source, revision, resource, provider and destination (docs/monitoring.md).\n\n"
        "--policy names the file that says what each source may do, and whose plans wait for muster approve "
        "(docs/approval.md). It belongs to whoever runs the daemon: no source may hold it. SIGHUP reads it "
        "again.\n\n"
        "notify.yaml of the state directory (or --notify FILE, or $MUSTER_NOTIFY) names who is told of what "
        "happens: signed webhooks, programs, and the commit statuses of GitHub and GitLab "
        "(docs/notifications.md). SIGHUP reads it again.\n\n"
        "--backup makes a backup of the state every hour (--backup-interval); muster status shows when the "
        "last "
        "one was made, and why one was not (docs/operations.md).\n\n"
        "From its start on it records what it takes in (--record), with a copy of the state that it "
        "began with, in the state directory: muster simulate --replay runs that again.\n\n"
        "docs/muster.service is a systemd unit for it.",
    .examples =
        "muster serve envs/prod\tone source; its state is in envs/prod/.muster\n"
        "muster serve envs/a envs/b --state /var/lib/muster\tseveral sources\n"
        "muster serve git+https://git.example.org/team/jobs.git@main:envs/prod\tpushes become plans, "
        "and are applied\n"
        "muster serve envs/prod --publish-snapshot /srv/www/prod.json\tfor plans of pull requests\n"
        "muster serve git+https://git.example.org/team/jobs.git --listen :8080\tand webhooks at "
        "/hooks/NAME\n"
        "muster serve envs/prod --listen :8080\tthe API for the aws CLI and boto3 on this machine\n"
        "muster serve teams/a teams/b --policy /etc/muster/policy.yaml\tteams that may not do everything",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_SOURCE,
    .min_arguments = 0,
    .max_arguments = -1,
    .exits = EXITS(EXIT_REFUSED),
    .is_local = true,
    .run = run,
};
