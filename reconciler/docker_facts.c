#include "reconciler/docker_facts.h"
#include <sys/statvfs.h>
#include "reconciler/aws_edge.h"
#include "reconciler/docker_probe.h"
#include "reconciler/provider/docker/docker_doctor.h"
#include "spec/decode.h"

#define LIMIT_MS 3000

typedef struct {
    DockerProbe probe;
    json_t *images; /* NULL: not known */
} Asking;

/* What is made of what the engine said. */
typedef void (*FactsFunc)(const DockerFacts *facts, const DockerEngine *engine, void *data);

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

static void ask(const DockerEndpoint *endpoint, FactsFunc func, void *data)
{
    Asking asking = {0};
    docker_probe_begin(&asking.probe, endpoint, LIMIT_MS);
    if (docker_engine_is_up(asking.probe.engine))
        ask_images(&asking);
    g_autofree char *fault = fault_of(&asking.probe);
    const DockerFacts facts = {fault, docker_engine_info(asking.probe.engine), asking.images};
    func(&facts, asking.probe.engine, data);
    docker_probe_end(&asking.probe);
    json_decref(asking.images);
}

/* ---- the plan ---- */

typedef struct {
    const DockerWants *wants;
    char **notices;
} Noticing;

static void take_notices(const DockerFacts *facts, const DockerEngine *engine, void *data)
{
    Noticing *noticing = data;
    (void)engine;
    noticing->notices = docker_wants_notices(noticing->wants, facts);
}

char **docker_facts_notices(const ManifestSet *set, const char *provider, bool overrides)
{
    if (!uses_docker(set, provider, overrides))
        return NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(DockerWants) wants = wants_of(set);
    g_autoptr(DockerEndpoint) endpoint = docker_endpoint_parse(aws_edge_variable, NULL, &error);
    const DockerFacts facts = {.fault = error ? error->message : NULL};
    Noticing noticing = {.wants = wants};
    if (endpoint)
        ask(endpoint, take_notices, &noticing);
    else
        take_notices(&facts, NULL, &noticing);
    return noticing.notices;
}

/* ---- the doctor ---- */

/* Where its images and containers lie, if that is on this machine; -1: not known. */
static int64_t free_bytes_of(const json_t *info, const char *where)
{
    const char *root = json_string_value(json_object_get(info, "DockerRootDir"));
    struct statvfs room;
    if (!root || !g_str_has_prefix(where, "unix://") || statvfs(root, &room) != 0)
        return -1;
    return (int64_t)room.f_bavail * (int64_t)room.f_frsize;
}

typedef struct {
    DockerChecking with;
    json_t *checks;
} Checking;

static void take_checks(const DockerFacts *facts, const DockerEngine *engine, void *data)
{
    Checking *checking = data;
    checking->with.version = engine ? docker_engine_version(engine) : NULL;
    checking->with.free_bytes = free_bytes_of(facts->info, checking->with.where);
    checking->checks = docker_doctor_checks(&checking->with, facts);
}

json_t *docker_facts_checks(const ManifestSet *set, const char *provider, bool overrides)
{
    if (set && !uses_docker(set, provider, overrides))
        return json_array();
    g_autoptr(GError) error = NULL;
    g_autoptr(DockerWants) wants = set ? wants_of(set) : docker_wants_new();
    g_autoptr(DockerEndpoint) endpoint = docker_endpoint_parse(aws_edge_variable, NULL, &error);
    const DockerFacts facts = {.fault = error ? error->message : NULL};
    Checking checking = {.with = {.wants = wants,
                                  .is_needed = set != NULL,
                                  .where = endpoint ? endpoint->text : "DOCKER_HOST"}};
    if (endpoint)
        ask(endpoint, take_checks, &checking);
    else
        take_checks(&facts, NULL, &checking);
    return checking.checks;
}
