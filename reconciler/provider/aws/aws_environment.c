/* aws_environment.c: see aws_environment.h. */
#include "reconciler/provider/aws/aws_environment.h"
#include "reconciler/provider/aws/ecs_words.h"
#include "spec/canonical.h"

#define IMAGES  "/aws/service/ecs/optimized-ami/"
#define RESOLVE "resolve:ssm:" /* EC2: an image by a parameter's name */

static char *text_of(const json_t *object, const char *name)
{
    const char *text = ecs_text(object, name);
    return text && *text ? g_strdup(text) : NULL;
}

static char **texts_of(const json_t *list)
{
    GPtrArray *texts = g_ptr_array_new();
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        if (json_is_string(item))
            g_ptr_array_add(texts, g_strdup(json_string_value(item)));
    }
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

static json_t *object_of(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_object(value) ? json_incref(value) : json_object();
}

/* ---- reading ---- */

static void read_place(const json_t *root, AwsEnvironment *environment)
{
    const json_t *provider = json_object_get(root, "provider"),
                 *workspace = json_object_get(root, "workspace");
    environment->region = text_of(provider, "region");
    environment->account = text_of(provider, "accountId");
    environment->role_arn = text_of(provider, "roleArn");
    environment->events_queue = text_of(json_object_get(provider, "events"), "queue");
    environment->file_system_id = text_of(workspace, "fileSystemId");
    environment->root_directory = text_of(workspace, "rootDirectory");
    environment->access_point_id = text_of(workspace, "accessPointId");
}

static void read_images(const json_t *resources, AwsEnvironment *environment)
{
    size_t index;
    json_t *choice;
    environment->image_id = text_of(resources, "imageId");
    json_array_foreach(json_object_get(resources, "ec2Configuration"), index, choice)
    {
        if (index >= G_N_ELEMENTS(environment->images))
            break;
        environment->images[index] =
            (AwsImageChoice){text_of(choice, "imageType"), text_of(choice, "imageIdOverride")};
    }
}

static void read_template(const json_t *template, AwsEnvironment *environment)
{
    const json_t *version = json_object_get(template, "version");
    environment->template_id = text_of(template, "launchTemplateId");
    environment->template_name = text_of(template, "launchTemplateName");
    environment->template_version =
        json_is_integer(version) ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(version))
                                 : text_of(template, "version");
}

/* What another instance would be made of. */
static void name_generation(const json_t *resources, AwsEnvironment *environment)
{
    static const char *const members[] = {
        "ec2Configuration", "ec2KeyPair",     "imageId",          "instanceRole",
        "launchTemplate",   "placementGroup", "securityGroupIds", "tags"};
    json_t *parts = json_object();
    Digest digest;
    char hex[2 * DIGEST_BYTES + 1];
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
        if (json_object_get(resources, members[i]))
            json_object_set(parts, members[i], json_object_get(resources, members[i]));
    char *text = json_dumps(parts, JSON_COMPACT | JSON_SORT_KEYS);
    digest_of(view_from(text), &digest);
    digest_to_hex(&digest, hex);
    g_strlcpy(environment->generation, hex, sizeof environment->generation);
    free(text);
    json_decref(parts);
}

AwsEnvironment *aws_environment_parse(const char *spec, GError **error)
{
    g_autoptr(ComputeEnvironmentSpec) decoded = compute_environment_spec_decode(view_from(spec), error);
    json_t *root = decoded ? json_loads(spec, 0, NULL) : NULL;
    if (!root)
        return NULL;
    AwsEnvironment *environment = g_new0(AwsEnvironment, 1);
    const json_t *resources = json_object_get(root, "computeResources");
    environment->type = decoded->type;
    environment->allocation = decoded->allocation;
    environment->subnets = texts_of(json_object_get(resources, "subnets"));
    environment->security_groups = texts_of(json_object_get(resources, "securityGroupIds"));
    environment->instance_role = text_of(resources, "instanceRole");
    environment->placement_group = text_of(resources, "placementGroup");
    environment->key_name = text_of(resources, "ec2KeyPair");
    environment->tags = object_of(root, "tags");
    environment->instance_tags = object_of(resources, "tags");
    read_place(root, environment);
    read_images(resources, environment);
    read_template(json_object_get(resources, "launchTemplate"), environment);
    name_generation(resources, environment);
    json_decref(root);
    return environment;
}

void aws_environment_free(AwsEnvironment *environment)
{
    if (!environment)
        return;
    char *const texts[] = {
        environment->region,          environment->account,          environment->role_arn,
        environment->instance_role,   environment->image_id,         environment->template_id,
        environment->template_name,   environment->template_version, environment->placement_group,
        environment->key_name,        environment->file_system_id,   environment->root_directory,
        environment->access_point_id, environment->events_queue};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(environment->images); i++) {
        g_free(environment->images[i].type);
        g_free(environment->images[i].image_id);
    }
    g_strfreev(environment->subnets);
    g_strfreev(environment->security_groups);
    json_decref(environment->tags);
    json_decref(environment->instance_tags);
    g_free(environment);
}

