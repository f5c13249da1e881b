#include "reconciler/provider/docker/docker_auth.h"
#include <glib/gstdio.h>
#include <string.h>
#include "reconciler/provider/docker/docker_config.h"

typedef struct {
    char *dir, *config;
    GMainLoop *loop;
    int told;
    char *header, *error;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->dir = g_dir_make_tmp("muster-auth-XXXXXX", NULL);
    fixture->config = g_build_filename(fixture->dir, "config.json", NULL);
    fixture->loop = g_main_loop_new(NULL, FALSE);
    g_autofree char *path = g_strconcat(fixture->dir, ":/usr/bin:/bin", NULL);
    g_setenv("PATH", path, TRUE);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GDir) dir = g_dir_open(fixture->dir, 0, NULL);
    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir)) {
        g_autofree char *path = g_build_filename(fixture->dir, name, NULL);
        g_unlink(path);
    }
    g_rmdir(fixture->dir);
    g_main_loop_unref(fixture->loop);
    g_free(fixture->dir);
    g_free(fixture->config);
    g_free(fixture->header);
    g_free(fixture->error);
}

static const char *variable(const char *name, void *data)
{
    const Fixture *fixture = data;
    return strcmp(name, "DOCKER_CONFIG") == 0 ? fixture->dir : NULL;
}

static void take(const char *header, const GError *error, void *data)
{
    Fixture *fixture = data;
    fixture->told++;
    fixture->header = g_strdup(header);
    fixture->error = error ? g_strdup(error->message) : NULL;
    g_main_loop_quit(fixture->loop);
}

/* What the header holds, and no character that base64url has not. */
static void check_header(const char *header, const char *expected)
{
    gsize len;
    g_assert_null(strpbrk(header, "+/"));
    g_autofree char *plain = g_strdelimit(g_strdelimit(g_strdup(header), "-", '+'), "_", '/');
    g_autofree guchar *bytes = g_base64_decode(plain, &len);
    g_autofree char *text = g_strndup((char *)bytes, len), *want = g_strdelimit(g_strdup(expected), "'", '"');
    g_assert_cmpstr(text, ==, want);
}

/* Single quotes stand for double ones in config; expected, why: NULL: none. */
static void ask(Fixture *fixture, const char *config, const char *registry, const char *expected,
                const char *why)
{
    g_autofree char *json = config ? g_strdelimit(g_strdup(config), "'", '"') : NULL;
    if (json)
        g_assert_true(g_file_set_contents(fixture->config, json, -1, NULL));
    fixture->told = 0;
    g_clear_pointer(&fixture->header, g_free);
    g_clear_pointer(&fixture->error, g_free);
    DockerAuthQuestion *question = docker_auth_ask(NULL, variable, fixture, registry, take, fixture);
    g_assert_nonnull(question);
    g_assert_cmpint(fixture->told, ==, 0);
    g_main_loop_run(fixture->loop);
    docker_auth_question_free(question);
    g_assert_cmpint(fixture->told, ==, 1);
    g_assert_cmpint(fixture->header != NULL, ==, expected != NULL);
    if (expected)
        check_header(fixture->header, expected);
    g_assert_cmpint(fixture->error != NULL, ==, why != NULL);
    if (why && !strstr(fixture->error, why))
        g_error("%s\nexpected %s", fixture->error, why);
    g_assert_true(!fixture->error || !strstr(fixture->error, "hunter2"));
}

/* bm9ib2R5Omh1bnRlcjI6eA== is nobody:hunter2:x */
#define PAIR "'auth': 'bm9ib2R5Omh1bnRlcjI6eA=='"
#define HUB  "https://index.docker.io/v1/"

static void test_file(Fixture *fixture, gconstpointer data)
{
    static const char ghcr[] = "{'password':'hunter2:x','serveraddress':'ghcr.io','username':'nobody'}",
                      hub[] = "{'password':'hunter2:x','serveraddress':'" HUB "','username':'nobody'}";
    (void)data;
    ask(fixture, NULL, "ghcr.io", NULL, NULL);
    ask(fixture, "{'auths': {'ghcr.io': {" PAIR "}}}", "ghcr.io", ghcr, NULL);
    ask(fixture, "{'auths': {'ghcr.io': {" PAIR "}}}", "quay.io", NULL, NULL);
    ask(fixture, "{'auths': {'ghcr.io': {" PAIR "}}}", "docker.io", NULL, NULL);
    ask(fixture, "{'auths': {'https://ghcr.io/v2/': {" PAIR "}}}", "ghcr.io", ghcr, NULL);
    ask(fixture, "{'auths': {'" HUB "': {" PAIR "}}}", "docker.io", hub, NULL);
    ask(fixture, "{'auths': {'docker.io': {" PAIR "}}}", "docker.io", hub, NULL);
    ask(fixture, "{'auths': {'https://index.docker.io/v1/access-token': {" PAIR "}}}", "docker.io", hub,
        NULL);
    ask(fixture, "{'auths': {'ghcr.io.evil.org': {" PAIR "}}}", "ghcr.io", NULL, NULL);
    ask(fixture, "{'auths': {'localhost:5000': {'username': 'u', 'password': 'hunter2'}}}", "localhost:5000",
        "{'password':'hunter2','serveraddress':'localhost:5000','username':'u'}", NULL);
    ask(fixture, "{'auths': {'ghcr.io': {'identitytoken': 'hunter2', " PAIR "}}}", "ghcr.io",
        "{'identitytoken':'hunter2','serveraddress':'ghcr.io'}", NULL);
    ask(fixture, "{'auths': {'ghcr.io': {'registrytoken': 'hunter2'}}}", "ghcr.io",
        "{'registrytoken':'hunter2','serveraddress':'ghcr.io'}", NULL);
    /* gives both characters that base64url has in place of others */
    ask(fixture, "{'auths': {'ghcr.io': {'username': 'u', 'password': '\xc3\xbf\xc3\xbf\xc3\xbf>>>?'}}}",
        "ghcr.io", "{'password':'\xc3\xbf\xc3\xbf\xc3\xbf>>>?','serveraddress':'ghcr.io','username':'u'}",
        NULL);
}

