/* policy_internal.h: a policy's inside, for policy.c and policy_check.c. */
#pragma once
#include "spec/policy.h"

typedef enum {
    ALLOW_KINDS,
    ALLOW_NAMES,
    ALLOW_QUEUES,
    ALLOW_ENVIRONMENTS,
    ALLOW_DEFINITIONS,
    ALLOW_SHARES,
    ALLOW_JOB_ROLES,
    ALLOW_EXECUTION_ROLES,
    ALLOW_ENVIRONMENT_ROLES,
    ALLOW_HOST_PATHS,
    ALLOW_PROVIDERS,
    ALLOW_COUNT
} Allow;
extern const char *const allow_names[ALLOW_COUNT]; /* as the file has them */

typedef struct {
    char *name, *source; /* source: NULL: it may come from anywhere */
    bool approval_required, privileged;
    bool is_open;              /* no `allow`: everything is */
    char **allow[ALLOW_COUNT]; /* NULL: everything */
} PolicyEntry;

struct Policy {
    gatomicrefcount references;
    char *file;
    GPtrArray *entries; /* of PolicyEntry* */
};

/* Its own, else that of "*"; NULL: there is none. */
const PolicyEntry *policy_entry(const Policy *policy, const char *source);