/* ---- asking ---- */

bool aws_environment_is_fargate(const AwsEnvironment *environment)
{
    return environment->type == CE_TYPE_FARGATE || environment->type == CE_TYPE_FARGATE_SPOT;
}

bool aws_environment_workspace(const AwsEnvironment *environment, TaskWorkspace *ret_workspace)
{
    *ret_workspace = (TaskWorkspace){environment->file_system_id, environment->root_directory,
                                     environment->access_point_id};
    return environment->file_system_id != NULL;
}

static bool is_for_gpus(const AwsImageChoice *choice)
{
    return choice->type && g_str_has_suffix(choice->type, "_NVIDIA");
}

/* batch: ec2Configuration: ECS_AL2023 is the default, and ECS_AL2023_NVIDIA for accelerated types. */
static const char *parameter_of(const char *type, bool is_arm)
{
    static const struct {
        const char *type, *x86, *arm;
    } parameters[] = {
        {"ECS_AL2023", "amazon-linux-2023/recommended", "amazon-linux-2023/arm64/recommended"},
        {"ECS_AL2023_NVIDIA", "amazon-linux-2023/gpu/recommended", "amazon-linux-2023/arm64/gpu/recommended"},
        {"ECS_AL2", "amazon-linux-2/recommended", "amazon-linux-2/arm64/recommended"},
        {"ECS_AL2_NVIDIA", "amazon-linux-2/gpu/recommended", "amazon-linux-2/arm64/gpu/recommended"}};
    for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
        if (strcmp(parameters[i].type, type) == 0)
            return is_arm ? parameters[i].arm : parameters[i].x86;
    return NULL;
}

/* *ret_id: of the user's own; NULL: none. Borrowed, as what is returned: the image's type. */
static const char *image_choice(const AwsEnvironment *environment, bool is_gpu, const char **ret_id)
{
    const char *type = is_gpu ? "ECS_AL2023_NVIDIA" : "ECS_AL2023";
    *ret_id = environment->image_id;
    for (size_t i = 0; i < G_N_ELEMENTS(environment->images); i++) {
        const AwsImageChoice *choice = &environment->images[i];
        if (!choice->type || is_for_gpus(choice) != is_gpu)
            continue;
        type = choice->type;
        *ret_id = choice->image_id ? choice->image_id : *ret_id;
    }
    return type;
}

static char *newest_parameter(const char *type, bool is_arm, GError **error)
{
    const char *parameter = parameter_of(type, is_arm);
    if (!parameter)
        g_set_error(
            error, G_CONVERT_ERROR, G_CONVERT_ERROR_ILLEGAL_SEQUENCE,
            "imageType %s is not known: give imageIdOverride with it, or ECS_AL2023, ECS_AL2023_NVIDIA, "
            "ECS_AL2 or ECS_AL2_NVIDIA",
            type);
    return parameter ? g_strconcat(IMAGES, parameter, "/image_id", NULL) : NULL;
}

char *aws_environment_image(const AwsEnvironment *environment, bool is_arm, bool is_gpu, bool *ret_is_id,
                            GError **error)
{
    const char *id, *type = image_choice(environment, is_gpu, &id);
    *ret_is_id = id != NULL;
    return id ? g_strdup(id) : newest_parameter(type, is_arm, error);
}

/* ---- references ---- */

void aws_image_clear(AwsImage *image)
{
    g_free(image->id);
    g_free(image->parameter);
    g_free(image->reference);
}

/* batch: "AMI choice": imageIdOverride or imageId, then the launch template's, then the newest of the type.
 */
bool aws_environment_image_of(const AwsEnvironment *environment, bool is_arm, bool is_gpu, const char *theirs,
                              AwsImage *ret_image, GError **error)
{
    const char *own, *type = image_choice(environment, is_gpu, &own), *id = own ? own : theirs;
    if (id && g_str_has_prefix(id, RESOLVE)) {
        const char *name = id + strlen(RESOLVE);
        *ret_image = (AwsImage){.parameter = g_strdup(name), .reference = g_strconcat("image ", name, NULL)};
        return true;
    }
    if (id) {
        *ret_image = (AwsImage){.id = g_strdup(id)};
        return true;
    }
    char *parameter = newest_parameter(type, is_arm, error);
    if (!parameter)
        return false;
    *ret_image = (AwsImage){.parameter = parameter,
                            .reference = g_strdup_printf("image %s %s", type, is_arm ? "arm64" : "x86_64")};
    return true;
}

bool aws_environment_has_template(const AwsEnvironment *environment)
{
    return environment->template_id || environment->template_name;
}

char *aws_environment_template_reference(const AwsEnvironment *environment)
{
    const char *version = environment->template_version ? environment->template_version : "$Default";
    if (!aws_environment_has_template(environment) || g_ascii_isdigit(*version))
        return NULL;
    return g_strdup_printf("launch template %s (%s)",
                           environment->template_id ? environment->template_id : environment->template_name,
                           version);
}
