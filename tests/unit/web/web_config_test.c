#include "reconciler/api/web/oidc.h"
#include "reconciler/api/web/web_config.h"
#include <string.h>

static WebConfig *parse(const char *text, char **ret_faults)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(GString) faults = g_string_new(NULL);
    WebConfig *config = web_config_parse(view_from(text), "web.yaml", diagnostics);
    diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, faults);
    g_assert_true((config == NULL) == (faults->len > 0));
    *ret_faults = g_strdup(faults->str);
    return config;
}

static void test_faults(void)
{
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"rules: [{scopes: [read]}]", "one of user, group, email and claim is needed"},
        {"rules: [{user: a}]", "scopes"},
        {"rules: [{user: a, scopes: [all]}]", "scopes"},
        {"rules: [{user: a, scopes: []}]", "scopes"},
        {"rules: [{user: a, scopes: [read], queue: fast}]", "queue"},
        {"url: https://a.example.org/muster", "without a path"},
        {"url: https://root@a.example.org", "without a path"},
        {"url: ftp://a.example.org", "without a path"},
        {"url: https://a\noidc: {issuer: 'http://b', clientId: c, clientSecretFile: /d}", "use https"},
        {"url: https://a\noidc: {issuer: 'http://127.0.0.1.evil.example', clientId: c, clientSecretFile: /d}",
         "use https"},
        {"url: https://a\noidc: {issuer: 'https://b', clientId: c, clientSecretFile: d}", "an absolute path"},
        {"oidc: {issuer: 'https://b', clientId: c, clientSecretFile: /d}", "url is needed with oidc"},
        {"{}\n---\n{}", "is one document"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *faults = NULL;
        g_autoptr(WebConfig) config = parse(cases[i].text, &faults);
        if (config || !strstr(faults, cases[i].fault))
            g_error("%s: %s", cases[i].text, faults);
    }
}

/* The scopes of who was let in; 0: nobody. */
static unsigned scopes_of(const WebConfig *config, const WebClaims *who)
{
    g_autoptr(WebUser) user = web_config_admit(config, who);
    return user ? user->key.scopes : 0;
}

static void test_rules(void)
{
    g_autofree char *faults = NULL;
    g_autoptr(WebConfig) config =
        parse("rules:\n"
              "- {user: anna, group: night, scopes: [read]}\n"
              "- {user: anna, scopes: [admin]}\n"
              "- {group: 'ops-*', scopes: [submit], queues: [fast, 'ci*'], unprivileged: true}\n"
              "- {email: '*@example.org', scopes: [read]}\n"
              "- {claim: {name: team, value: blue}, scopes: [register]}\n",
              &faults);
    char *const groups[] = {(char *)(uintptr_t) "a", (char *)(uintptr_t) "ops-1", NULL};
    char *const night[] = {(char *)(uintptr_t) "night", NULL};
    json_t *one = json_pack("{s:s}", "team", "blue"),
           *many = json_pack("{s:[s,i,s]}", "team", "red", 1, "blue"),
           *none = json_pack("{s:[s],s:s}", "team", "bluegreen", "Team", "blue");
    g_assert_nonnull(config);
    g_assert_cmpuint(scopes_of(config, &(WebClaims){.user = "bert", .way = "x"}), ==, 0);
    g_assert_cmpuint(scopes_of(config, &(WebClaims){.user = "Anna", .way = "x"}), ==, 0);
    g_assert_true(scopes_of(config, &(WebClaims){.user = "anna", .way = "x"}) & KEY_ADMIN);
    g_assert_cmpuint(scopes_of(config, &(WebClaims){.user = "anna", .groups = night, .way = "x"}), ==,
                     KEY_READ);
    g_assert_cmpuint(scopes_of(config, &(WebClaims){.user = "x", .email = "x@example.org", .way = "x"}), ==,
                     KEY_READ);
    g_assert_cmpuint(scopes_of(config, &(WebClaims){.user = "x", .email = "x@example.org.evil", .way = "x"}),
                     ==, 0);
    g_assert_true(scopes_of(config, &(WebClaims){.user = "x", .claims = one, .way = "x"}) & KEY_REGISTER);
    g_assert_true(scopes_of(config, &(WebClaims){.user = "x", .claims = many, .way = "x"}) & KEY_REGISTER);
    g_assert_cmpuint(scopes_of(config, &(WebClaims){.user = "x", .claims = none, .way = "x"}), ==, 0);
    g_autoptr(WebUser) user =
        web_config_admit(config, &(WebClaims){.user = "bert", .groups = groups, .way = "proxy"});
    g_assert_cmpstr(user->key.name, ==, "bert");
    g_assert_cmpstr(user->key.queues[1], ==, "ci*");
    g_assert_true(user->key.is_unprivileged);
    g_assert_cmpuint(json_array_size(json_object_get(user->peer, "queues")), ==, 2);
    g_assert_cmpstr(json_string_value(json_object_get(user->peer, "by")), ==, "proxy");
    json_decref(one);
    json_decref(many);
    json_decref(none);
}

static void test_claims(void)
{
    g_autofree char *faults = NULL;
    g_autoptr(WebConfig) config =
        parse("url: https://a\n"
              "oidc: {issuer: 'https://b', clientId: c, clientSecretFile: /d}\n"
              "rules: [{email: a@b, scopes: [read]}, {group: g, scopes: [admin]}]\n",
              &faults);
    static const struct {
        const char *claims;
        unsigned scope;
    } cases[] = {
        {"{\"iss\":\"https://b\",\"sub\":\"1\",\"email\":\"a@b\",\"email_verified\":true}", KEY_READ},
        {"{\"iss\":\"https://b\",\"sub\":\"1\",\"email\":\"a@b\",\"email_verified\":false}", 0},
        {"{\"iss\":\"https://b\",\"sub\":\"1\",\"email\":\"a@b\",\"email_verified\":\"true\"}", 0},
        {"{\"iss\":\"https://b\",\"sub\":\"1\",\"email\":\"a@b\"}", 0},
        {"{\"iss\":\"https://b\",\"sub\":\"1\",\"groups\":\"g\"}", KEY_ADMIN},
        {"{\"iss\":\"https://b\",\"sub\":\"1\",\"groups\":[\"f\",\"g\"]}", KEY_ADMIN},
        {"{\"iss\":\"https://c\",\"sub\":\"1\",\"groups\":\"g\"}", 0}, /* of the provider before */
        {"{\"iss\":\"https://b\",\"groups\":\"g\"}", 0},
    };
    g_assert_nonnull(config);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_t *claims = json_loads(cases[i].claims, 0, NULL);
        g_autoptr(WebUser) user = oidc_admit(config, claims);
        g_assert_cmpint(user != NULL, ==, cases[i].scope != 0);
        g_assert_true(!user || (user->key.scopes & cases[i].scope));
        json_decref(claims);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/web_config/faults", test_faults);
    g_test_add_func("/web_config/rules", test_rules);
    g_test_add_func("/web_config/claims", test_claims);
    return g_test_run();
}
