/* decode.h: canonical JSON specs become typed structs.
 * Owns:   each struct owns its strings; free with its _free function.
 * Calls:  spec/base, jansson.
 * Holds:  input has passed validation (schema.h) or came from our own store; what does not decode is a
 * GError, never a crash. Defaults are filled in. Decimals are 1/10,000ths; memory is MiB; times are
 * milliseconds. */
#pragma once
#include <jansson.h>
#include "spec/cron.h"
#include "spec/kinds.h"

#define DECODE_ERROR decode_error_quark()
GQuark decode_error_quark(void);
typedef enum {
    DECODE_ERROR_SYNTAX,
    DECODE_ERROR_MEMBER
} DecodeErrorCode; /* no JSON; a member of the wrong type */

typedef struct {
    int64_t vcpus_e4; /* VCPU in 1/10,000ths: 0.25 is 2500 */
    int64_t memory_mib;
    int64_t gpus;
} ResourceNeed; /* 0: not stated */

typedef enum { PLATFORM_EC2, PLATFORM_FARGATE } Platform;
typedef enum {
    PROVIDER_LOCAL,
    PROVIDER_DOCKER,
    PROVIDER_AWS,
    PROVIDER_SIMULATED,
    PROVIDER_UNSET
} ProviderType;
const char *provider_type_name(ProviderType type);
bool provider_type_from(View name, ProviderType *ret_type);

typedef enum {
    CE_TYPE_EC2,
    CE_TYPE_SPOT,
    CE_TYPE_FARGATE,
    CE_TYPE_FARGATE_SPOT,
    CE_TYPE_UNMANAGED
} ComputeType;

/* ALLOCATION_BEST_FIT is the default (batch: "Allocation strategies"). */
typedef enum {
    ALLOCATION_BEST_FIT,
    ALLOCATION_BEST_FIT_PROGRESSIVE,
    ALLOCATION_SPOT_CAPACITY_OPTIMIZED,
    ALLOCATION_SPOT_PRICE_CAPACITY_OPTIMIZED
} AllocationStrategy;

/* Ours, refresh: when what machines are made from is looked up anew (world/pins.h). */
typedef enum { REFRESH_ON_COMMIT, REFRESH_CONTINUOUS, REFRESH_MANUAL } RefreshMode;

/* Ours: machines that an UNMANAGED environment has in the simulator. */
typedef struct {
    int64_t count, vcpus, memory_mib, gpus;
} SimulatedHosts;

typedef struct {
    ProviderType provider; /* PROVIDER_UNSET: the source's default */
    char *region;          /* may be NULL */
    bool enabled;          /* state */
    ComputeType type;
    bool type_given; /* computeResources.type was stated (or the environment is UNMANAGED) */
    int64_t min_vcpus;
    int64_t max_vcpus;     /* 0: not stated, or UNMANAGED (no limit of ours) */
    bool strict_max;       /* ours, strictMaxvCpus: no strategy may exceed maxvCpus by an instance */
    char **instance_types; /* NULL-terminated; may be NULL */
    AllocationStrategy allocation;
    int64_t bid_percentage;          /* SPOT: 1 to 100; 100 where none is given */
    int64_t unmanaged_vcpus;         /* -1: not stated */
    int64_t min_scale_down_delay_ms; /* 0: off */
    /* updatePolicy. timeout_ms 0, where there is no updatePolicy: drain for as long as jobs run. */
    bool terminate_jobs_on_update;
    int64_t update_timeout_ms;
    /* Ours, budget: millionths of the currency of the region's prices; 0: none. */
    int64_t budget_day_micro, budget_month_micro;
    SimulatedHosts *simulated_hosts;
    size_t simulated_hosts_len;
    bool has_workspace; /* ours, workspace: on AWS pipelines can share directories */
    RefreshMode refresh;
} ComputeEnvironmentSpec;
ComputeEnvironmentSpec *compute_environment_spec_decode(View json, GError **error);
void compute_environment_spec_free(ComputeEnvironmentSpec *spec);

