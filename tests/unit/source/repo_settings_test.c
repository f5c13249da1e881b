#include <sys/stat.h>
#include "reconciler/source/repo_config.h"
#include "reconciler/source/source.h"
#include "reconciler/source/webhook_secret.h"
#include "tests/unit/source/tree.h"

typedef struct {
    char *state;
    RepoLocation *location;
    RepoSettings *settings;
    GError *error;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->state = tree_new();
    g_unsetenv("MUSTER_SOURCES");
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    repo_location_free(fixture->location);
    repo_settings_free(fixture->settings);
    g_clear_error(&fixture->error);
    g_unsetenv("MUSTER_SOURCES");
    tree_remove(fixture->state);
    g_free(fixture->state);
}

static bool load(Fixture *fixture, const char *location, const char *text)
{
    g_clear_pointer(&fixture->location, repo_location_free);
    g_clear_pointer(&fixture->settings, repo_settings_free);
    g_clear_error(&fixture->error);
    fixture->location = repo_location_parse(location, &fixture->error);
    g_assert_no_error(fixture->error);
    if (text)
        tree_write(fixture->state, "sources.yaml", text);
    fixture->settings = repo_settings_load(fixture->state, fixture->location, &fixture->error);
    return fixture->settings != NULL;
}

static void test_defaults(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_assert_true(load(fixture, "git+https://h.example/team/x.git", NULL));
    g_assert_cmpint(fixture->settings->interval_ms, ==, 60000);
    g_assert_cmpint(fixture->settings->timeout_ms, ==, 300000);
    g_assert_false(fixture->settings->allow_unencrypted);
    g_assert_false(fixture->settings->follow_rewrites);
    g_assert_null(fixture->settings->user);
}

/* The longest url that fits counts alone, and a name does not fit because its front does. */
static void test_longest(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const char text[] =
        "sources:\n"
        "- {url: 'https://h.example/team/', user: team, interval: 5s}\n"
        "- {url: 'https://h.example/', user: host, caFile: /ca}\n"
        "- {url: 'https://h.example/team/x', user: prefix}\n"
        "- {url: 'https://h.example/team/x.git', user: exact, rewrites: follow, timeout: 1m30s}\n"
        "- {url: 'git@h.example:', user: scp}\n";
    const char *const cases[][2] = {{"git+https://h.example/team/x.git@main:p", "exact"},
                                    {"git+https://h.example/team/x/y.git", "prefix"},
                                    {"git+https://h.example/team/y.git", "team"},
                                    {"git+https://h.example/team/xy.git", "team"},
                                    {"git+https://h.example/team2/y.git", "host"},
                                    {"git+git@h.example:y.git", "scp"},
                                    {"git+https://h.example.org/y.git", NULL}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_true(load(fixture, cases[i][0], text));
        g_assert_cmpstr(fixture->settings->user, ==, cases[i][1]);
    }
    g_assert_true(load(fixture, cases[0][0], text));
    g_assert_true(fixture->settings->follow_rewrites);
    g_assert_cmpint(fixture->settings->timeout_ms, ==, 90000);
    g_assert_cmpint(fixture->settings->interval_ms, ==, 60000); /* not the team's */
    g_assert_null(fixture->settings->ca_file);
}

static void assert_refused(Fixture *fixture, const char *text, const char *part)
{
    g_assert_false(load(fixture, "git+https://h.example/x.git", text));
    g_test_message("%s", fixture->error->message);
    g_assert_nonnull(strstr(fixture->error->message, part));
}

