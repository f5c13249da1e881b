/* What the engine's answers say, and answers that come in pieces. */
#include <string.h>
#include "reconciler/provider/docker/docker_answer.h"
#include "reconciler/provider/docker/docker_endpoint.h"
#include "reconciler/provider/docker/docker_gpus.h"
#include "reconciler/provider/docker/docker_stream.h"

/* ---- addresses ---- */

typedef struct {
    const char *host, *verify, *cert_path;
    const char *url, *socket, *ca; /* url NULL: refused */
} Address;

static const char *variable(const char *name, void *data)
{
    const Address *address = data;
    return g_str_equal(name, "DOCKER_HOST")         ? address->host
           : g_str_equal(name, "DOCKER_TLS_VERIFY") ? address->verify
           : g_str_equal(name, "DOCKER_CERT_PATH")  ? address->cert_path
           : g_str_equal(name, "HOME")              ? "/home/ann"
                                                    : NULL;
}

static void test_endpoint(void)
{
    static const Address addresses[] = {
        {NULL, NULL, NULL, "http://docker", "/var/run/docker.sock", NULL},
        {"", NULL, NULL, "http://docker", "/var/run/docker.sock", NULL},
        {"unix:///tmp/d.sock", "1", NULL, "http://docker", "/tmp/d.sock", NULL},
        {"tcp://10.0.0.4:2375", NULL, NULL, "http://10.0.0.4:2375", NULL, NULL},
        {"tcp://10.0.0.4", "1", NULL, "https://10.0.0.4:2376", NULL, "/home/ann/.docker/ca.pem"},
        {"tcp://10.0.0.4:99/", "1", "/c", "https://10.0.0.4:99", NULL, "/c/ca.pem"},
        {"tcp://[::1]:2375", NULL, NULL, "http://[::1]:2375", NULL, NULL},
        {"tcp://", NULL, NULL, NULL, NULL, NULL},
        {"ssh://host", NULL, NULL, NULL, NULL, NULL},
        {"10.0.0.4:2375", NULL, NULL, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        const Address *wanted = &addresses[i];
        g_autoptr(GError) error = NULL;
        g_autoptr(DockerEndpoint) endpoint =
            docker_endpoint_parse(variable, (void *)(uintptr_t)wanted, &error);
        g_assert_cmpint(endpoint != NULL, ==, wanted->url != NULL);
        g_assert_cmpint(error != NULL, ==, wanted->url == NULL);
        if (!endpoint)
            continue;
        g_assert_cmpstr(endpoint->url, ==, wanted->url);
        g_assert_cmpstr(endpoint->unix_socket, ==, wanted->socket);
        g_assert_cmpstr(endpoint->ca, ==, wanted->ca);
    }
}

/* ---- answers ---- */

static void test_state(void)
{
    static const struct {
        const char *state;
        DockerPhase phase;
        int exit_code;
        bool is_oom;
        int64_t started_ms;
    } states[] = {
        {"{'Status':'created','StartedAt':'0001-01-01T00:00:00Z','ExitCode':127,'Error':'no such file'}",
         DOCKER_CREATED, 127, false, 0},
        {"{'Status':'running','StartedAt':'2026-11-27T02:43:36.870184638Z'}", DOCKER_RUNNING, 0, false,
         1795747416870},
        {"{'Status':'exited','StartedAt':'2026-11-27T03:43:36.5+01:00','ExitCode':137,'OOMKilled':true}",
         DOCKER_ENDED, 137, true, 1795747416500},
        {"{'Status':'dead'}", DOCKER_GOING, 0, false, 0},
        {"{'Status':'stopped','ExitCode':3}", DOCKER_ENDED, 3, false, 0}, /* Podman's word */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autofree char *text = g_strdup_printf("{'State':%s}", states[i].state);
        g_strdelimit(text, "'", '"');
        json_t *inspected = json_loads(text, 0, NULL);
        DockerState state;
        g_assert_true(docker_state_read(inspected, &state));
        g_assert_cmpint(state.phase, ==, states[i].phase);
        g_assert_cmpint(state.exit_code, ==, states[i].exit_code);
        g_assert_cmpint(state.is_oom, ==, states[i].is_oom);
        g_assert_cmpint(state.started_ms, ==, states[i].started_ms);
        json_decref(inspected);
    }
    json_t *none = json_pack("{s:s}", "message", "No such container: x");
    DockerState state;
    g_assert_false(docker_state_read(none, &state));
    json_decref(none);
}

static void test_version(void)
{
    static const struct {
        const char *newest, *oldest, *picked;
    } versions[] = {{"1.41", "1.12", "1.41"}, {"1.52", "1.44", "1.44"}, {"1.47", "1.24", "1.41"},
                    {"1.38", "1.12", "1.38"}, {"1.24", "1.12", NULL},   {"4.3.1", NULL, NULL}};
    for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
        json_t *version =
            json_pack("{s:s,s:s?}", "ApiVersion", versions[i].newest, "MinAPIVersion", versions[i].oldest);
        g_autofree char *picked = docker_version_pick(version);
        g_assert_cmpstr(picked, ==, versions[i].picked);
        json_decref(version);
    }
}

