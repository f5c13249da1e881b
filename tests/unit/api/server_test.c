/* server_test.c: the HTTP server over a Unix socket against a real client: hostile bodies, oversize, calls
 * held back, clients that leave. */
#include <curl/curl.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reconciler/api/server.h"

typedef struct {
    char *dir, *socket;
    GMainContext *context;
    GMainLoop *loop;
    GThread *thread;
    Server *server;
    GPtrArray *held; /* of Call*: "wait" is not answered until released */
    GMutex mutex;
    GCond changed;
    guint held_len;
} Fixture;

static void take(Call *call, void *data)
{
    Fixture *fixture = data;
    if (strcmp(call->operation->name, "wait") != 0) {
        call_done(call, call->operation->lines
                            ? json_pack("{s:I}", "bytes", (json_int_t)g_bytes_get_size(call->body))
                            : json_incref(call->request));
        call->answer(call);
        return;
    }
    g_ptr_array_add(fixture->held, call);
    g_mutex_lock(&fixture->mutex);
    fixture->held_len = fixture->held->len;
    g_cond_broadcast(&fixture->changed);
    g_mutex_unlock(&fixture->mutex);
}

static gboolean release(gpointer data)
{
    Fixture *fixture = data;
    for (guint i = 0; i < fixture->held->len; i++) {
        Call *call = fixture->held->pdata[i];
        call_done(call, json_pack("{s:b}", "done", 1));
        call->answer(call);
    }
    g_ptr_array_set_size(fixture->held, 0);
    return G_SOURCE_REMOVE;
}

static void in_loop(Fixture *fixture, GSourceFunc func)
{
    g_autoptr(GSource) source = g_idle_source_new();
    g_source_set_callback(source, func, fixture, NULL);
    g_source_attach(source, fixture->context);
}

static gpointer serve(gpointer data)
{
    Fixture *fixture = data;
    GError *error = NULL;
    g_main_context_push_thread_default(fixture->context);
    fixture->server = server_new(fixture->dir, take, fixture, &error);
    g_assert_no_error(error);
    g_mutex_lock(&fixture->mutex);
    g_cond_broadcast(&fixture->changed);
    g_mutex_unlock(&fixture->mutex);
    g_main_loop_run(fixture->loop);
    release(fixture);
    server_free(fixture->server);
    g_main_context_pop_thread_default(fixture->context);
    return NULL;
}

static void setup(Fixture *fixture, gconstpointer data)
{
    fixture->dir = g_dir_make_tmp("muster-server-XXXXXX", NULL);
    if (data) { /* deeper than sun_path holds */
        g_autofree char *base = g_steal_pointer(&fixture->dir);
        fixture->dir = g_build_filename(base, "a-directory-with-a-name-of-some-length",
                                        "another-directory-with-a-name-of-some-length",
                                        "and-a-third-so-that-108-bytes-are-not-enough", NULL);
        g_assert_cmpint(g_mkdir_with_parents(fixture->dir, 0700), ==, 0);
    }
    fixture->socket = g_build_filename(fixture->dir, SERVER_SOCKET, NULL);
    fixture->context = g_main_context_new();
    fixture->loop = g_main_loop_new(fixture->context, FALSE);
    fixture->held = g_ptr_array_new();
    g_mutex_init(&fixture->mutex);
    g_cond_init(&fixture->changed);
    g_mutex_lock(&fixture->mutex);
    fixture->thread = g_thread_new("server", serve, fixture);
    while (!fixture->server)
        g_cond_wait(&fixture->changed, &fixture->mutex);
    g_mutex_unlock(&fixture->mutex);
}

static gboolean quit(gpointer data)
{
    g_main_loop_quit(((Fixture *)data)->loop);
    return G_SOURCE_REMOVE;
}

static void teardown(Fixture *fixture, gconstpointer data)
{
    (void)data;
    in_loop(fixture, quit);
    g_thread_join(fixture->thread);
    g_assert_false(g_file_test(fixture->socket, G_FILE_TEST_EXISTS));
    g_main_loop_unref(fixture->loop);
    g_main_context_unref(fixture->context);
    g_ptr_array_unref(fixture->held);
    g_rmdir(fixture->dir);
    g_free(fixture->socket);
    g_free(fixture->dir);
}

static size_t append(char *bytes, size_t size, size_t count, void *out)
{
    g_string_append_len(out, bytes, (gssize)(size * count));
    return size * count;
}

typedef struct {
    const char *path, *body;
    size_t len;
    const char *method; /* NULL: POST */
    long timeout_ms;    /* 0: none */
    bool chunked;
} Ask;

/* The status; 0: no answer. */
static long ask(const Fixture *fixture, const Ask *what, GString *out)
{
    long status = 0;
    CURL *curl = curl_easy_init();
    g_autofree char *url = g_strdup_printf("http://muster%s", what->path);
    int dir_fd = open(fixture->dir, O_PATH | O_DIRECTORY);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", dir_fd, SERVER_SOCKET);
    struct curl_slist *headers = what->chunked ? curl_slist_append(NULL, "Transfer-Encoding: chunked") : NULL;
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, what->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)what->len);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, what->body);
    if (what->method)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, what->method);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    close(dir_fd);
    return status;
}

