#include "reconciler/docker_facts.h"
#include "reconciler/aws_edge.h"
#include "reconciler/docker_probe.h"
#include "reconciler/provider/docker/docker_plan.h"
#include "spec/decode.h"

#define LIMIT_MS 3000

typedef struct {
    DockerProbe probe;
    json_t *images; /* NULL: not known */
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
    asking->probe.is_over = true;
}

static void ask_images(Asking *asking)
{
    const DockerCall call = {.method = "GET", .path = "/images/json", .turn = DOCKER_TURN_FIRST};
    asking->probe.is_over = false;
    docker_engine_call(asking->probe.engine, &call, take_images, asking);
    docker_probe_wait(&asking->probe);
}

static char *fault_of(const DockerProbe *probe)
{
    if (docker_engine_is_up(probe->engine))
        return NULL;
    return probe->is_late ? g_strdup_printf("nothing within %d s", LIMIT_MS / 1000)
                          : g_strdup(docker_engine_fault(probe->engine));
}

static char **ask(const DockerWants *wants, const DockerEndpoint *endpoint)
{
    Asking asking = {0};
    docker_probe_begin(&asking.probe, endpoint, LIMIT_MS);
    if (docker_engine_is_up(asking.probe.engine))
        ask_images(&asking);
    g_autofree char *fault = fault_of(&asking.probe);
    const DockerFacts facts = {fault, docker_engine_info(asking.probe.engine), asking.images};
    char **notices = docker_wants_notices(wants, &facts);
    docker_probe_end(&asking.probe);
    json_decref(asking.images);
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