static void test_bad_file(Fixture *fixture, gconstpointer data)
{
    g_autofree char *large = g_strdup_printf("{'x': '%01048576d'}", 0);
    (void)data;
    ask(fixture, "{'auths': {", "ghcr.io", NULL, "config.json: line 1: it is no JSON object");
    ask(fixture, "[]", "ghcr.io", NULL, "it is no JSON object");
    ask(fixture, large, "ghcr.io", NULL, "at most 1 MiB");
    ask(fixture, "{'auths': {'ghcr.io': {'auth': 'aHVudGVyMg=='}}}", "ghcr.io", NULL,
        "credentials of ghcr.io: \"auth\" is no base64 of USER:PASSWORD");
    ask(fixture, "{'credsStore': '../x', 'auths': {'ghcr.io': {" PAIR "}}}", "ghcr.io",
        "{'password':'hunter2:x','serveraddress':'ghcr.io','username':'nobody'}",
        "the name of its credential helper is none");
}

static void write_helper(const Fixture *fixture, const char *name, const char *script)
{
    g_autofree char *file = g_strconcat("docker-credential-", name, NULL),
                    *path = g_build_filename(fixture->dir, file, NULL),
                    *text = g_strconcat("#!/bin/sh\n", script, "\n", NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_cmpint(g_chmod(path, 0755), ==, 0);
}

static void test_helper(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_helper(fixture, "echoes",
                 "read -r server; printf '{\"ServerURL\": \"x\", \"Username\": \"%s\", \"Secret\": \"%s\"}' "
                 "\"$server\" \"$1\"");
    write_helper(fixture, "tokens", "echo '{\"Username\": \"<token>\", \"Secret\": \"hunter2\"}'");
    write_helper(fixture, "forgets", "echo credentials not found in native keychain; exit 1");
    write_helper(fixture, "breaks", "echo hunter2; echo hunter2 >&2; exit 2");
    write_helper(fixture, "babbles", "echo '{\"Secret\": \"hunter2\"'");
    write_helper(fixture, "floods", "head -c 70000 /dev/zero");
    ask(fixture, "{'credsStore': 'echoes'}", "ghcr.io",
        "{'password':'get','serveraddress':'ghcr.io','username':'ghcr.io'}", NULL);
    ask(fixture, "{'credsStore': 'echoes'}", "docker.io",
        "{'password':'get','serveraddress':'" HUB "','username':'" HUB "'}", NULL);
    ask(fixture, "{'credsStore': 'breaks', 'credHelpers': {'ghcr.io': 'tokens'}}", "ghcr.io",
        "{'identitytoken':'hunter2','serveraddress':'ghcr.io'}", NULL);
    ask(fixture, "{'credsStore': 'breaks', 'credHelpers': {'" HUB "': 'tokens'}}", "docker.io",
        "{'identitytoken':'hunter2','serveraddress':'" HUB "'}", NULL);
    ask(fixture, "{'credsStore': 'forgets', 'auths': {'ghcr.io': {}}}", "ghcr.io", NULL, NULL);
    ask(fixture, "{'credsStore': 'forgets', 'auths': {'ghcr.io': {'registrytoken': 't'}}}", "ghcr.io",
        "{'registrytoken':'t','serveraddress':'ghcr.io'}", NULL);
    ask(fixture, "{'credsStore': 'breaks'}", "ghcr.io", NULL,
        "credentials of ghcr.io: docker-credential-breaks: it ended with 2");
    ask(fixture, "{'credsStore': 'babbles'}", "ghcr.io", NULL, "printed no Username and Secret");
    ask(fixture, "{'credsStore': 'floods'}", "ghcr.io", NULL, "it printed more than 64 KiB");
    ask(fixture, "{'credsStore': 'gone'}", "ghcr.io", NULL,
        "credentials of ghcr.io: docker-credential-gone: No such file or directory");
}

/* Nothing is told of one that is freed before. */
static void test_freed(Fixture *fixture, gconstpointer data)
{
    (void)data;
    write_helper(fixture, "waits", "sleep 1000");
    g_assert_true(g_file_set_contents(fixture->config, "{\"credsStore\": \"waits\"}", -1, NULL));
    docker_auth_question_free(docker_auth_ask(NULL, variable, fixture, "ghcr.io", take, fixture));
    g_assert_true(g_file_set_contents(fixture->config, "{}", -1, NULL));
    docker_auth_question_free(docker_auth_ask(NULL, variable, fixture, "ghcr.io", take, fixture));
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_assert_cmpint(fixture->told, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/docker/auth/" name, Fixture, NULL, set_up, func, tear_down)
    ADD("file", test_file);
    ADD("bad-file", test_bad_file);
    ADD("helper", test_helper);
    ADD("freed", test_freed);
    return g_test_run();
}
