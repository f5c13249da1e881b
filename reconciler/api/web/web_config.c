/* web_config.c: see web_config.h. */
#include "reconciler/api/web/web_config.h"
#include <string.h>
#include "reconciler/source/own_file.h"
#include "reconciler/source/source.h"
#include "spec/base/glob.h"
#include "spec/kinds.h"

static void rule_free(void *data)
{
    WebRule *rule = data;
    g_free(rule->user);
    g_free(rule->group);
    g_free(rule->email);
    g_free(rule->claim);
    g_free(rule->value);
    g_strfreev(rule->queues);
    g_strfreev(rule->shares);
    g_strfreev(rule->roles);
    g_strfreev(rule->host_paths);
    g_free(rule);
}

static void provider_free(WebProvider *provider)
{
    if (!provider)
        return;
    g_free(provider->issuer);
    g_free(provider->client_id);
    g_free(provider->secret_file);
    g_free(provider->ca_file);
    g_strfreev(provider->scopes);
    g_free(provider->user_claim);
    g_free(provider->groups_claim);
    g_free(provider->label);
    g_free(provider);
}

static WebConfig *config_new(void)
{
    WebConfig *config = g_new0(WebConfig, 1);
    config->rules = g_ptr_array_new_with_free_func(rule_free);
    return config;
}

void web_config_free(WebConfig *config)
{
    if (!config)
        return;
    g_free(config->url);
    g_ptr_array_unref(config->rules);
    provider_free(config->oidc);
    g_free(config);
}

/* ---- reading ---- */

typedef struct {
    const char *file;
    View text;
    WebConfig *config;
    bool is_seen;
    DiagnosticList *diagnostics;
} Reading;

static void report(Reading *reading, const Node *node, const char *message, const char *detail)
{
    document_report(reading->diagnostics, reading->file, reading->text, 1, node->line, node->column, 1,
                    SEVERITY_ERROR, "", message, detail);
}

static char *text_of(const Node *entry, const char *member)
{
    const Node *node = node_get(entry, member);
    return node && node->kind == NODE_STRING ? g_strndup(node->text.data, node->text.len) : NULL;
}

static char *text_or(const Node *entry, const char *member, const char *otherwise)
{
    char *text = text_of(entry, member);
    return text ? text : g_strdup(otherwise);
}

static char **texts_of(const Node *entry, const char *member)
{
    const Node *list = node_get(entry, member);
    if (!list)
        return NULL;
    char **texts = g_new0(char *, list->sequence.len + 1);
    for (size_t i = 0; i < list->sequence.len; i++)
        texts[i] = g_strndup(list->sequence.items[i]->text.data, list->sequence.items[i]->text.len);
    return texts;
}

static void take_rule(Reading *reading, const Node *entry)
{
    WebRule *rule = g_new0(WebRule, 1);
    const Node *claim = node_get(entry, "claim"), *unprivileged = node_get(entry, "unprivileged");
    *rule = (WebRule){.user = text_of(entry, "user"),
                      .group = text_of(entry, "group"),
                      .email = text_of(entry, "email"),
                      .claim = claim ? text_of(claim, "name") : NULL,
                      .value = claim ? text_of(claim, "value") : NULL,
                      .queues = texts_of(entry, "queues"),
                      .shares = texts_of(entry, "shares"),
                      .roles = texts_of(entry, "roles"),
                      .host_paths = texts_of(entry, "hostPaths"),
                      .is_unprivileged =
                          unprivileged && unprivileged->kind == NODE_BOOL && unprivileged->boolean};
    g_auto(GStrv) scopes = texts_of(entry, "scopes");
    for (char **scope = scopes; scope && *scope; scope++)
        rule->scopes |= key_scope_from_name(*scope);
    if (!rule->user && !rule->group && !rule->email && !rule->claim)
        report(reading, entry, "whom does it fit? one of user, group, email and claim is needed",
               "user: '*' fits everybody whom the proxy or the provider knows");
    g_ptr_array_add(reading->config->rules, rule);
}

/* What is sent there can be read on the way, and another one can answer in its place. */
bool web_url_is_exposed(const char *url)
{
    static const char *const here[] = {"localhost", "127.0.0.1", "::1", NULL};
    g_autoptr(GUri) parsed = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    const char *host = parsed ? g_uri_get_host(parsed) : NULL, *scheme = host ? g_uri_get_scheme(parsed) : "";
    if (strcmp(scheme, "https") == 0)
        return false;
    return strcmp(scheme, "http") != 0 || !g_strv_contains(here, host);
}

