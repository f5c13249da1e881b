/* repo_settings.c: see repo_settings.h. */
#include "reconciler/source/repo_settings.h"
#include <errno.h>
#include <unistd.h>
#include "reconciler/source/own_file.h"
#include "reconciler/source/source.h"
#include "spec/base/units.h"
#include "spec/kinds.h"

#define FILE_NAME "sources.yaml"
#define VARIABLE  "MUSTER_SOURCES"

static void verify_free(RepoVerify *verify)
{
    if (!verify)
        return;
    g_free(verify->allowed_signers);
    g_free(verify->revoked_keys);
    g_strfreev(verify->principals);
    g_strfreev(verify->openpgp_keys);
    g_free(verify);
}

static void settings_clear(RepoSettings *settings)
{
    g_free(settings->user);
    g_free(settings->token_file);
    g_free(settings->token_env);
    g_free(settings->credential_helper);
    g_free(settings->ssh_key);
    g_free(settings->known_hosts);
    g_free(settings->ca_file);
    g_free(settings->proxy);
    g_free(settings->webhook_file);
    g_free(settings->webhook_env);
    g_strfreev(settings->submodules);
}

void repo_settings_free(RepoSettings *settings)
{
    if (!settings)
        return;
    settings_clear(settings);
    verify_free(settings->verify);
    g_free(settings);
}

/* ---- one entry ---- */

typedef struct {
    const char *file;
    View text;
    const RepoLocation *location;
    RepoSettings *settings;
    size_t best;        /* length of the url that fits so far */
    size_t best_verify; /* of one that says something of verify */
    DiagnosticList *diagnostics;
} Reading;

static char *text_of(const Node *entry, const char *member)
{
    const Node *node = node_get(entry, member);
    return node && node->kind == NODE_STRING ? g_strndup(node->text.data, node->text.len) : NULL;
}

static void take_duration(Reading *reading, const Node *entry, const char *member, int64_t *ret_ms)
{
    const Node *node = node_get(entry, member);
    int64_t ms;
    if (!node)
        return;
    if (duration_parse(node->text, &ms) && ms > 0)
        *ret_ms = ms;
    else
        document_report(reading->diagnostics, reading->file, reading->text, 1, node->line, node->column, 1,
                        SEVERITY_ERROR, member, "not a duration above 0", "write it as 30s, 5m or 1h");
}

static bool is_true(const Node *entry, const char *member)
{
    const Node *node = node_get(entry, member);
    return node && node->kind == NODE_BOOL && node->boolean;
}

/* The whole URL, or its front up to a slash (or a colon, of user@host:path). */
static bool fits(const RepoLocation *location, View url)
{
    if (strncmp(location->url, url.data, url.len) != 0 || strlen(location->url) < url.len)
        return false;
    char next = location->url[url.len], last = url.data[url.len - 1];
    return next == '\0' || next == '/' || last == '/' || last == ':';
}

bool repo_settings_allow_submodule(const RepoSettings *settings, const RepoLocation *location)
{
    for (char **url = settings->submodules; url && *url; url++)
        if (fits(location, view_from(*url)))
            return true;
    return false;
}

/* One text is short for a list of it. NULL: not given. */
static char **texts_of(const Node *entry, const char *member)
{
    const Node *node = node_get(entry, member);
    g_autoptr(GStrvBuilder) texts = g_strv_builder_new();
    if (!node)
        return NULL;
    size_t len = node->kind == NODE_STRING ? 1 : node->sequence.len;
    for (size_t i = 0; i < len; i++) {
        const Node *item = node->kind == NODE_STRING ? node : node->sequence.items[i];
        g_autofree char *text = g_strndup(item->text.data, item->text.len);
        g_strv_builder_add(texts, text);
    }
    return g_strv_builder_end(texts);
}

/* Unlike all else it holds below a url whatever a longer one says of other things: a new entry must not take
 * it away unseen. `none` does. */
static void take_verify(Reading *reading, View url, const Node *entry)
{
    const Node *node = node_get(entry, "verify");
    RepoSettings *settings = reading->settings;
    if (!node || url.len <= reading->best_verify)
        return;
    reading->best_verify = url.len;
    g_clear_pointer(&settings->verify, verify_free);
    if (node->kind == NODE_STRING)
        return;
    const Node *what = node_get(node, "what");
    settings->verify = g_new0(RepoVerify, 1);
    *settings->verify = (RepoVerify){.allowed_signers = text_of(node, "allowedSigners"),
                                     .revoked_keys = text_of(node, "revokedKeys"),
                                     .principals = texts_of(node, "principals"),
                                     .openpgp_keys = texts_of(node, "openpgpKeys"),
                                     .wants_tag = what && view_is(what->text, "tag")};
}

