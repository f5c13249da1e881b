/* aws_double.h: the double of AWS (tests/support/aws) as a process of a test, and calls to it that wait for
 * their answer. */
#pragma once
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "reconciler/provider/aws/aws_client.h"

#define DOUBLE_KEY_ID "AKIDEXAMPLE"
#define DOUBLE_SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

typedef struct {
    GPid pid;
    char *url, *control_url;
    GMainContext *context;
    HttpClient *http;
    AwsCredentialsSource *source;
} AwsDouble;

/* It ends with us, also when a check fails. */
static inline void double_ends_with_us(void *data)
{
    (void)data;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* The first that has botocore; NULL: none. */
static inline const char *double_python(void)
{
    static const char *const pythons[] = {"python3", "/usr/bin/python3"};
    for (size_t i = 0; i < G_N_ELEMENTS(pythons); i++) {
        const char *argv[] = {pythons[i], "-c", "import botocore", NULL};
        int status;
        if (g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL,
                         G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL, &status,
                         NULL) &&
            status == 0)
            return pythons[i];
    }
    return NULL;
}

/* NULL: no python with botocore is installed. */
static inline AwsDouble *double_start(void)
{
    const char *python = double_python(), *argv[] = {python, "tests/support/aws/double.py", NULL};
    int said, port = 0, control = 0;
    if (!python)
        return NULL;
    AwsDouble *started = g_new0(AwsDouble, 1);
    g_assert_true(g_spawn_async_with_pipes(
        NULL, (char **)(uintptr_t)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
        double_ends_with_us, NULL, &started->pid, NULL, &said, NULL, NULL));
    FILE *line = fdopen(said, "r");
    char text[128]; /* all of it: who is still writing would find nobody */
    g_assert_nonnull(fgets(text, sizeof text, line));
    g_assert_cmpint(sscanf(text, "listening %d control %d", &port, &control), ==, 2);
    fclose(line);
    g_autoptr(AwsCredentials) credentials =
        aws_credentials_new(DOUBLE_KEY_ID, DOUBLE_SECRET, NULL, 0, "the test");
    started->url = g_strdup_printf("http://127.0.0.1:%d", port);
    started->control_url = g_strdup_printf("http://127.0.0.1:%d", control);
    started->context = g_main_context_new();
    started->http = http_new(started->context, 4);
    started->source = aws_credentials_source_fixed(credentials);
    return started;
}

static inline void double_stop(AwsDouble *stopped)
{
    aws_credentials_source_unref(stopped->source);
    http_free(stopped->http);
    g_main_context_unref(stopped->context);
    kill(stopped->pid, SIGTERM);
    waitpid(stopped->pid, NULL, 0);
    g_free(stopped->url);
    g_free(stopped->control_url);
    g_free(stopped);
}

/* ---- scripting ---- */

typedef struct {
    bool is_done;
    char *body;
} DoubleSaid;

static inline void double_take_said(const HttpAnswer *answer, void *data)
{
    DoubleSaid *said = data;
    said->is_done = true;
    g_assert_cmpint(answer->status, ==, 200);
    said->body = g_strndup(answer->body.data, answer->body.len);
}

/* A new string. */
static inline char *double_script(AwsDouble *scripted, const char *verb, const char *json)
{
    g_autofree char *url = g_strdup_printf("%s/double/%s", scripted->control_url, verb);
    const HttpRequest request = {.method = "POST",
                                 .url = url,
                                 .body = view_from(json),
                                 .connect_ms = 10000,
                                 .timeout_ms = 60000,
                                 .skips_proxy = true};
    DoubleSaid said = {0};
    http_send(scripted->http, &request, double_take_said, &said);
    while (!said.is_done)
        g_main_context_iteration(scripted->context, TRUE);
    return said.body;
}

/* ---- calls ---- */

static inline int64_t double_now_ms(void *self)
{
    (void)self;
    return g_get_real_time() / 1000;
}

static inline int64_t double_steady_ms(void *self)
{
    (void)self;
    return g_get_monotonic_time() / 1000;
}

typedef struct {
    bool is_done;
    AwsAnswer answer;
} DoubleAnswer;

static inline void double_take_answer(const AwsAnswer *answer, void *data)
{
    DoubleAnswer *said = data;
    AwsAnswer *own = (AwsAnswer *)(uintptr_t)answer;
    said->is_done = true;
    said->answer = *own; /* taken over, not copied */
    *own = (AwsAnswer){0};
}

/* What a call comes to; *ret_answer: to be cleared. */
static inline void double_call(AwsDouble *asked, AwsService service, const char *region, const AwsCall *call,
                               AwsAnswer *ret_answer)
{
    const AwsClientConfig config = {.service = service, .region = region, .endpoint = asked->url};
    const AwsTime time = {.now_ms = double_now_ms, .monotonic_ms = double_steady_ms, .seed = 7};
    g_autoptr(GError) error = NULL;
    g_autoptr(AwsClient) client =
        aws_client_new(asked->context, asked->http, asked->source, &config, &time, &error);
    DoubleAnswer said = {0};
    g_assert_no_error(error);
    aws_client_call(client, call, double_take_answer, &said);
    while (!said.is_done)
        g_main_context_iteration(asked->context, TRUE);
    *ret_answer = said.answer;
    if (said.answer.error) {
        g_autofree char *text = aws_error_text(said.answer.error);
        g_test_message("%s in %s: %s", call->action, region, text);
    }
}
