/* environment_view.h: an environment as it is now, as JSON: for `get`, `status` and
 * describecomputeenvironments.
 * Owns:   nothing; objects are the caller's.
 * Calls:  world/, scale/. No clock. */
#pragma once
#include <jansson.h>
#include "reconciler/scale/demand.h"
#include "reconciler/scale/growth_memory.h"
#include "reconciler/world/outside.h"

/* What is known beside the world of an environment that buys instances. Borrowed but for `read`. */
typedef struct {
    const GrowthMemory *memory;
    char currency[8];         /* "": none is known */
    const char *invalid;      /* why it is INVALID; NULL: it is not, or nobody hosts and so nobody knows */
    bool is_hosted;           /* what follows is known */
    int64_t rate_micro_per_h; /* what its instances cost an hour, as its budget counts them */
    int64_t unpriced;         /* instances whose price is unknown, and that rate leaves out */
    /* Why the last run did not meet all demand: each reason once, for all jobs that it keeps waiting. */
    ScaleUnmet unmet[UNMET_REASONS];
    const char *unmet_types[UNMET_REASONS]; /* names of their types, or NULL */
    size_t unmet_len;
    GrowthMemory read; /* what `memory` points to where it was read for this */
} EnvironmentStanding;
void environment_standing_clear(EnvironmentStanding *standing);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EnvironmentStanding, environment_standing_clear)
/* False: the environment buys no instances here. data: whoever hosts it. */
typedef bool (*EnvironmentStandingFunc)(const Environment *environment, EnvironmentStanding *ret_standing,
                                        void *data);
/* From the committed state alone: where nobody hosts it. */
bool environment_standing_read(const World *world, const Environment *environment,
                               EnvironmentStanding *ret_standing);

/* "VALID", "UPDATING", "DELETING", "INVALID". standing may be NULL. */
const char *environment_view_status(const Environment *environment, const EnvironmentStanding *standing);
/* It has instances of its own, bought or registered: it shares no machine, and a task is not its own
 * capacity. */
bool environment_has_instances(const Environment *environment);
/* name, provider, state, status, usedVcpus, maxvCpus, launches. New reference. */
json_t *environment_view_brief(const Environment *environment, const EnvironmentStanding *standing);
/* The same, and vCPUs that are free, its instances by type and state, money, cool-downs, what is not bought
 * and why. standing may be NULL. Takes time for each instance. New reference. */
json_t *environment_view(const World *world, const Environment *environment,
                         const EnvironmentStanding *standing, int64_t now_ms);