static void take_provider(Reading *reading, const Node *entry)
{
    WebProvider *provider = g_new0(WebProvider, 1);
    reading->config->oidc = provider;
    *provider = (WebProvider){.issuer = text_of(entry, "issuer"),
                              .client_id = text_of(entry, "clientId"),
                              .secret_file = text_of(entry, "clientSecretFile"),
                              .ca_file = text_of(entry, "caFile"),
                              .scopes = texts_of(entry, "scopes"),
                              .user_claim = text_or(entry, "userClaim", "sub"),
                              .groups_claim = text_or(entry, "groupsClaim", "groups"),
                              .label = text_of(entry, "label")};
    if (!provider->scopes)
        provider->scopes = g_strsplit("profile email", " ", -1);
    if (web_url_is_exposed(provider->issuer))
        report(reading, node_get(entry, "issuer"),
               "it is not encrypted, and not on this machine: whoever is on the way could sign in as anybody",
               "use https");
    if (!reading->config->url)
        report(reading, entry, "where do browsers find the page? url is needed with oidc",
               "url: https://batch.example.org, at the top of the file");
}

static bool take_document(const Document *document, void *data)
{
    Reading *reading = data;
    SchemaContext rules = {reading->file, reading->text, 1, NULL};
    if (reading->is_seen) {
        report(reading, document->root, "a " WEB_CONFIG_FILE " is one document", NULL);
        return false;
    }
    reading->is_seen = true;
    if (!schema_validate(web_schema(), document->root, "", &rules, reading->diagnostics))
        return true;
    const Node *list = node_get(document->root, "rules"), *oidc = node_get(document->root, "oidc");
    reading->config->url = text_of(document->root, "url");
    for (size_t i = 0; list && i < list->sequence.len; i++)
        take_rule(reading, list->sequence.items[i]);
    if (oidc)
        take_provider(reading, oidc);
    return true;
}

WebConfig *web_config_parse(View text, const char *file, DiagnosticList *diagnostics)
{
    g_autoptr(Arena) arena = arena_new();
    g_autoptr(WebConfig) config = config_new();
    Reading reading = {.file = file, .text = text, .config = config, .diagnostics = diagnostics};
    kinds_init();
    document_parse(text, file, 1, arena, &document_limits_default, take_document, &reading, diagnostics);
    return diagnostic_list_count(diagnostics, SEVERITY_ERROR) ? NULL : g_steal_pointer(&config);
}

WebConfig *web_config_load(const char *path, bool must_exist, GError **error)
{
    g_autofree char *text = NULL;
    size_t len = 0;
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    const OwnFile file = {
        .path = path, .must_exist = must_exist, .why = "it says who may do what on the web page"};
    if (!own_file_read(&file, &text, &len, error))
        return NULL;
    WebConfig *config = text ? web_config_parse((View){text, len}, path, diagnostics) : config_new();
    if (config)
        return config;
    own_file_broken(diagnostics, "who may use the web page", error);
    return NULL;
}

/* ---- who may what ---- */

static bool fits(const char *pattern, const char *text)
{
    return !pattern || (text && glob_matches(pattern, view_from(text)));
}

static bool fits_any(const char *pattern, char *const *texts)
{
    for (; pattern && texts && *texts; texts++)
        if (fits(pattern, *texts))
            return true;
    return !pattern;
}

static bool fits_claim(const WebRule *rule, const json_t *claims)
{
    const json_t *claim = rule->claim ? json_object_get(claims, rule->claim) : NULL, *item;
    size_t i;
    if (!rule->claim || (json_is_string(claim) && fits(rule->value, json_string_value(claim))))
        return true;
    json_array_foreach(claim, i, item)
    {
        if (json_is_string(item) && fits(rule->value, json_string_value(item)))
            return true;
    }
    return false;
}

static bool rule_fits(const WebRule *rule, const WebClaims *who)
{
    return fits(rule->user, who->user) && fits_any(rule->group, who->groups) &&
           fits(rule->email, who->email) && fits_claim(rule, who->claims);
}

static json_t *peer_of(const WebRule *rule, const WebClaims *who, const char *name)
{
    json_t *peer = json_pack("{s:s,s:s,s:s}", "user", name, "subject",
                             who->subject ? who->subject : who->user, "by", who->way);
    if (!rule->queues)
        return peer;
    json_t *queues = json_array();
    for (char **queue = rule->queues; *queue; queue++)
        json_array_append_new(queues, json_string(*queue));
    json_object_set_new(peer, "queues", queues);
    return peer;
}

WebUser *web_config_admit(const WebConfig *config, const WebClaims *who)
{
    for (guint i = 0; i < config->rules->len; i++) {
        const WebRule *rule = config->rules->pdata[i];
        if (!rule_fits(rule, who))
            continue;
        WebUser *user = g_new0(WebUser, 1);
        const char *name = who->shown ? who->shown : who->user;
        const Key limits = {.name = (char *)(uintptr_t)name,
                            .scopes = rule->scopes,
                            .queues = rule->queues,
                            .shares = rule->shares,
                            .roles = rule->roles,
                            .host_paths = rule->host_paths,
                            .is_unprivileged = rule->is_unprivileged};
        key_clone(&limits, &user->key);
        user->peer = peer_of(rule, who, name);
        return user;
    }
    return NULL;
}