static void test_refused(Fixture *fixture, gconstpointer data)
{
    (void)data;
    assert_refused(fixture, "sources:\n- {url: 'https://h.example/', tokn: x}\n", "sources.yaml:2:");
    assert_refused(fixture, "sources:\n- {user: x}\n", "url");
    assert_refused(fixture, "sources:\n- {url: 'https://h.example/', tokenFile: relative}\n",
                   "give an absolute path");
    assert_refused(fixture, "sources:\n- {url: 'https://h.example/', interval: 0s}\n",
                   "not a duration above 0");
    assert_refused(fixture, "sources: [\n", "sources.yaml:");
    g_autofree char *path = g_build_filename(fixture->state, "sources.yaml", NULL);
    tree_write(fixture->state, "sources.yaml", "sources: []\n");
    g_assert_cmpint(chmod(path, 0622), ==, 0);
    assert_refused(fixture, NULL, "others may write it");
    g_setenv("MUSTER_SOURCES", "/nonexistent/sources.yaml", TRUE);
    assert_refused(fixture, NULL, "/nonexistent/sources.yaml: No such file");
}

static void test_unencrypted(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_assert_true(load(fixture, "git+http://h.example/x.git", "sources: []\n"));
    g_assert_false(repo_settings_check(fixture->settings, fixture->location, NULL));
    g_assert_true(load(fixture, "git+git://h.example/x.git", NULL));
    g_assert_false(repo_settings_check(fixture->settings, fixture->location, NULL));
    g_assert_true(load(fixture, "git+http://127.0.0.1/x.git", NULL));
    g_assert_true(repo_settings_check(fixture->settings, fixture->location, NULL));
    g_assert_true(load(fixture, "git+http://h.example/x.git",
                       "sources: [{url: 'http://h.example/', allowUnencrypted: true}]\n"));
    g_assert_true(repo_settings_check(fixture->settings, fixture->location, NULL));
}

static bool has_variable(char **environment, const char *name)
{
    g_autofree char *front = g_strconcat(name, "=", NULL);
    for (char **pair = environment; *pair; pair++)
        if (g_str_has_prefix(*pair, front))
            return true;
    return false;
}

/* What git is told: nothing of ours that it must not see, no value that ends its line or its quotes. */
static void test_told(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const char text[] =
        "sources:\n- url: 'https://h.example:8443/'\n  user: 'b\"o\\t'\n  tokenEnv: MUSTER_TEST_TOKEN\n"
        "  caFile: \"/c\\n[core]\\nsshCommand=id\"\n  sshKey: \"/k'; id; '\"\n";
    g_setenv("MUSTER_TEST_TOKEN", "s3cret", TRUE);
    g_setenv("GIT_DIR", "/elsewhere", TRUE);
    g_setenv("GIT_SSL_NO_VERIFY", "1", TRUE);
    g_assert_true(load(fixture, "git+https://h.example:8443/x.git", text));
    g_autofree char *config = repo_config_text(fixture->location, fixture->settings, "/mirror");
    g_assert_nonnull(strstr(config, "[credential \"https://h.example:8443\"]\n"));
    g_assert_nonnull(strstr(config, "\tusername = \"b\\\"o\\\\t\"\n"));
    g_assert_nonnull(strstr(config, "\tsslCAInfo = \"/c [core] sshCommand=id\"\n"));
    g_assert_nonnull(strstr(config, "[protocol]\n\tallow = never\n[protocol \"https\"]\n\tallow = always\n"));
    g_assert_null(strstr(config, "s3cret"));
    g_auto(GStrv) environment =
        repo_config_environment(fixture->location, fixture->settings, "/config", NULL);
    g_assert_true(g_strv_contains((const char *const *)environment, "GIT_CONFIG_GLOBAL=/config"));
    g_assert_true(g_strv_contains((const char *const *)environment, "GIT_CONFIG_NOSYSTEM=1"));
    g_assert_true(g_strv_contains((const char *const *)environment, "GIT_TERMINAL_PROMPT=0"));
    g_assert_true(g_strv_contains((const char *const *)environment, "GIT_ALLOW_PROTOCOL=https"));
    g_assert_true(g_strv_contains((const char *const *)environment, "MUSTER_GIT_TOKEN=s3cret"));
    g_assert_false(has_variable(environment, "GIT_DIR"));
    g_assert_false(has_variable(environment, "GIT_SSL_NO_VERIFY"));
    g_assert_false(has_variable(environment, "MUSTER_TEST_TOKEN"));
    for (char **pair = environment; *pair; pair++)
        if (g_str_has_prefix(*pair, "GIT_SSH_COMMAND="))
            g_assert_true(g_str_has_suffix(*pair, " -i '/k'\\''; id; '\\'''"));
    g_unsetenv("MUSTER_TEST_TOKEN");
    g_assert_null(repo_config_environment(fixture->location, fixture->settings, "/config", &fixture->error));
    g_assert_nonnull(strstr(fixture->error->message, "MUSTER_TEST_TOKEN"));
    g_unsetenv("GIT_DIR");
    g_unsetenv("GIT_SSL_NO_VERIFY");
}

