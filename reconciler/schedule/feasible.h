/* feasible.h: can any environment ever run this job? The arithmetic, not the queue: what is busy now does not
 * count. Owns:   nothing; FeasibleEnvironment borrows its spec. Calls:  spec/, scale/catalogue. No I/O, no
 * clock. Holds:  FEASIBLE_NO is said only when it is certain; what the catalogue does not know is
 * FEASIBLE_UNKNOWN. */
#pragma once
#include "reconciler/scale/catalogue.h"
#include "spec/reference.h"

/* Ordered: of several environments the best answer counts. */
typedef enum { FEASIBLE_NO, FEASIBLE_UNKNOWN, FEASIBLE_YES } FeasibleResult;

/* What local and docker environments have: this machine. */
typedef struct {
    int64_t vcpus;
    int64_t memory_mib;
    int64_t gpus;
} LocalMachine;

/* What stops the job, so that a message can point at its line. */
typedef enum { NEED_NONE, NEED_MEMORY, NEED_VCPU, NEED_GPU, NEED_OTHER } NeedKind;

typedef struct {
    View name;
    ProviderType provider;              /* the effective one, never PROVIDER_UNSET */
    const ComputeEnvironmentSpec *spec; /* borrowed */
    LocalMachine machine;               /* of local and docker */
    GPtrArray *types;                   /* const InstanceType *; of aws and simulated on EC2 */
    bool types_open;                    /* some entries of instanceTypes are not in the catalogue */
} FeasibleEnvironment;

/* fallback is used where spec says no provider. machine is copied; it may be NULL when provider is neither
 * local nor docker. */
FeasibleEnvironment feasible_environment(View name, const ComputeEnvironmentSpec *spec, ProviderType fallback,
                                         const LocalMachine *machine);
void feasible_environment_clear(FeasibleEnvironment *environment);

/* effective: definition with overrides merged (job_effective). When the answer is FEASIBLE_NO, appends the
 * arithmetic to arithmetic (may be NULL), e.g. "needs 61,000 MiB; g4dn.4xlarge offers containers 60,588 of
 * its 65,536 MiB: 412 MiB short; g4dn.8xlarge would fit: add it to instanceTypes", per environment where
 * there are several. ret_need may be NULL. */
FeasibleResult feasible_job(const JobDefinitionSpec *effective, const FeasibleEnvironment *environments,
                            size_t len, GString *arithmetic, NeedKind *ret_need);
/* Batch's code where that answer is FEASIBLE_NO: BLOCKED_MAX_RESOURCE when maxvCpus is what every environment
 * lacks, else BLOCKED_RESOURCE_REQUIREMENT. BLOCKED_NONE where the answer is another. */
BlockedReason feasible_blocked(const JobDefinitionSpec *effective, const FeasibleEnvironment *environments,
                               size_t len);

typedef struct {
    const SourceConfig *config;     /* may be NULL */
    ProviderType provider_override; /* --provider; PROVIDER_UNSET: none */
    LocalMachine machine;
    bool is_part;       /* of a set: definitions are not warned about, not all queues are here */
    ReferenceText text; /* may be NULL */
    void *data;
} FeasibleOptions;

/* Every Job and every step of a Pipeline against the environments of its queue: an error of class
 * DIAGNOSTIC_INFEASIBLE where none can ever run it; a warning for a JobDefinition that no queue of the set
 * could run; the same where more is needed of a consumable resource than there is (consumable_check.h); an
 * error where CPU architectures are mixed (architecture.h). What refers outside of the set is not judged. */
void feasible_check(const ManifestSet *set, const FeasibleOptions *options, DiagnosticList *diagnostics);
