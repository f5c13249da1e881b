/* aws_doctor.h: whether what environments on AWS name and need is there and may be used: looked at, nothing
 * changed. Calls: doctor_ask.h, in the calling thread, for as long as it takes. */
#pragma once
#include "reconciler/provider/aws/aws_environment.h"
#include "reconciler/provider/aws/doctor_ask.h"

/* One environment, as its source has it. Borrowed. */
typedef struct {
    const char *name;
    const AwsEnvironment *spec;
    const char *const *types; /* of its instances, resolved; empty: none, or not known */
    int64_t max_vcpus;
    int64_t vcpus_smallest, vcpus_largest; /* of types; 0: not known */
    bool has_image[2][2];                  /* is_arm, is_gpu: some of types need one */
} DoctorEnvironment;

/* What its job definitions say. Borrowed. */
typedef struct {
    const GPtrArray *images, *roles;      /* of char*: sorted, each once */
    bool reads_parameters, reads_secrets; /* of secrets */
    bool has_fargate_public_ip;           /* all Fargate definitions say assignPublicIp: ENABLED */
} DoctorJobs;

typedef struct {
    DoctorWith with; /* region: of environments that name none; NULL: nobody says */
    const DoctorEnvironment *environments;
    size_t environments_len;
    DoctorJobs jobs;
    const char *account;  /* that it has to be, where an environment does not say; NULL: any */
    const char *role_arn; /* of environments that name none; NULL: none */
} AwsDoctor;

/* [{"scope", "check", "status", "detail", "cure"?, "policy"?}…], new: places (an account in a region) each
 * with its environments behind it. */
json_t *aws_doctor_run(const AwsDoctor *doctor);
