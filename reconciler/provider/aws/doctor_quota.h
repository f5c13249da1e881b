/* doctor_quota.h: vCPU quotas of EC2 and Fargate against what environments may use. Computes only.
 * Source: EC2 User Guide, "Amazon EC2 service quotas" (On-Demand and Spot, by groups of instance families);
 * AWS General Reference, "Amazon ECS endpoints and quotas" (Fargate). Codes as Service Quotas lists them. */
#pragma once
#include "reconciler/provider/aws/doctor_finding.h"

typedef enum { QUOTA_ON_DEMAND, QUOTA_SPOT, QUOTA_FARGATE, QUOTA_FARGATE_SPOT } QuotaMarket;

typedef struct {
    const char *service, *code; /* "ec2", "L-1216C47A" */
    const char *name;           /* "Standard (A, C, D, H, I, M, R, T, Z), On-Demand" */
} DoctorQuota;

/* The quota that an instance of this type counts for; type: "c6i.large", "c6i"; NULL for Fargate. NULL: there
 * is none (HPC and high memory are not sold as Spot). */
const DoctorQuota *doctor_quota_of(QuotaMarket market, const char *type);

/* wanted: the vCPUs of all environments there that may use it. value: what GetServiceQuota says. */
void doctor_find_quota(const DoctorQuota *quota, const char *region, int64_t wanted, const DoctorReply *reply,
                       double value, json_t *findings);