/* ---- what webhooks are signed with ---- */

#define SECRET "0123456789abcdef"

static char *secrets_of(Fixture *fixture, const char *file, const char *webhook)
{
    g_autofree char *path = g_build_filename(fixture->state, "secret", NULL);
    g_autofree char *text = g_strdup_printf("sources:\n- {url: 'https://h.example/', webhook: {%s%s}}\n",
                                            webhook, g_str_has_suffix(webhook, ": ") ? path : "");
    if (file)
        tree_write(fixture->state, "secret", file);
    g_assert_true(load(fixture, "git+https://h.example/x.git", text));
    g_auto(GStrv) secrets = webhook_secrets_read(fixture->settings, &fixture->error);
    g_assert_true((secrets == NULL) == (fixture->error != NULL));
    return secrets ? g_strjoinv("|", secrets) : NULL;
}

static void assert_secrets(Fixture *fixture, const char *file, const char *webhook, const char *expected)
{
    g_autofree char *found = secrets_of(fixture, file, webhook);
    g_assert_no_error(fixture->error);
    g_assert_cmpstr(found, ==, expected);
}

static void assert_no_secret(Fixture *fixture, const char *file, const char *webhook, const char *why)
{
    g_autofree char *found = secrets_of(fixture, file, webhook);
    g_assert_null(found);
    g_assert_nonnull(strstr(fixture->error->message, why));
    g_assert_null(strstr(fixture->error->message, "0123"));
}

static void test_secrets(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *large = g_strnfill(WEBHOOK_SECRET_MAX + 1, 'x'), *huge = g_strnfill(10000, '\n');
    assert_secrets(fixture, SECRET "\n", "secretFile: ", SECRET);
    assert_secrets(fixture, SECRET, "secretFile: ", SECRET);
    assert_secrets(fixture, "\n" SECRET " \r\n\r\n" SECRET "7\n", "secretFile: ", SECRET " |" SECRET "7");
    assert_no_secret(fixture, "\n\n", "secretFile: ", "no secret is in it");
    assert_no_secret(fixture, SECRET "\n0123456789abcde\n", "secretFile: ", "16 to 1024 characters");
    assert_no_secret(fixture, large, "secretFile: ", "16 to 1024 characters");
    assert_no_secret(fixture, huge, "secretFile: ", "secret");
    assert_no_secret(fixture, SECRET "\n" SECRET "\n" SECRET "\n" SECRET "\n" SECRET,
                     "secretFile: ", "more than four");
    assert_no_secret(fixture, NULL, "secretFile: /nowhere/at/all",
                     "/nowhere/at/all (webhook in sources.yaml)");
    g_setenv("MUSTER_TEST_SECRET", SECRET, TRUE);
    assert_secrets(fixture, NULL, "secretEnv: MUSTER_TEST_SECRET", SECRET);
    g_unsetenv("MUSTER_TEST_SECRET");
    assert_no_secret(fixture, NULL, "secretEnv: MUSTER_TEST_SECRET", "MUSTER_TEST_SECRET");
    g_assert_false(
        load(fixture, "git+https://h.example/x.git",
             "sources:\n- {url: 'https://h.example/', webhook: {secretFile: /a, secretEnv: B}}\n"));
    g_assert_false(load(fixture, "git+https://h.example/x.git",
                        "sources:\n- {url: 'https://h.example/', webhook: {}}\n"));
    g_assert_true(load(fixture, "git+https://h.example/x.git", "sources:\n- {url: 'https://h.example/'}\n"));
    g_assert_null(webhook_secrets_read(fixture->settings, &fixture->error));
    g_assert_nonnull(strstr(fixture->error->message, "set webhook for its url"));
}