static void take_entry(Reading *reading, const Node *entry)
{
    const Node *url = node_get(entry, "url");
    RepoSettings *settings = reading->settings;
    RepoSettings fresh = {.interval_ms = REPO_INTERVAL_MS, .timeout_ms = REPO_TIMEOUT_MS};
    take_duration(reading, entry, "interval", &fresh.interval_ms);
    take_duration(reading, entry, "timeout", &fresh.timeout_ms);
    if (!fits(reading->location, url->text))
        return;
    take_verify(reading, url->text, entry);
    if (url->text.len <= reading->best)
        return;
    reading->best = url->text.len;
    fresh.user = text_of(entry, "user");
    fresh.token_file = text_of(entry, "tokenFile");
    fresh.token_env = text_of(entry, "tokenEnv");
    fresh.credential_helper = text_of(entry, "credentialHelper");
    fresh.ssh_key = text_of(entry, "sshKey");
    fresh.known_hosts = text_of(entry, "knownHosts");
    fresh.ca_file = text_of(entry, "caFile");
    fresh.proxy = text_of(entry, "proxy");
    fresh.allow_unencrypted = is_true(entry, "allowUnencrypted");
    const Node *rewrites = node_get(entry, "rewrites");
    fresh.follow_rewrites = rewrites && view_is(rewrites->text, "follow");
    const Node *webhook = node_get(entry, "webhook");
    fresh.webhook_file = webhook ? text_of(webhook, "secretFile") : NULL;
    fresh.webhook_env = webhook ? text_of(webhook, "secretEnv") : NULL;
    fresh.submodules = texts_of(entry, "submodules");
    fresh.verify = settings->verify;
    settings_clear(settings);
    *settings = fresh;
}

static bool take_document(const Document *document, void *data)
{
    Reading *reading = data;
    SchemaContext rules = {reading->file, reading->text, 1, NULL};
    if (!schema_validate(sources_schema(), document->root, "", &rules, reading->diagnostics))
        return true;
    const Node *list = node_get(document->root, "sources");
    for (size_t i = 0; i < list->sequence.len; i++)
        take_entry(reading, list->sequence.items[i]);
    return true;
}

static bool parse(const char *file, View text, const RepoLocation *location, RepoSettings *settings,
                  GError **error)
{
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    Reading reading = {
        .file = file, .text = text, .location = location, .settings = settings, .diagnostics = diagnostics};
    kinds_init();
    document_parse(text, file, 1, arena, &document_limits_default, take_document, &reading, diagnostics);
    if (diagnostic_list_len(diagnostics) == 0)
        return true;
    const Diagnostic *first = diagnostic_list_get(diagnostics, 0);
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s:%d:%d: %s%s%s", file, first->line,
                first->column, first->message, first->detail ? "; " : "", first->detail ? first->detail : "");
    return false;
}

RepoSettings *repo_settings_load(const char *state_dir, const RepoLocation *location, GError **error)
{
    g_autoptr(RepoSettings) settings = g_new0(RepoSettings, 1);
    const char *named = g_getenv(VARIABLE);
    bool is_named = named && *named;
    settings->interval_ms = REPO_INTERVAL_MS;
    settings->timeout_ms = REPO_TIMEOUT_MS;
    if (!is_named && !state_dir)
        return g_steal_pointer(&settings);
    g_autofree char *path = is_named ? g_strdup(named) : g_build_filename(state_dir, FILE_NAME, NULL),
                    *text = NULL;
    size_t len = 0;
    const OwnFile file = {.path = path, .must_exist = is_named, .why = "it names what git runs"};
    if (!own_file_read(&file, &text, &len, error) ||
        (text && !parse(path, (View){text, len}, location, settings, error)))
        return NULL;
    return g_steal_pointer(&settings);
}

static bool check_file(const char *member, const char *path, GError **error)
{
    if (!path || access(path, R_OK) == 0)
        return true;
    g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_UNREADABLE, "%s: %s (sources.yaml names it as %s)", path,
                g_strerror(errno), member);
    return false;
}

bool repo_settings_check(const RepoSettings *settings, const RepoLocation *location, GError **error)
{
    bool is_open = location->transport == REPO_TRANSPORT_HTTP || location->transport == REPO_TRANSPORT_GIT;
    if (is_open && !settings->allow_unencrypted && !repo_location_is_loopback(location)) {
        g_set_error(error, SOURCE_ERROR, SOURCE_ERROR_LOCATION,
                    "%s: whoever is on the way can change what runs, as nothing is encrypted; use https or "
                    "ssh, or set "
                    "allowUnencrypted: true for this url in sources.yaml",
                    location->url);
        return false;
    }
    return check_file("tokenFile", settings->token_file, error) &&
           check_file("sshKey", settings->ssh_key, error) &&
           check_file("knownHosts", settings->known_hosts, error) &&
           check_file("caFile", settings->ca_file, error);
}
