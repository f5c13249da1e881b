/* doctor_policy.h: what muster has to be allowed (deploy/aws/policy.json, which is part of the program),
 * asked of IAM's simulator statement by statement, and what is missing as a policy of its own. Computes only.
 * Owns:   DoctorPolicy its statements and what was found of them.
 * Source: IAM API Reference, SimulatePrincipalPolicy. */
#pragma once
#include "reconciler/provider/aws/doctor_finding.h"
#include "reconciler/provider/aws/query.h"

/* Where, and with which roles; lists are NULL-terminated ARNs. Borrowed by doctor_policy_new(). */
typedef struct {
    const char *partition, *region, *account;
    bool has_instances; /* an environment there buys instances */
    const char *const *instance_profiles, *const *instance_roles, *const *task_roles;
} DoctorPolicyPlace;

typedef struct DoctorPolicy DoctorPolicy;
DoctorPolicy *doctor_policy_new(const DoctorPolicyPlace *place);
void doctor_policy_free(DoctorPolicy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DoctorPolicy, doctor_policy_free)

/* Questions are as many as there are; each is asked of who, a user or role. */
size_t doctor_policy_questions(const DoctorPolicy *policy);
Query *doctor_policy_question(const DoctorPolicy *policy, size_t index, const char *who); /* new */
bool doctor_policy_take(DoctorPolicy *policy, size_t index, const AwsAnswer *answer);     /* a page */
DoctorReply *doctor_policy_reply(DoctorPolicy *policy, size_t index);

/* Denied actions, what could not be asked, or that all is well; the finding of what is denied has "policy".
 */
void doctor_find_permissions(const DoctorPolicy *policy, json_t *findings);
