/* simulated_cloud.h: machines and tasks in virtual time, as a value: what happens next, and nothing else.
 * Owns:   tasks and machines, by number; numbers are used again once their last event was taken out.
 * Calls:  event_queue.h, spec/base/rng.h, spec/base/fixed_point.h. No clock, no World, no Provider.
 * Holds:  equal calls give equal events. What becomes of the n-th machine asked for depends on the model's
 * seed and n alone, so that two configurations meet the same luck. No allocation per event. Money in
 * integers. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct SimulatedCloud SimulatedCloud;

typedef enum {
    CLOUD_REFUSES_CAPACITY,
    CLOUD_REFUSES_LIMIT,
    CLOUD_REFUSES_LATER,
    CLOUD_REFUSES_PRICE
} CloudRefusal;

/* In micro-USD per hour; -1: unknown. */
typedef int64_t (*CloudPrice)(const char *type, bool spot, int64_t at_ms, void *data);

typedef struct {
    int64_t from_ms, to_ms; /* inclusive; equally likely */
} CloudSpan;

typedef struct {
    uint64_t seed;
    CloudSpan make, boot;              /* from the request until it is made; from there until it registers */
    unsigned refuse_permille;          /* is not made */
    unsigned spot_refuse_e4;           /* of 10,000 that ask for Spot so many find no capacity */
    unsigned never_registers_permille; /* boots for ever */
    unsigned less_memory_permille;     /* registers with up to an eighth less than planned */
    /* After registering, at any moment as likely as at any other; 0: never. Spot only; all. */
    int64_t reclaim_mean_ms, die_mean_ms;
    CloudPrice price; /* NULL: unknown */
    void *data;
} CloudModel;

typedef struct {
    const char *type; /* borrowed during the call */
    bool spot;
    int64_t vcpus_e4, memory_mib;
    int gpus;
    int64_t max_price_microusd_per_h; /* 0: no limit */
} CloudMachine;

/* How a task goes when nothing disturbs it. */
typedef struct {
    int64_t start_ms; /* until it runs; 0: at once, and there is no event for it */
    int64_t run_ms;
    int exit_code;
} CloudFate;

typedef enum { CLOUD_TASK_EXITED, CLOUD_TASK_STOPPED, CLOUD_TASK_TIMED_OUT } CloudTaskEnd;
typedef enum { CLOUD_GONE_STOPPED, CLOUD_GONE_RECLAIMED, CLOUD_GONE_DIED } CloudGone;

typedef enum {
    CLOUD_TASK_STARTED,
    CLOUD_TASK_ENDED,
    CLOUD_TASK_LOST, /* its machine is going; MACHINE_GONE follows once all are told */
    CLOUD_MACHINE_MADE,
    CLOUD_MACHINE_REGISTERED,
    CLOUD_MACHINE_REFUSED,
    CLOUD_MACHINE_GONE
} CloudEventType;

typedef struct {
    CloudEventType type;
    uint32_t number; /* of the task or machine */
    uint64_t user;   /* as given */
    int64_t at_ms;
    int64_t started_ms;           /* TASK_ENDED, TASK_LOST: 0 if it had not started */
    CloudTaskEnd end;             /* TASK_ENDED */
    int exit_code;                /* TASK_ENDED */
    CloudRefusal refusal;         /* MACHINE_REFUSED */
    CloudGone gone;               /* MACHINE_GONE */
    int64_t vcpus_e4, memory_mib; /* MACHINE_REGISTERED */
    int gpus;
} CloudEvent;

#define CLOUD_NO_MACHINE UINT32_MAX

SimulatedCloud *simulated_cloud_new(const CloudModel *model, int64_t now_ms);
void simulated_cloud_free(SimulatedCloud *cloud);
/* For machines asked for from now on. */
void simulated_cloud_set_model(SimulatedCloud *cloud, const CloudModel *model);
/* machine: a number that has registered, or CLOUD_NO_MACHINE. timeout_ms: 0 none. */
uint32_t simulated_cloud_run(SimulatedCloud *cloud, uint32_t machine, uint64_t user, const CloudFate *fate,
                             int64_t timeout_ms, int64_t now_ms);
/* It ends within grace_ms, unless it ends by itself before. */
void simulated_cloud_stop(SimulatedCloud *cloud, uint32_t task, int64_t grace_ms, int64_t now_ms);
/* It is gone without an event: what its owner knows already. */
void simulated_cloud_kill(SimulatedCloud *cloud, uint32_t task);
uint32_t simulated_cloud_make(SimulatedCloud *cloud, const CloudMachine *machine, uint64_t user,
                              int64_t now_ms);
/* It is gone within after_ms, with its tasks. */
void simulated_cloud_end(SimulatedCloud *cloud, uint32_t machine, int64_t after_ms, int64_t now_ms);
/* Nothing happens before it (what was called off may make it too early); -1: nothing ever does by itself, as
 * where there is neither a task nor a machine. */
int64_t simulated_cloud_next_ms(const SimulatedCloud *cloud);
/* The next thing that happens by until_ms; false: none. */
bool simulated_cloud_next(SimulatedCloud *cloud, int64_t until_ms, CloudEvent *ret_event);
/* What the machines that are gone have cost, and those that run up to now_ms; those of unknown price are
 * counted in *ret_unpriced instead. */
int64_t simulated_cloud_cost_microusd(const SimulatedCloud *cloud, int64_t now_ms, uint64_t *ret_unpriced);
/* Tasks and machines that exist. */
void simulated_cloud_counts(const SimulatedCloud *cloud, size_t *ret_tasks, size_t *ret_machines);