static void expect(const Fixture *fixture, const Ask *what, long status, const char *part)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_assert_cmpint(ask(fixture, what, out), ==, status);
    if (!strstr(out->str, part))
        g_error("\"%s\" is not in: %s", part, out->str);
}

static void expect_body(const Fixture *fixture, const char *path, const char *body, long status,
                        const char *part)
{
    expect(fixture, &(Ask){.path = path, .body = body, .len = strlen(body)}, status, part);
}

static void test_answers(Fixture *fixture, gconstpointer data)
{
    struct stat info;
    (void)data;
    expect_body(fixture, "/muster/v1/status", "{\"a\":1}", 200, "{\"a\":1}");
    expect_body(fixture, "/muster/v1/status", "", 200, "{}");
    g_assert_cmpint(lstat(fixture->socket, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0600);
}

static void test_faults(Fixture *fixture, gconstpointer data)
{
    (void)data;
    expect_body(fixture, "/muster/v1/nothing", "{}", 404, "not-found");
    expect_body(fixture, "/", "{}", 404, "not-found");
    expect_body(fixture, "/v1/status", "{}", 404, "not-found");
    expect(fixture, &(Ask){.path = "/muster/v1/status", .body = "", .method = "GET"}, 405, "POST");
    expect_body(fixture, "/muster/v1/status", "{", 400, "\"exit\":1");
    expect_body(fixture, "/muster/v1/status", "[]", 400, "must be a JSON object");
    expect_body(fixture, "/v1/submitjob", "{\"a\":1,\"a\":2}", 400, "{\"message\":");
    expect_body(fixture, "/muster/v1/status", "\xff\xfe", 400, "not JSON");
    g_autoptr(GString) deep = g_string_new("{\"a\":");
    for (int i = 0; i < 1000; i++)
        g_string_append_c(deep, '[');
    for (int i = 0; i < 1000; i++)
        g_string_append_c(deep, ']');
    g_string_append_c(deep, '}');
    expect_body(fixture, "/muster/v1/status", deep->str, 400, "too deeply");
}

/* Both where the length is announced and where it is not; the server is well afterwards. */
static void test_oversize(Fixture *fixture, gconstpointer data)
{
    (void)data;
    size_t len = BODY_BYTES_MAX + 1;
    g_autofree char *body = g_malloc(len);
    memset(body, ' ', len);
    expect(fixture, &(Ask){.path = "/muster/v1/status", .body = body, .len = len}, 413, "too large");
    expect(fixture, &(Ask){.path = "/muster/v1/status", .body = body, .len = len, .chunked = true}, 413,
           "too large");
    expect(fixture, &(Ask){.path = "/muster/v1/bulk", .body = body, .len = len}, 200, "{\"bytes\":1048577}");
    expect_body(fixture, "/muster/v1/status", "{}", 200, "{}");
}

typedef struct {
    const Fixture *fixture;
    long timeout_ms, status;
} Poller;

static gpointer poll_once(gpointer data)
{
    Poller *poller = data;
    g_autoptr(GString) out = g_string_new(NULL);
    poller->status =
        ask(poller->fixture,
            &(Ask){.path = "/muster/v1/wait", .body = "{}", .len = 2, .timeout_ms = poller->timeout_ms}, out);
    return NULL;
}

static void wait_held(Fixture *fixture, guint len)
{
    g_mutex_lock(&fixture->mutex);
    while (fixture->held_len < len)
        g_cond_wait(&fixture->changed, &fixture->mutex);
    g_mutex_unlock(&fixture->mutex);
}

#define POLLERS 32

static void test_long_polls(Fixture *fixture, gconstpointer data)
{
    GThread *threads[POLLERS];
    Poller pollers[POLLERS];
    (void)data;
    for (int i = 0; i < POLLERS; i++) {
        pollers[i] = (Poller){.fixture = fixture};
        threads[i] = g_thread_new("poll", poll_once, &pollers[i]);
    }
    wait_held(fixture, POLLERS);
    expect_body(fixture, "/muster/v1/status", "{}", 200, "{}"); /* others are served meanwhile */
    in_loop(fixture, release);
    for (int i = 0; i < POLLERS; i++) {
        g_thread_join(threads[i]);
        g_assert_cmpint(pollers[i].status, ==, 200);
    }
}

/* A client that has left is answered into the void. */
static void test_client_gone(Fixture *fixture, gconstpointer data)
{
    (void)data;
    Poller poller = {.fixture = fixture, .timeout_ms = 50};
    poll_once(&poller);
    g_assert_cmpint(poller.status, ==, 0);
    wait_held(fixture, 1);
    in_loop(fixture, release);
    expect_body(fixture, "/muster/v1/status", "{}", 200, "{}");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_test_add("/server/answers", Fixture, NULL, setup, test_answers, teardown);
    g_test_add("/server/deep-directory", Fixture, "deep", setup, test_answers, teardown);
    g_test_add("/server/faults", Fixture, NULL, setup, test_faults, teardown);
    g_test_add("/server/oversize", Fixture, NULL, setup, test_oversize, teardown);
    g_test_add("/server/long-polls", Fixture, NULL, setup, test_long_polls, teardown);
    g_test_add("/server/client-gone", Fixture, NULL, setup, test_client_gone, teardown);
    return g_test_run();
}