/* Why a job at the head of a queue is blocked, as Batch codes it (batch: "Blocked queues"). */
typedef enum {
    BLOCKED_NONE,
    BLOCKED_INSUFFICIENT_CAPACITY,    /* CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY */
    BLOCKED_MAX_RESOURCE,             /* MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE */
    BLOCKED_RESOURCE_REQUIREMENT,     /* MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT */
    BLOCKED_INSTANCE_CONFIGURATION,   /* MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED */
    BLOCKED_SERVICE_ROLE_PERMISSIONS, /* MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS; no action applies */
    BLOCKED_ACTION_REQUIRED,          /* ACTION_REQUIRED; no action applies */
    BLOCKED_UNDETERMINED              /* UNDETERMINED; no action applies */
} BlockedReason;
const char *blocked_reason_code(BlockedReason reason); /* "" for BLOCKED_NONE */

typedef struct {
    BlockedReason reason;
    int64_t max_ms; /* RUNNABLE at the head with this reason for so long: cancelled */
} StateTimeLimit;

/* Ours, assert: what a forecast must show, else the plan is refused; -1: not asserted. */
typedef struct {
    int64_t p95_wait_ms, drain_ms;
    int64_t cost_day_micro;
} QueueAssertion;

typedef struct {
    bool enabled;
    int64_t priority;
    bool strict_order;           /* ours, backfill: false: nothing overtakes a head that waits */
    char **compute_environments; /* names in ascending order; NULL-terminated */
    char *scheduling_policy;     /* name, or NULL: FIFO */
    StateTimeLimit *time_limits;
    size_t time_limits_len;
    QueueAssertion assertion;
} JobQueueSpec;
JobQueueSpec *job_queue_spec_decode(View json, GError **error);
void job_queue_spec_free(JobQueueSpec *spec);

typedef struct {
    char *identifier;  /* without the trailing * */
    bool prefix;       /* it had one: the group of all identifiers that begin so */
    int64_t weight_e4; /* weightFactor: the lower, the more; of a limit: unused */
    int64_t max_vcpus; /* of a limit; of a weight: unused */
} ShareRule;

typedef struct {
    bool fair_share;             /* fairsharePolicy is there */
    int64_t share_decay_ms;      /* 0: the shortest window, 600 s */
    int64_t compute_reservation; /* percent, 0 to 99 */
    ShareRule *weights;          /* shareDistribution, sorted by identifier */
    size_t weights_len;
    ShareRule *limits; /* ours, shareLimits: vCPUs that a share may hold at once, sorted by identifier */
    size_t limits_len;
} SchedulingPolicySpec;
SchedulingPolicySpec *scheduling_policy_spec_decode(View json, GError **error);
void scheduling_policy_spec_free(SchedulingPolicySpec *spec);
/* The rule for an identifier: the exact one, else the prefix; NULL: none (weight 1, no limit). */
const ShareRule *share_rule_find(const ShareRule *rules, size_t len, View identifier);

typedef struct {
    int64_t total_quantity;
    bool replenishable;
} ConsumableResourceSpec;
ConsumableResourceSpec *consumable_resource_spec_decode(View json, GError **error);
void consumable_resource_spec_free(ConsumableResourceSpec *spec);

/* What an attempt of a job takes of a consumable resource; of a multinode job the sum over its nodes. */
typedef struct {
    char *name;
    int64_t quantity;
} ConsumableNeed;

/* A range of nodes of a multinode job: what its nodes need each. Of ranges that hold a node the narrowest
 * counts. */
typedef struct {
    char *target;        /* as written: overrides name it so */
    int64_t first, last; /* last -1: open, up to the last node */
    ResourceNeed need;
    bool vcpus_alias, memory_alias;
    char *instance_type; /* may be NULL */
    ConsumableNeed *consumables;
    size_t consumables_len;
} NodeRange;

