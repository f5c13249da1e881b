/* repo_config.c: see repo_config.h. */
#include "reconciler/source/repo_config.h"
#include <unistd.h>
#include "reconciler/source/scan.h"

#define TOKEN_MAX      ((size_t)16 << 10)
#define STALLED_S      60 /* http: no byte for so long ends it */
#define CONNECT_S      15
#define ALIVE_S        15
#define ALIVE_COUNT    3
#define TOKEN_VARIABLE "MUSTER_GIT_TOKEN"
#define USER_VARIABLE  "MUSTER_GIT_USER"

/* ---- configuration ---- */

/* As git-config(1) reads it. Control characters cannot come here: neither a location nor a YAML scalar of
 * sources.yaml with one is used. */
static void append_value(GString *out, const char *name, const char *value)
{
    g_string_append_printf(out, "\t%s = \"", name);
    for (const char *byte = value; *byte; byte++) {
        if (*byte == '"' || *byte == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, (unsigned char)*byte < ' ' ? ' ' : *byte);
    }
    g_string_append(out, "\"\n");
}

static void append_http(GString *out, const RepoSettings *settings)
{
    g_string_append_printf(
        out,
        "[http]\n\tsslVerify = true\n\tfollowRedirects = initial\n\tlowSpeedLimit = 1\n\tlowSpeedTime = %d\n",
        STALLED_S);
    if (settings->ca_file)
        append_value(out, "sslCAInfo", settings->ca_file);
    if (settings->proxy)
        append_value(out, "proxy", settings->proxy);
}

/* For the location's host only: a redirect to another one must not be answered with its token. */
static void append_credentials(GString *out, const RepoLocation *location, const RepoSettings *settings)
{
    static const char answer[] =
        "!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' \"$" USER_VARIABLE
        "\" \"$" TOKEN_VARIABLE "\"; }; f";
    const char *authority = strstr(location->url, "://");
    bool is_http = location->transport == REPO_TRANSPORT_HTTP || location->transport == REPO_TRANSPORT_HTTPS;
    g_string_append(out, "[credential]\n\thelper = \"\"\n");
    if (!is_http || !authority)
        return;
    size_t len = strcspn(authority + 3, "/");
    g_autofree char *scope = g_strndup(location->url, (gsize)(authority + 3 - location->url) + len);
    g_string_append_printf(out, "[credential \"%s\"]\n", scope);
    if (settings->credential_helper)
        append_value(out, "helper", settings->credential_helper);
    if (settings->token_file || settings->token_env)
        append_value(out, "helper", answer);
    if (settings->user)
        append_value(out, "username", settings->user);
}

char *repo_config_text(const RepoLocation *location, const RepoSettings *settings, const char *mirror)
{
    GString *out =
        g_string_new("# written anew for every fetch\n"
                     "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n\tlogAllRefUpdates = false\n"
                     "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
                     "[fetch]\n\trecurseSubmodules = false\n\twriteCommitGraph = false\n"
                     "[submodule]\n\trecurse = false\n[protocol]\n\tallow = never\n");
    g_string_append_printf(out, "[protocol \"%s\"]\n\tallow = always\n",
                           repo_transport_name(location->transport));
    append_http(out, settings);
    append_credentials(out, location, settings);
    /* Whoever named the repository as a source meant it, whosever it is; serving a fetch runs nothing of it
     * (git-upload-pack(1), SECURITY). */
    g_string_append(out, "[safe]\n");
    append_value(out, "directory", mirror);
    if (location->directory) {
        g_autofree char *inner = g_build_filename(location->directory, ".git", NULL);
        append_value(out, "directory", location->directory);
        append_value(out, "directory", inner);
    }
    return g_string_free(out, FALSE);
}

/* ---- environment ---- */