/* verify holds below its url, whatever a longer one says of other things. */
static void test_verify(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const char text[] =
        "sources:\n"
        "- {url: 'https://h.example/team/', interval: 5s}\n"
        "- {url: 'https://h.example/', verify: {allowedSigners: /a, revokedKeys: /r, principals: [p, q]}}\n"
        "- {url: 'https://h.example/open/', verify: none}\n"
        "- {url: 'https://h.example/open/not', verify: {openpgpKeys: /k, what: tag}, interval: 7s}\n"
        "- {url: 'https://h.example/keys', verify: {openpgpKeys: [/k, /l], what: commit}}\n";
    g_assert_true(load(fixture, "git+https://h.example/team/x.git", text));
    const RepoVerify *verify = fixture->settings->verify;
    g_assert_cmpint(fixture->settings->interval_ms, ==, 5000);
    g_assert_nonnull(verify);
    g_assert_cmpstr(verify->allowed_signers, ==, "/a");
    g_assert_cmpstr(verify->revoked_keys, ==, "/r");
    g_assert_cmpuint(g_strv_length(verify->principals), ==, 2);
    g_assert_cmpstr(verify->principals[1], ==, "q");
    g_assert_null(verify->openpgp_keys);
    g_assert_false(verify->wants_tag);
    g_assert_true(load(fixture, "git+https://h.example/open/x.git", NULL));
    g_assert_null(fixture->settings->verify);
    g_assert_true(load(fixture, "git+https://h.example/open/not/x.git", NULL));
    g_assert_cmpint(fixture->settings->interval_ms, ==, 7000);
    g_assert_cmpstr(fixture->settings->verify->openpgp_keys[0], ==, "/k");
    g_assert_null(fixture->settings->verify->openpgp_keys[1]);
    g_assert_true(fixture->settings->verify->wants_tag);
    g_assert_true(load(fixture, "git+https://h.example/keys/x.git", NULL));
    g_assert_cmpstr(fixture->settings->verify->openpgp_keys[1], ==, "/l");
    g_assert_true(load(fixture, "git+https://other.example/x.git", NULL));
    g_assert_null(fixture->settings->verify);
}

static void test_verify_refused(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const char *const cases[][2] = {
        {"{what: tag}", "needs allowedSigners"},
        {"{allowedSigners: a}", "absolute path"},
        {"{openpgpKeys: [k]}", "absolute path"},
        {"{openpgpKeys: []}", "sources.yaml:1:"},
        {"{allowedSigners: /a, what: all}", "what"},
        {"{allowedSigners: /a, principals: []}", "sources.yaml:1:"},
        {"maybe", "none"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text =
            g_strdup_printf("sources: [{url: 'https://h.example/', verify: %s}]\n", cases[i][0]);
        g_assert_false(load(fixture, "git+https://h.example/x.git", text));
        if (!strstr(fixture->error->message, cases[i][1]))
            g_error("%s: %s", cases[i][0], fixture->error->message);
    }
}

#define TEST(name, function) g_test_add("/source/settings/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("defaults", test_defaults);
    TEST("longest", test_longest);
    TEST("refused", test_refused);
    TEST("unencrypted", test_unencrypted);
    TEST("told", test_told);
    TEST("secrets", test_secrets);
    TEST("verify", test_verify);
    TEST("verify-refused", test_verify_refused);
    return g_test_run();
}
