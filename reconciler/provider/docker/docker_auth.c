#include "reconciler/provider/docker/docker_auth.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reconciler/provider/docker/docker_config.h"
#include "reconciler/provider/program/program.h"

#define CONFIG_MAX      ((off_t)1 << 20) /* bytes */
#define HELPER_LIMIT_MS 30000
#define HELPER_MAX      ((gsize)64 << 10)

struct DockerAuthQuestion {
    GMainContext *context;
    char *registry, *helper;
    json_t *config;
    ProgramRun *run; /* NULL: none */
    GSource *soon;   /* tells what is known already; NULL: none */
    char *header;
    GError *error;
    DockerAuthDone done;
    void *data;
};

/* ---- the file ---- */

static char *path_of(DockerLookup variable, void *data)
{
    const char *directory = variable("DOCKER_CONFIG", data), *home = variable("HOME", data);
    if (directory && *directory)
        return g_build_filename(directory, "config.json", NULL);
    return home && *home ? g_build_filename(home, ".docker", "config.json", NULL) : NULL;
}

static json_t *fail(GError **error, const char *path, const char *why)
{
    g_set_error(error, DOCKER_CONFIG_ERROR, DOCKER_CONFIG_ERROR_SYNTAX, "%s: %s", path, why);
    return NULL;
}

static json_t *parse(int fd, const char *path, GError **error)
{
    json_error_t fault;
    json_t *config = json_loadfd(fd, 0, &fault);
    g_autofree char *why = g_strdup_printf("line %d: it is no JSON object", fault.line);
    if (json_is_object(config))
        return config;
    json_decref(config);
    return fail(error, path, why);
}

/* NULL without error: there is none. */
static json_t *read_config(const char *path, GError **error)
{
    struct stat status;
    json_t *config = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return NULL;
    if (fd < 0 || fstat(fd, &status) != 0)
        fail(error, path, g_strerror(errno));
    else if (!S_ISREG(status.st_mode) || status.st_size > CONFIG_MAX)
        fail(error, path, "it is no file of at most 1 MiB");
    else
        config = parse(fd, path, error);
    if (fd >= 0)
        close(fd);
    return config;
}

/* ---- the answer ---- */

static void keep_error(DockerAuthQuestion *question, GError *error)
{
    if (question->error || !error)
        g_clear_error(&error);
    else
        question->error = error;
}

static void tell(DockerAuthQuestion *question)
{
    DockerAuthDone done = question->done;
    question->done = NULL;
    done(question->header, question->error, question->data);
}

static gboolean tell_soon(void *data)
{
    tell(data);
    return G_SOURCE_REMOVE;
}

/* What the file itself holds; a helper that knows nothing leaves it to that. */
static void look_in_file(DockerAuthQuestion *question)
{
    GError *error = NULL;
    question->header = docker_config_auth(question->config, question->registry, &error);
    keep_error(question, error);
}

static void take(View output, const GError *fault, void *data)
{
    DockerAuthQuestion *question = data;
    GError *error = NULL;
    if (!fault)
        question->header = docker_config_auth_of_helper(output, question->registry, &error);
    else if (!g_error_matches(fault, PROGRAM_ERROR, PROGRAM_ERROR_STATUS) ||
             !docker_config_is_unknown(output))
        error = g_error_new(DOCKER_CONFIG_ERROR, DOCKER_CONFIG_ERROR_SYNTAX, "credentials of %s: %s%s%s",
                            question->registry,
                            g_str_has_prefix(fault->message, question->helper) ? "" : question->helper,
                            g_str_has_prefix(fault->message, question->helper) ? "" : ": ", fault->message);
    keep_error(question, error);
    if (!question->header)
        look_in_file(question);
    tell(question);
}

/* ---- the question ---- */

static void ask_helper(DockerAuthQuestion *question)
{
    const char *const arguments[] = {question->helper, "get", NULL};
    g_autofree char *input = g_strconcat(docker_config_server(question->registry), "\n", NULL);
    const ProgramCall call = {.arguments = arguments,
                              .input = input,
                              .limit_ms = HELPER_LIMIT_MS,
                              .output_max = HELPER_MAX,
                              .is_apart = TRUE};
    question->run = program_run(question->context, &call, take, question);
}

DockerAuthQuestion *docker_auth_ask(GMainContext *context, DockerLookup variable, void *variable_data,
                                    const char *registry, DockerAuthDone done, void *data)
{
    DockerAuthQuestion *question = g_new0(DockerAuthQuestion, 1);
    g_autofree char *path = path_of(variable, variable_data);
    GError *error = NULL;
    *question =
        (DockerAuthQuestion){.context = context, .registry = g_strdup(registry), .done = done, .data = data};
    question->config = path ? read_config(path, &error) : NULL;
    keep_error(question, error);
    error = NULL;
    question->helper = docker_config_helper(question->config, registry, &error);
    keep_error(question, error);
    if (question->helper) {
        ask_helper(question);
        return question;
    }
    look_in_file(question);
    question->soon = g_idle_source_new();
    g_source_set_callback(question->soon, tell_soon, question, NULL);
    g_source_attach(question->soon, context);
    return question;
}

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    g_free(text);
}

void docker_auth_question_free(DockerAuthQuestion *question)
{
    if (!question)
        return;
    program_run_free(question->run);
    if (question->soon)
        g_source_destroy(question->soon);
    g_clear_pointer(&question->soon, g_source_unref);
    json_decref(question->config);
    wipe(question->header);
    g_clear_error(&question->error);
    g_free(question->registry);
    g_free(question->helper);
    g_free(question);
}
