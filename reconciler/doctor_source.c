/* doctor_source.c: see doctor_source.h. */
#include "reconciler/doctor_source.h"
#include <string.h>
#include "reconciler/scale/catalogue.h"

/* What a DoctorEnvironment borrows from. */
typedef struct {
    char *name;
    AwsEnvironment *spec;
    GPtrArray *types; /* of const char*, NULL at the end */
} Kept;

static void kept_clear(void *data)
{
    Kept *kept = data;
    g_free(kept->name);
    aws_environment_free(kept->spec);
    g_ptr_array_unref(kept->types);
}

/* ---- environments ---- */

static void add_type(DoctorEnvironment *environment, const InstanceType *type)
{
    bool is_first = environment->vcpus_smallest == 0;
    environment->vcpus_smallest = is_first ? type->vcpus : MIN(environment->vcpus_smallest, type->vcpus);
    environment->vcpus_largest = MAX(environment->vcpus_largest, type->vcpus);
    environment->has_image[type->architecture == ARCHITECTURE_ARM64][type->gpus > 0] = true;
}

static void add_types(DoctorEnvironment *environment, const ComputeEnvironmentSpec *spec, GPtrArray *names)
{
    g_autoptr(GPtrArray) types = g_ptr_array_new();
    if (spec->type == CE_TYPE_EC2 || spec->type == CE_TYPE_SPOT)
        catalogue_resolve(spec->instance_types, types, NULL);
    for (guint i = 0; i < types->len; i++) {
        const InstanceType *type = types->pdata[i];
        add_type(environment, type);
        g_ptr_array_add(names, (char *)(uintptr_t)type->name);
    }
    g_ptr_array_add(names, NULL);
    environment->types = (const char *const *)names->pdata;
}

/* False: it is not on AWS. */
static bool read_environment(const Manifest *manifest, ProviderType otherwise, Kept *ret_kept,
                             DoctorEnvironment *ret_environment)
{
    g_autoptr(ComputeEnvironmentSpec) decoded = compute_environment_spec_decode(manifest->spec, NULL);
    ProviderType type = decoded && decoded->provider != PROVIDER_UNSET ? decoded->provider : otherwise;
    g_autofree char *text = g_strndup(manifest->spec.data, manifest->spec.len);
    AwsEnvironment *spec = decoded && type == PROVIDER_AWS ? aws_environment_parse(text, NULL) : NULL;
    if (!spec)
        return false;
    *ret_kept = (Kept){g_strndup(manifest->name.data, manifest->name.len), spec, g_ptr_array_new()};
    *ret_environment =
        (DoctorEnvironment){.name = ret_kept->name, .spec = spec, .max_vcpus = decoded->max_vcpus};
    add_types(ret_environment, decoded, ret_kept->types);
    return true;
}

static GArray *read_environments(const ManifestSet *set, const char *provider, GArray *kept)
{
    size_t first, len = manifest_set_kind(set, KIND_COMPUTE_ENVIRONMENT, &first);
    ProviderType otherwise = PROVIDER_AWS;
    GArray *environments = g_array_new(FALSE, FALSE, sizeof(DoctorEnvironment));
    (void)provider_type_from(view_from(provider), &otherwise);
    for (size_t i = first; i < first + len; i++) {
        Kept one;
        DoctorEnvironment environment;
        if (!read_environment(manifest_set_get(set, i), otherwise, &one, &environment))
            continue;
        g_array_append_val(kept, one);
        g_array_append_val(environments, environment);
    }
    return environments;
}

/* ---- job definitions ---- */

typedef struct {
    GPtrArray *images, *roles; /* of char*, owned */
    bool reads_parameters, reads_secrets;
    bool has_fargate, has_private; /* a Fargate definition; one without a public address */
} Jobs;

static void add_once(GPtrArray *list, const char *text)
{
    if (text && !g_ptr_array_find_with_equal_func(list, text, g_str_equal, NULL))
        g_ptr_array_add(list, g_strdup(text));
}

/* By the ARN of what it is kept in; a bare name is a parameter of SSM. */
static void read_secret(Jobs *jobs, const char *from)
{
    if (strstr(from, ":secretsmanager:"))
        jobs->reads_secrets = true;
    else
        jobs->reads_parameters = true;
}

/* Wherever it stands: of a container, of each of several, of each node. */
static void read_member(Jobs *jobs, const char *name, const char *text)
{
    static const char *const roles[] = {"executionRoleArn", "jobRoleArn", "taskRoleArn", NULL};
    if (strcmp(name, "image") == 0)
        add_once(jobs->images, text);
    else if (g_strv_contains(roles, name))
        add_once(jobs->roles, text);
    else if (strcmp(name, "valueFrom") == 0)
        read_secret(jobs, text);
}

static void read_value(Jobs *jobs, const json_t *value)
{
    size_t index;
    const char *name;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)value, index, item)
    {
        read_value(jobs, item);
    }
    json_object_foreach((json_t *)(uintptr_t)value, name, item)
    {
        if (json_is_string(item))
            read_member(jobs, name, json_string_value(item));
        else
            read_value(jobs, item);
    }
}

/* assignPublicIp is DISABLED where it is not said. Source: batch: NetworkConfiguration. */
static void read_address(Jobs *jobs, const json_t *spec, const char *text)
{
    const json_t *capabilities = json_object_get(spec, "platformCapabilities");
    if (g_strcmp0(json_string_value(json_array_get(capabilities, 0)), "FARGATE") != 0)
        return;
    jobs->has_fargate = true;
    jobs->has_private = jobs->has_private || !strstr(text, "\"assignPublicIp\":\"ENABLED\"");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_jobs(const ManifestSet *set, Jobs *jobs)
{
    size_t first, len = manifest_set_kind(set, KIND_JOB_DEFINITION, &first);
    for (size_t i = first; i < first + len; i++) {
        const Manifest *manifest = manifest_set_get(set, i);
        g_autofree char *text = g_strndup(manifest->spec.data, manifest->spec.len);
        json_t *spec = json_loads(text, 0, NULL);
        read_value(jobs, spec);
        read_address(jobs, spec, text);
        json_decref(spec);
    }
    g_ptr_array_sort(jobs->images, by_text);
    g_ptr_array_sort(jobs->roles, by_text);
}

json_t *doctor_source_run(const ManifestSet *set, const char *provider, const AwsDoctor *with)
{
    g_autoptr(GArray) kept = g_array_new(FALSE, FALSE, sizeof(Kept));
    g_autoptr(GPtrArray) images = g_ptr_array_new_with_free_func(g_free),
                         roles = g_ptr_array_new_with_free_func(g_free);
    Jobs jobs = {.images = images, .roles = roles};
    g_array_set_clear_func(kept, kept_clear);
    g_autoptr(GArray) environments = read_environments(set, provider, kept);
    read_jobs(set, &jobs);
    AwsDoctor doctor = *with;
    doctor.environments = (const DoctorEnvironment *)(void *)environments->data;
    doctor.environments_len = environments->len;
    doctor.jobs = (DoctorJobs){.images = images,
                               .roles = roles,
                               .reads_parameters = jobs.reads_parameters,
                               .reads_secrets = jobs.reads_secrets,
                               .has_fargate_public_ip = jobs.has_fargate && !jobs.has_private};
    if (environments->len)
        return aws_doctor_run(&doctor);
    json_t *findings = json_array();
    doctor_find(findings, "environments", DOCTOR_NOT_CHECKED, NULL, "none of the source is on aws");
    return findings;
}