/* known_hosts is always checked: a host whose key is not in it is refused, never asked for. */
static char *ssh_command(const RepoSettings *settings)
{
    GString *out = g_string_new(
        "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ControlMaster=no -o ControlPath=none "
        "-o ForwardAgent=no -o ClearAllForwardings=yes -o PermitLocalCommand=no");
    g_string_append_printf(out, " -o ConnectTimeout=%d -o ServerAliveInterval=%d -o ServerAliveCountMax=%d",
                           CONNECT_S, ALIVE_S, ALIVE_COUNT);
    if (settings->known_hosts) {
        g_autofree char *option = g_strdup_printf("UserKnownHostsFile=\"%s\"", settings->known_hosts);
        g_autofree char *quoted = g_shell_quote(option);
        g_string_append_printf(out, " -o %s -o GlobalKnownHostsFile=/dev/null", quoted);
    }
    if (settings->ssh_key) {
        g_autofree char *quoted = g_shell_quote(settings->ssh_key);
        g_string_append_printf(out, " -o IdentitiesOnly=yes -i %s", quoted);
    }
    return g_string_free(out, FALSE);
}

/* The first line of the file, or the variable. *ret_token stays NULL when none is configured. */
static bool read_token(const RepoSettings *settings, char **ret_token, GError **error)
{
    if (settings->token_env) {
        *ret_token = g_strdup(g_getenv(settings->token_env));
        if (*ret_token)
            return true;
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE,
                    "the environment variable %s, which sources.yaml names as tokenEnv, is not set",
                    settings->token_env);
        return false;
    }
    if (!settings->token_file)
        return true;
    size_t len;
    g_autofree char *name = g_strdup_printf("tokenFile %s", settings->token_file);
    *ret_token = scan_read_path(settings->token_file, name, TOKEN_MAX, &len, error);
    if (*ret_token)
        (*ret_token)[strcspn(*ret_token, "\r\n")] = '\0';
    return *ret_token != NULL;
}

static void take_over(GStrvBuilder *environment)
{
    static const char *const names[] = {
        "HOME",        "USER",        "LOGNAME",   "PATH",      "TMPDIR",   "SSH_AUTH_SOCK", "http_proxy",
        "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *value = g_getenv(names[i]);
        if (!value)
            continue;
        g_autofree char *pair = g_strdup_printf("%s=%s", names[i], value);
        g_strv_builder_add(environment, pair);
    }
}

static void set(GStrvBuilder *environment, const char *name, const char *value)
{
    g_autofree char *pair = g_strdup_printf("%s=%s", name, value);
    g_strv_builder_add(environment, pair);
}

char **repo_config_environment(const RepoLocation *location, const RepoSettings *settings, const char *config,
                               GError **error)
{
    g_autoptr(GStrvBuilder) environment = g_strv_builder_new();
    g_autofree char *token = NULL, *ssh = ssh_command(settings);
    bool is_http = location->transport == REPO_TRANSPORT_HTTP || location->transport == REPO_TRANSPORT_HTTPS;
    if (is_http && !read_token(settings, &token, error))
        return NULL;
    take_over(environment);
    set(environment, "LC_ALL", "C");
    set(environment, "GIT_CONFIG_NOSYSTEM", "1");
    set(environment, "GIT_CONFIG_GLOBAL", config);
    set(environment, "GIT_ATTR_NOSYSTEM", "1");
    set(environment, "GIT_TERMINAL_PROMPT", "0");
    set(environment, "GIT_OPTIONAL_LOCKS", "0");
    set(environment, "GIT_NO_LAZY_FETCH", "1");
    set(environment, "GIT_ALLOW_PROTOCOL", repo_transport_name(location->transport));
    set(environment, "GIT_SSH_COMMAND", ssh);
    set(environment, "GIT_SSH_VARIANT", "ssh");
    if (token) {
        set(environment, TOKEN_VARIABLE, token);
        set(environment, USER_VARIABLE, settings->user ? settings->user : "git");
    }
    return g_strv_builder_end(environment);
}
