/* fleet.h: machines are asked for, and what came. Computes only.
 * Source: EC2's CreateFleet (type instant) and RunInstances, as read from their models; batch: "Allocation
 * strategies". */
#pragma once
#include "reconciler/provider/aws/aws_error.h"
#include "reconciler/provider/aws/query.h"
#include "reconciler/provider/aws/xml.h"

#define FLEET_OVERRIDES_MAX 300
#define FLEET_TOKEN_MAX     64

typedef enum {
    FLEET_LOWEST_PRICE,            /* BEST_FIT_PROGRESSIVE, On-Demand */
    FLEET_PRIORITIZED,             /* On-Demand, in the order of the pools */
    FLEET_CAPACITY_OPTIMIZED,      /* SPOT_CAPACITY_OPTIMIZED */
    FLEET_PRICE_CAPACITY_OPTIMIZED /* SPOT_PRICE_CAPACITY_OPTIMIZED */
} FleetStrategy;

/* Where an instance may come from. */
typedef struct {
    const char *type, *subnet_id;
    int64_t max_price_microusd_per_h; /* Spot: not above it; 0: not above On-Demand */
} FleetPool;

typedef struct {
    const char *client_token, *template_id,
        *template_version;  /* a number: what $Latest means may change meanwhile */
    const FleetPool *pools; /* the best first */
    size_t pools_len;       /* 1 to FLEET_OVERRIDES_MAX */
    int count;
    bool is_spot;
    FleetStrategy strategy;
    bool is_all_or_nothing; /* all in one zone, of one type: a gang */
    const char *const
        *tags; /* "name", "value", …, NULL: of the fleet, and of its instances beside the template's */
} FleetRequest;

Query *fleet_query(const FleetRequest *request);
/* One type in one subnet: BEST_FIT, and all nodes of a gang. pools: the first counts. */
Query *fleet_run_query(const FleetRequest *request);

/* ---- what came ---- */

typedef struct {
    char *id, *type, *zone, *subnet_id; /* "": not said */
    bool is_spot;
} FleetInstance;

/* Why a pool gave none. */
typedef struct {
    char *type, *zone; /* NULL: of all */
    AwsError *error;
} FleetFailure;

typedef struct {
    GArray *instances; /* of FleetInstance */
    GArray *failures;  /* of FleetFailure: each code, type and zone once */
} FleetAnswer;

void fleet_answer_clear(FleetAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FleetAnswer, fleet_answer_clear)
/* root: of either answer. Both lists may hold something: a fleet that got a part says why it got no more. */
void fleet_answer_read(const XmlElement *root, FleetAnswer *ret_answer);
