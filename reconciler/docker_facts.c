#include "reconciler/docker_facts.h"
#include "reconciler/aws_edge.h"
#include "reconciler/provider/docker/docker_engine.h"
#include "reconciler/provider/docker/docker_plan.h"
#include "spec/decode.h"

#define LIMIT_MS 3000

typedef struct {
    GMainLoop *loop;
    DockerEngine *engine;
    uint64_t call; /* 0: not asked yet */
    char *fault;   /* NULL: none is known */
    json_t *images;
} Asking;

/* ---- whether it counts ---- */

static bool is_docker(const char *provider)
{
    ProviderType type;
    return provider && provider_type_from(view_from(provider), &type) && type == PROVIDER_DOCKER;
}

static bool runs_there(const Manifest *manifest, const char *provider)
{
    g_autoptr(ComputeEnvironmentSpec) spec = compute_environment_spec_decode(manifest->spec, NULL);
    return spec &&
           (spec->provider == PROVIDER_UNSET ? is_docker(provider) : spec->provider == PROVIDER_DOCKER);
}

/* A source without environments uses those of others. */
static bool uses_docker(const ManifestSet *set, const char *provider, bool overrides)
{
    size_t first, len = manifest_set_kind(set, KIND_COMPUTE_ENVIRONMENT, &first);
    if (overrides || len == 0)
        return is_docker(provider);
    for (size_t i = first; i < first + len; i++)
        if (runs_there(manifest_set_get(set, i), provider))
            return true;
    return false;
}

static DockerWants *wants_of(const ManifestSet *set)
{
    DockerWants *wants = docker_wants_new();
    size_t first, len = manifest_set_kind(set, KIND_JOB_DEFINITION, &first);
    for (size_t i = first; i < first + len; i++) {
        const Manifest *manifest = manifest_set_get(set, i);
        json_t *spec = json_loadb(manifest->spec.data, manifest->spec.len, 0, NULL);
        docker_wants_add(wants, spec);
        json_decref(spec);
    }
    return wants;
}

/* ---- asking ---- */

static void take_images(const DockerAnswer *answer, void *data)
{
    Asking *asking = data;
    if (!answer->error)
        asking->images = json_loadb(answer->body.data, answer->body.len, 0, NULL);
    g_main_loop_quit(asking->loop);
}

static void changed(void *data)
{
    Asking *asking = data;
    const DockerCall call = {.method = "GET", .path = "/images/json", .turn = DOCKER_TURN_FIRST};
    if (docker_engine_is_up(asking->engine)) {
        if (!asking->call)
            asking->call = docker_engine_call(asking->engine, &call, take_images, asking);
    } else if (docker_engine_fault(asking->engine)) {
        asking->fault = g_strdup(docker_engine_fault(asking->engine));
        g_main_loop_quit(asking->loop);
    }
}

static gboolean is_late(void *data)
{
    Asking *asking = data;
    if (!docker_engine_is_up(asking->engine))
        asking->fault = g_strdup_printf("nothing within %d s", LIMIT_MS / 1000);
    g_main_loop_quit(asking->loop);
    return G_SOURCE_REMOVE;
}

static char **ask(const DockerWants *wants, const DockerEndpoint *endpoint)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    g_autoptr(GSource) late = g_timeout_source_new(LIMIT_MS);
    g_autoptr(GMainLoop) loop = g_main_loop_new(context, FALSE);
    Asking asking = {.loop = loop};
    asking.engine = docker_engine_new(context, endpoint, changed, &asking);
    g_source_set_callback(late, is_late, &asking, NULL);
    g_source_attach(late, context);
    docker_engine_begin(asking.engine);
    g_main_loop_run(asking.loop);
    const DockerFacts facts = {asking.fault, docker_engine_info(asking.engine), asking.images};
    char **notices = docker_wants_notices(wants, &facts);
    g_source_destroy(late);
    docker_engine_free(asking.engine);
    json_decref(asking.images);
    g_free(asking.fault);
    return notices;
}

char **docker_facts_notices(const ManifestSet *set, const char *provider, bool overrides)
{
    if (!uses_docker(set, provider, overrides))
        return NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(DockerWants) wants = wants_of(set);
    g_autoptr(DockerEndpoint) endpoint = docker_endpoint_parse(aws_edge_variable, NULL, &error);
    const DockerFacts facts = {.fault = error ? error->message : NULL};
    return endpoint ? ask(wants, endpoint) : docker_wants_notices(wants, &facts);
}
