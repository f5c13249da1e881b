/* doctor_quota.c: see doctor_quota.h. */
#include "reconciler/provider/aws/doctor_quota.h"
#include <string.h>

/* By how families begin, up to their first digit; the first that fits. Standard is the rest. */
static const struct {
    const char *letters;
    DoctorQuota on_demand, spot; /* code NULL: not sold so */
} groups[] = {
    {"g", {"ec2", "L-DB2E81BA", "G and VT, On-Demand"}, {"ec2", "L-3819A6DF", "G and VT, Spot"}},
    {"gr", {"ec2", "L-DB2E81BA", "G and VT, On-Demand"}, {"ec2", "L-3819A6DF", "G and VT, Spot"}},
    {"vt", {"ec2", "L-DB2E81BA", "G and VT, On-Demand"}, {"ec2", "L-3819A6DF", "G and VT, Spot"}},
    {"p", {"ec2", "L-417A185B", "P, On-Demand"}, {"ec2", "L-7212CCBC", "P, Spot"}},
    {"x", {"ec2", "L-7295265B", "X, On-Demand"}, {"ec2", "L-E3A00192", "X, Spot"}},
    {"f", {"ec2", "L-74FC7D96", "F, On-Demand"}, {"ec2", "L-88CF9481", "F, Spot"}},
    {"inf", {"ec2", "L-1945791B", "Inf, On-Demand"}, {"ec2", "L-B5D1601B", "Inf, Spot"}},
    {"trn", {"ec2", "L-2C3B7624", "Trn, On-Demand"}, {"ec2", "L-6B0D517C", "Trn, Spot"}},
    {"dl", {"ec2", "L-6E869C2A", "DL, On-Demand"}, {"ec2", "L-85EED4F7", "DL, Spot"}},
    {"hpc", {"ec2", "L-F7808C92", "HPC, On-Demand"}, {"ec2", NULL, NULL}},
    {"u", {"ec2", "L-43DA4232", "high memory, On-Demand"}, {"ec2", NULL, NULL}},
    {"u-", {"ec2", "L-43DA4232", "high memory, On-Demand"}, {"ec2", NULL, NULL}},
};
static const DoctorQuota standard = {"ec2", "L-1216C47A", "standard instances, On-Demand"},
                         standard_spot = {"ec2", "L-34B43A08", "standard instances, Spot"},
                         fargate = {"fargate", "L-3032A538", "Fargate"},
                         fargate_spot = {"fargate", "L-36FBB829", "Fargate Spot"};

const DoctorQuota *doctor_quota_of(QuotaMarket market, const char *type)
{
    if (market == QUOTA_FARGATE || market == QUOTA_FARGATE_SPOT)
        return market == QUOTA_FARGATE ? &fargate : &fargate_spot;
    size_t letters = strcspn(type, "0123456789.");
    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
        const DoctorQuota *quota = market == QUOTA_SPOT ? &groups[i].spot : &groups[i].on_demand;
        if (strlen(groups[i].letters) == letters && strncmp(groups[i].letters, type, letters) == 0)
            return quota->code ? quota : NULL;
    }
    return market == QUOTA_SPOT ? &standard_spot : &standard;
}

void doctor_find_quota(const DoctorQuota *quota, const char *region, int64_t wanted, const DoctorReply *reply,
                       double value, json_t *findings)
{
    g_autofree char *check = g_strdup_printf("quota %s", quota->name);
    if (!doctor_was_answered(findings, check, reply))
        return;
    g_autofree char *cure =
        g_strdup_printf("aws service-quotas request-service-quota-increase --region %s --service-code %s "
                        "--quota-code %s --desired-value %" G_GINT64_FORMAT,
                        region, quota->service, quota->code, wanted);
    /* What is above it waits, and is no fault: but none at all is one. */
    DoctorStatus status = value < 1 ? DOCTOR_PROBLEM : value < (double)wanted ? DOCTOR_WARNING : DOCTOR_OK;
    doctor_find(findings, check, status, status == DOCTOR_OK ? NULL : cure,
                "%.0f vCPUs (%s), and the environments there may use %" G_GINT64_FORMAT, value, quota->code,
                wanted);
}
