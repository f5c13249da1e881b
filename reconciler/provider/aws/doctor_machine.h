/* doctor_machine.h: what instances of an environment are made of: profile and role, image, launch template,
 * key pair, placement group; images of jobs; service-linked roles. Facts become findings. Computes only. */
#pragma once
#include "reconciler/provider/aws/doctor_finding.h"

/* ---- the instance profile and its role ---- */

/* Strings owned. */
typedef struct {
    DoctorReply reply; /* GetInstanceProfile */
    char *profile_arn, *role_name, *role_arn;
    char *trust;                /* the role's AssumeRolePolicyDocument, as JSON */
    DoctorReply policies_reply; /* ListAttachedRolePolicies */
    bool has_ecs_policy;        /* AmazonEC2ContainerServiceforEC2Role is attached */
} DoctorProfile;

void doctor_profile_clear(DoctorProfile *profile);
bool doctor_read_profile(const AwsAnswer *answer, void *data);
bool doctor_read_policies(const AwsAnswer *answer, void *data); /* a page */
/* name: as the environment has it; principal: of EC2 in the partition. */
void doctor_find_profile(const DoctorProfile *profile, const char *name, const char *principal,
                         json_t *findings);

/* ---- images of machines ---- */

typedef struct {
    char *parameter;                    /* of SSM; NULL: the environment names an image by id */
    char *id;                           /* NULL: the parameter was not answered */
    bool is_arm;                        /* what it is to be */
    DoctorReply parameter_reply, reply; /* GetParameter, DescribeImages */
    char *state, *architecture;         /* "available", "x86_64"; NULL: it was not seen */
} DoctorImage;

void doctor_image_clear(DoctorImage *image);
bool doctor_read_parameter(const AwsAnswer *answer, void *data);
bool doctor_read_image(const AwsAnswer *answer, void *data);
void doctor_find_image(const DoctorImage *image, json_t *findings);

/* ---- what an environment names ---- */

/* One thing, whether it is there: a key pair, a placement group, a launch template, a service-linked role. */
typedef struct {
    const char *check, *what; /* "key pair", "default"; */
    const char *cure;
    DoctorReply reply;
} DoctorNamed;
void doctor_find_named(const DoctorNamed *named, json_t *findings);

/* DescribeLaunchTemplateVersions; data: a bool: whether the template gives its instances a public address. */
bool doctor_read_template(const AwsAnswer *answer, void *data);

/* ---- images of jobs ---- */

typedef struct {
    char *account, *region, *repository, *tag, *digest; /* of ECR; tag or digest is NULL */
} DoctorEcrImage;
void doctor_ecr_image_clear(DoctorEcrImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DoctorEcrImage, doctor_ecr_image_clear)
/* "123456789012.dkr.ecr.eu-west-1.amazonaws.com/align:1". False: it is of another registry. */
bool doctor_ecr_image_parse(const char *text, DoctorEcrImage *ret_image);
void doctor_find_ecr_image(const char *image, const DoctorReply *reply, json_t *findings);
