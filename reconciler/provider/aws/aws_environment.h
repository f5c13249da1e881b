/* aws_environment.h: what a ComputeEnvironment says of AWS. Computes only.
 * Source: batch: ComputeResource; schemas/compute-environment.json. */
#pragma once
#include <jansson.h>
#include "reconciler/provider/aws/task_definition.h"
#include "spec/decode.h"

#define AWS_GENERATION_DIGITS 12

/* One of at most two: for instances without GPUs and for those with. */
typedef struct {
    char *type;     /* "ECS_AL2023", "ECS_AL2023_NVIDIA" … */
    char *image_id; /* of the user's own; NULL: the newest of that type */
} AwsImageChoice;

/* What is not said is NULL, or empty. */
typedef struct {
    char *region, *account, *role_arn; /* NULL: as the installation's own settings say */
    char *events_queue;                /* URL or ARN of a queue of SQS with events of EventBridge */
    ComputeType type;
    AllocationStrategy allocation;
    char **subnets, **security_groups; /* NULL-terminated, never NULL */
    char *instance_role;               /* name or ARN of an instance profile or a role */
    char *image_id;
    AwsImageChoice images[2];
    char *template_id, *template_name, *template_version;
    char *placement_group, *key_name;
    json_t *tags, *instance_tags;                            /* objects of text */
    char *file_system_id, *root_directory, *access_point_id; /* of workspace, on EFS */
    /* Of all that instances are made from: another one, other instances. */
    char generation[AWS_GENERATION_DIGITS + 1];
} AwsEnvironment;

/* spec: canonical JSON. NULL with error: it is no such spec. */
AwsEnvironment *aws_environment_parse(const char *spec, GError **error);
void aws_environment_free(AwsEnvironment *environment);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AwsEnvironment, aws_environment_free)

bool aws_environment_is_fargate(const AwsEnvironment *environment);
/* Where its jobs share directories; false: nowhere. Borrowed. */
bool aws_environment_workspace(const AwsEnvironment *environment, TaskWorkspace *ret_workspace);
/* The parameter of SSM that names the newest image for such instances; the image's own id where the
 * environment has one (*ret_is_id). New string. NULL with error: an image type that is not known. */
char *aws_environment_image(const AwsEnvironment *environment, bool is_arm, bool is_gpu, bool *ret_is_id,
                            GError **error);

/* ---- references whose meaning moves; they are words for people, too ---- */

/* An image: by its id, or by the parameter of SSM that names it. */
typedef struct {
    char *id;
    char *parameter, *reference; /* where id is NULL; reference: "image ECS_AL2023 x86_64" */
} AwsImage;
void aws_image_clear(AwsImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AwsImage, aws_image_clear)
/* What such instances start from. theirs: what the environment's launch template says of it; NULL: nothing.
 * False with error: an image type that is not known. */
bool aws_environment_image_of(const AwsEnvironment *environment, bool is_arm, bool is_gpu, const char *theirs,
                              AwsImage *ret_image, GError **error);
bool aws_environment_has_template(const AwsEnvironment *environment);
/* "launch template NAME ($Latest)"; NULL: it names none, or the number of a version. New string. */
char *aws_environment_template_reference(const AwsEnvironment *environment);