typedef enum { RETRY_RETRY, RETRY_EXIT } RetryAction;
typedef struct {
    char *on_status_reason, *on_reason, *on_exit_code; /* patterns, NULL: not given */
    RetryAction action;
} EvaluateOnExit;
typedef struct {
    int attempts; /* 1..10 */
    EvaluateOnExit *rules;
    size_t rules_len; /* 0..5 */
} RetryStrategy;
void retry_strategy_clear(RetryStrategy *strategy);

typedef struct {
    char *name, *value;
} EnvironmentVariable;

typedef struct {
    Platform platform;
    char *image;                      /* may be NULL */
    char **command;                   /* may be NULL or empty */
    EnvironmentVariable *environment; /* sorted by name */
    size_t environment_len;
    EnvironmentVariable *parameters; /* sorted by name */
    size_t parameters_len;
    /* The sum over the containers of ecsProperties; of a multinode job the largest of its node ranges, since
     * each node has an instance for itself. */
    ResourceNeed need;
    bool vcpus_alias,
        memory_alias; /* stated by the deprecated vcpus, memory: only their like overrides these */
    int64_t nodes;    /* 1; of a multinode job its numNodes */
    int64_t main_node;
    char *node_instance_type;    /* of a multinode job that names one; may be NULL */
    ConsumableNeed *consumables; /* sorted by name; quantities above 0 */
    size_t consumables_len;
    NodeRange *ranges; /* of a multinode job, as written; what need and the like above are made from */
    size_t ranges_len;
    ConsumableNeed *shared; /* of a multinode job: those that it takes once, whatever its nodes take */
    size_t shared_len;
    RetryStrategy retry;
    int64_t timeout_ms; /* 0: none */
    int scheduling_priority;
    /* What the local provider refuses, for messages: names of members in use, as "secrets", "nodeProperties";
     * NULL-terminated. */
    char **beyond_process;
    char *architecture; /* "X86_64", "ARM64" or NULL */
    char *user;         /* may be NULL */
} JobDefinitionSpec;
JobDefinitionSpec *job_definition_spec_decode(View json, GError **error);
void job_definition_spec_free(JobDefinitionSpec *spec);

typedef enum { DEPENDENCY_PLAIN, DEPENDENCY_N_TO_N, DEPENDENCY_SEQUENTIAL } DependencyType;
typedef enum { CONDITION_SUCCESS, CONDITION_COMPLETION } DependencyCondition; /* COMPLETION: pipelines only */
typedef struct {
    char *job_id; /* or NULL */
    char *job;    /* name of a step of the pipeline or of a Job manifest (ours), or NULL */
    DependencyType type;
    DependencyCondition condition;
} DependencySpec;

/* An entry of nodeOverrides.nodePropertyOverrides. */
typedef struct {
    char *target;                     /* a range of the definition, written as there */
    char **command;                   /* or NULL */
    EnvironmentVariable *environment; /* sorted by name */
    size_t environment_len;
    ResourceNeed need, need_alias; /* 0: not given */
    char *instance_type;           /* or NULL */
    bool consumables_given;
    ConsumableNeed *consumables;
    size_t consumables_len;
} NodeOverride;

/* A SubmitJob request, a Job's spec, a pipeline's step. Overrides stay apart from the definition until
 * job_effective(). */