static void test_message(void)
{
    static const struct {
        const char *body, *message;
    } bodies[] = {{"{\"message\":\"No such image: x:1\\n\"}", "No such image: x:1"},
                  {"404 page not found\n", "404 page not found"},
                  {"", ""},
                  {"{\"message\":7}", "{\"message\":7}"}};
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        g_autofree char *message = docker_message(view_from(bodies[i].body));
        g_assert_cmpstr(message, ==, bodies[i].message);
    }
}

/* ---- pieces ---- */

static void add(View text, void *data)
{
    GString *out = data;
    g_string_append_len(out, text.data, (gssize)text.len);
    g_string_append_c(out, '|');
}

static void test_lines(void)
{
    static const char text[] = "{\"a\":1}\n\n{\"b\":2}\r\n{\"c\":3}\nrest";
    for (size_t step = 1; step <= sizeof text; step++) {
        DockerLines lines = {0};
        g_autoptr(GString) out = g_string_new(NULL);
        for (size_t at = 0; at < sizeof text - 1; at += step)
            g_assert_true(
                docker_lines_take(&lines, (View){text + at, MIN(step, sizeof text - 1 - at)}, add, out));
        g_assert_cmpstr(out->str, ==, "{\"a\":1}|{\"b\":2}\r|{\"c\":3}|");
        docker_lines_clear(&lines);
    }
    DockerLines lines = {0};
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *much = g_strnfill(DOCKER_LINE_MAX, 'x');
    g_assert_true(docker_lines_take(&lines, (View){much, DOCKER_LINE_MAX}, add, out));
    g_assert_false(docker_lines_take(&lines, (View){much, 1}, add, out));
    docker_lines_clear(&lines);
}

static void keep(View text, void *data)
{
    g_string_append_len(data, text.data, (gssize)text.len);
}

static void test_frames(void)
{
    static const char frames[] = "\1\0\0\0\0\0\0\3one\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\5 two\n\1\0\0\0\0\0\0\1x";
    for (size_t step = 1; step <= sizeof frames; step++) {
        DockerFrames state = {0};
        g_autoptr(GString) out = g_string_new(NULL);
        for (size_t at = 0; at < sizeof frames - 1; at += step)
            g_assert_true(docker_frames_take(&state, (View){frames + at, MIN(step, sizeof frames - 1 - at)},
                                             keep, out));
        g_assert_cmpstr(out->str, ==, "one two\nx");
    }
    DockerFrames state = {0};
    g_autoptr(GString) out = g_string_new(NULL);
    g_assert_false(docker_frames_take(&state, view_from("plain text"), keep, out));
}

/* ---- GPUs ---- */

static void test_gpus(void)
{
    static const struct {
        uint64_t taken;
        int wanted;
        const char *text;
    } picks[] = {{0, 0, ""}, {0, 2, "0 1"}, {0x5, 2, "1 3"}, {~(uint64_t)0 >> 1, 1, "63"}};
    for (size_t i = 0; i < G_N_ELEMENTS(picks); i++) {
        uint64_t picked = docker_gpus_pick(picks[i].taken, picks[i].wanted);
        g_autofree char *text = docker_gpus_text(picked);
        g_assert_cmpstr(text, ==, picks[i].text);
        g_assert_cmpuint(docker_gpus_parse(text), ==, picked);
    }
    g_assert_cmpuint(docker_gpus_parse("1 64 x -1 2"), ==, 0x6);
    g_assert_cmpuint(docker_gpus_parse(NULL), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/docker-answer/endpoint", test_endpoint);
    g_test_add_func("/docker-answer/state", test_state);
    g_test_add_func("/docker-answer/version", test_version);
    g_test_add_func("/docker-answer/message", test_message);
    g_test_add_func("/docker-answer/lines", test_lines);
    g_test_add_func("/docker-answer/frames", test_frames);
    g_test_add_func("/docker-answer/gpus", test_gpus);
    return g_test_run();
}
