/* world_fixture.h: short ways to make resources, jobs and endings in the world's tests. */
#pragma once
#include <inttypes.h>
#include "reconciler/world/world.h"

/* The machine that local environments share in these tests: it always has room. */
#define FIXTURE_MACHINE ((Capacity){1000000 * INT64_C(10000), 1000000000, 1000})

static inline void fixture_put(World *world, Kind kind, const char *name, const char *spec, int64_t now_ms)
{
    g_autoptr(GError) error = NULL;
    Manifest manifest = {.kind = kind,
                         .name = view_from(name),
                         .spec = view_from(spec),
                         .metadata = VIEW("{}"),
                         .file = "test.yaml",
                         .line = 1,
                         .prune = true};
    digest_of(manifest.spec, &manifest.digest);
    if (!resource_put(world, &(ResourceChange){.manifest = &manifest, .owner = "test"}, now_ms, &error))
        g_error("%s: %s", name, error->message);
}

static inline void fixture_environment(World *world, const char *name, int max_vcpus)
{
    g_autofree char *spec = g_strdup_printf("{\"computeResources\":{\"maxvCpus\":%d,\"type\":\"EC2\"},"
                                            "\"provider\":\"local\",\"type\":\"MANAGED\"}",
                                            max_vcpus);
    fixture_put(world, KIND_COMPUTE_ENVIRONMENT, name, spec, 1);
}

/* environments: "a" or "a,b" */
static inline void fixture_queue(World *world, const char *name, int priority, const char *environments)
{
    g_auto(GStrv) names = g_strsplit(environments, ",", -1);
    g_autoptr(GString) spec = g_string_new("{\"computeEnvironmentOrder\":[");
    for (int i = 0; names[i]; i++)
        g_string_append_printf(spec, "%s{\"computeEnvironment\":\"%s\",\"order\":%d}", i ? "," : "", names[i],
                               i + 1);
    g_string_append_printf(spec, "],\"priority\":%d}", priority);
    fixture_put(world, KIND_JOB_QUEUE, name, spec->str, 1);
}

/* more: further members, as ",\"retryStrategy\":{…}" or "". */
static inline void fixture_definition(World *world, const char *name, int vcpus, int memory_mib,
                                      const char *more)
{
    g_autofree char *spec =
        g_strdup_printf("{\"containerProperties\":{\"command\":[\"/bin/"
                        "true\"],\"resourceRequirements\":[{\"type\":\"MEMORY\","
                        "\"value\":\"%d\"},{\"type\":\"VCPU\",\"value\":\"%d\"}]},\"type\":\"container\"%s}",
                        memory_mib, vcpus, more);
    fixture_put(world, KIND_JOB_DEFINITION, name, spec, 1);
}

static inline World *fixture_world(void)
{
    World *world = world_new(1, PROVIDER_LOCAL);
    instance_local(world, FIXTURE_MACHINE);
    fixture_environment(world, "here", 64);
    fixture_queue(world, "main", 1, "here");
    fixture_definition(world, "one", 1, 16, "");
    fixture_definition(world, "thrice", 1, 16, ",\"retryStrategy\":{\"attempts\":3}");
    return world;
}

static inline JobId fixture_id(uint64_t number)
{
    JobId id = {{0}};
    memcpy(id.bytes, &number, sizeof number);
    id.bytes[15] = 0x77;
    return id;
}

/* request: JSON with single quotes for double ones. NULL with *ret_message when refused. */
static inline Job *fixture_try(World *world, uint64_t number, const char *request, char **ret_message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdelimit(g_strdup(request), "'", '"');
    json_t *json = json_loads(text, 0, NULL);
    g_assert_nonnull(json);
    Job *job = job_submit(world, &(Submission){.id = fixture_id(number), .request = json},
                          1000 + (int64_t)number, &error);
    json_decref(json);
    if (ret_message)
        *ret_message = error ? g_strdup(error->message) : NULL;
    else if (error)
        g_error("%s", error->message);
    return job;
}

static inline Job *fixture_job(World *world, uint64_t number, const char *definition, const char *more)
{
    g_autofree char *request =
        g_strdup_printf("{'jobName':'j','jobQueue':'main','jobDefinition':'%s'%s}", definition, more);
    return fixture_try(world, number, request, NULL);
}

/* ",'dependsOn':[{'jobId':'UUID'…}]" */
static inline char *fixture_depends(const Job *on, const char *type)
{
    char id[37];
    job_id_to_text(&on->id, id);
    return *type ? g_strdup_printf(",'dependsOn':[{'jobId':'%s','type':'%s'}]", id, type)
                 : g_strdup_printf(",'dependsOn':[{'jobId':'%s'}]", id);
}

static inline LaunchToken fixture_token(uint64_t number)
{
    LaunchToken token = {{0}};
    memcpy(token.bytes, &number, sizeof number);
    return token;
}

static inline Launch *fixture_launch(World *world, Job *job, int32_t index, uint64_t number)
{
    LaunchToken token = fixture_token(number);
    return launch_place(world, job, index, world_environment(world, VIEW("here")),
                        world_local_instance(world), &token, 2000);
}

static inline void fixture_exit(World *world, Launch *launch, int exit_code)
{
    launch_started(world, launch, 3000, 3000);
    launch_ended(
        world, launch,
        &(LaunchEnd){.cause = END_EXITED, .exit_code = exit_code, .started_ms = 3000, .stopped_ms = 4000},
        4000);
}

/* Launches and ends it with one exit code. */
static inline void fixture_run(World *world, Job *job, int32_t index, uint64_t number, int exit_code)
{
    fixture_exit(world, fixture_launch(world, job, index, number), exit_code);
}

static inline JobState fixture_child(const Job *job, int32_t index)
{
    ChildView child;
    job_child(job, index, &child);
    return child.state;
}