typedef struct {
    char *name, *queue,
        *definition; /* definition: NAME, NAME:REV, ARN or NAME@sha256:HEX; a step without queue inherits */
    char *share_identifier;  /* or NULL */
    int scheduling_priority; /* -1: not given */
    int64_t array_size;      /* 0: not an array */
    bool array_dynamic;      /* steps: `array`, whose size is known only when the pipeline starts */
    char *array_file, *array_parameter; /* of `array`; NULL: not given */
    bool array_counted;                 /* the source had array_file: array_size is its number of lines */
    DependencySpec *depends_on;
    size_t depends_on_len;
    EnvironmentVariable *parameters;
    size_t parameters_len;
    char **command;                   /* containerOverrides.command or NULL */
    EnvironmentVariable *environment; /* containerOverrides.environment */
    size_t environment_len;
    ResourceNeed need;        /* overrides of resourceRequirements; 0: not given */
    ResourceNeed need_alias;  /* overrides by the deprecated vcpus and memory; 0: not given */
    RetryStrategy retry;      /* attempts 0: not given */
    int64_t timeout_ms;       /* 0: not given */
    bool rerun_on_definition; /* Job, Pipeline: rerunOn: [definition] */
    bool consumables_given;   /* consumableResourcePropertiesOverride: replaces the definition's, also with
                                 none,   and those of all its nodes */
    ConsumableNeed *consumables;
    size_t consumables_len;
    int64_t nodes; /* nodeOverrides.numNodes; 0: not given */
    NodeOverride *node_overrides;
    size_t node_overrides_len;
} JobSpec;
JobSpec *job_spec_decode(View json, GError **error);
JobSpec *job_spec_from_json(const json_t *json, GError **error);
void job_spec_free(JobSpec *spec);

typedef enum { ON_DELETE_KEEP, ON_DELETE_CANCEL, ON_DELETE_TERMINATE } OnDelete;
typedef enum { CONCURRENCY_WAIT, CONCURRENCY_ALLOW, CONCURRENCY_SKIP, CONCURRENCY_REPLACE } ConcurrencyPolicy;
typedef enum { ON_FAILURE_CONTINUE, ON_FAILURE_STOP } OnFailure;
typedef struct {
    JobSpec **steps; /* in document order; each step's name is unique. Queue, parameters and share
                        identifier of the pipeline are filled in where a step has none of its own */
    size_t steps_len;
    bool on_change; /* triggers: [change], the default */
    bool scheduled; /* has a schedule trigger */
    bool workspace;
    ConcurrencyPolicy concurrency;
    OnFailure on_failure;
    OnDelete on_delete;
    bool rerun_on_definition;
} PipelineSpec;
PipelineSpec *pipeline_spec_decode(View json, GError **error);
void pipeline_spec_free(PipelineSpec *spec);

/* A trigger by the clock. */
typedef struct {
    char *expression, *zone_name;
    Cron cron;
    GTimeZone *zone;     /* NULL: this machine does not know it (any more) */
    int64_t deadline_ms; /* startingDeadlineSeconds; -1: none */
} PipelineSchedule;
typedef struct {
    PipelineSchedule *items;
    size_t len;
} PipelineSchedules;
/* Those of a pipeline's triggers, in their order; the steps are not looked at. Reads a zone's file when no
 * one else holds that zone. */
bool pipeline_schedules_decode(View json, PipelineSchedules *ret_schedules, GError **error);
void pipeline_schedules_clear(PipelineSchedules *schedules);
OnDelete job_on_delete(View json); /* of a Job's spec */
ConcurrencyPolicy job_concurrency(View json);

/* The job as it will run: definition and overrides merged by Batch's rules (batch: "Overrides at
 * submission"): command replaced, environment merged by name, resources by type, retry and timeout replaced
 * whole, parameters merged key by key and `Ref::name` substituted in the command. Of a multinode job the
 * overrides by node range come first, each for the nodes of its range. New, caller frees. */
JobDefinitionSpec *job_effective(const JobDefinitionSpec *definition, const JobSpec *job);
/* `Ref::name` in each word is the value of that parameter, where there is one. parameters: sorted by name.
 * command may be NULL. New. */
char **command_substitute(const char *const *command, const EnvironmentVariable *parameters, size_t len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ComputeEnvironmentSpec, compute_environment_spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobQueueSpec, job_queue_spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SchedulingPolicySpec, scheduling_policy_spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConsumableResourceSpec, consumable_resource_spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobDefinitionSpec, job_definition_spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobSpec, job_spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PipelineSpec, pipeline_spec_free)
