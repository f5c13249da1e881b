#include "reconciler/provider/aws/fleet.h"
#include <string.h>

#define VERSION  "2016-11-15"
#define CONFIG   "LaunchTemplateConfigs.1."
#define MICROUSD 1000000

/* number: of the specification, from 1. */
static void add_tags(Query *query, int number, const char *resource_type, const char *const *tags)
{
    if (!tags || !*tags)
        return;
    query_addf(query, resource_type, "TagSpecification.%d.ResourceType", number);
    for (int i = 0; tags[0] && tags[1]; i++, tags += 2) {
        query_addf(query, tags[0], "TagSpecification.%d.Tag.%d.Key", number, i + 1);
        query_addf(query, tags[1], "TagSpecification.%d.Tag.%d.Value", number, i + 1);
    }
}

/* Dollars with six places: no floating point touches money. New string; NULL: no limit. */
static char *price_text(int64_t microusd_per_h)
{
    return microusd_per_h > 0 ? g_strdup_printf("%" G_GINT64_FORMAT ".%06d", microusd_per_h / MICROUSD,
                                                (int)(microusd_per_h % MICROUSD))
                              : NULL;
}

/* ---- CreateFleet ---- */

static void add_pools(Query *query, const FleetRequest *request)
{
    size_t len = MIN(request->pools_len, FLEET_OVERRIDES_MAX);
    query_add(query, CONFIG "LaunchTemplateSpecification.LaunchTemplateId", request->template_id);
    query_add(query, CONFIG "LaunchTemplateSpecification.Version", request->template_version);
    for (size_t i = 0; i < len; i++) {
        const FleetPool *pool = &request->pools[i];
        g_autofree char *price = request->is_spot ? price_text(pool->max_price_microusd_per_h) : NULL;
        query_addf(query, pool->type, CONFIG "Overrides.%zu.InstanceType", i + 1);
        query_addf(query, pool->subnet_id, CONFIG "Overrides.%zu.SubnetId", i + 1);
        query_addf(query, price, CONFIG "Overrides.%zu.MaxPrice", i + 1);
        if (request->strategy == FLEET_PRIORITIZED) {
            g_autofree char *priority = g_strdup_printf("%zu", i);
            query_addf(query, priority, CONFIG "Overrides.%zu.Priority", i + 1);
        }
    }
}

static const char *strategy_name(FleetStrategy strategy)
{
    static const char *const names[] = {[FLEET_LOWEST_PRICE] = "lowest-price",
                                        [FLEET_PRIORITIZED] = "prioritized",
                                        [FLEET_CAPACITY_OPTIMIZED] = "capacity-optimized",
                                        [FLEET_PRICE_CAPACITY_OPTIMIZED] = "price-capacity-optimized"};
    return names[strategy];
}

static void add_options(Query *query, const FleetRequest *request)
{
    const char *options = request->is_spot ? "SpotOptions" : "OnDemandOptions";
    g_autofree char *count = g_strdup_printf("%d", request->count);
    query_addf(query, strategy_name(request->strategy), "%s.AllocationStrategy", options);
    if (!request->is_all_or_nothing)
        return;
    query_addf(query, count, "%s.MinTargetCapacity", options);
    query_addf(query, "true", "%s.SingleInstanceType", options);
    query_addf(query, "true", "%s.SingleAvailabilityZone", options);
}

Query *fleet_query(const FleetRequest *request)
{
    Query *query = query_new("CreateFleet", VERSION);
    query_add(query, "ClientToken", request->client_token);
    query_add(query, "Type", "instant");
    query_add_number(query, "TargetCapacitySpecification.TotalTargetCapacity", request->count);
    query_add(query, "TargetCapacitySpecification.DefaultTargetCapacityType",
              request->is_spot ? "spot" : "on-demand");
    add_options(query, request);
    add_pools(query, request);
    add_tags(query, 1, "fleet", request->tags);
    add_tags(query, 2, "instance", request->tags);
    return query;
}

/* ---- RunInstances ---- */

static void add_market(Query *query, const FleetPool *pool)
{
    g_autofree char *price = price_text(pool->max_price_microusd_per_h);
    query_add(query, "InstanceMarketOptions.MarketType", "spot");
    query_add(query, "InstanceMarketOptions.SpotOptions.SpotInstanceType", "one-time");
    query_add(query, "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior", "terminate");
    query_add(query, "InstanceMarketOptions.SpotOptions.MaxPrice", price);
}

Query *fleet_run_query(const FleetRequest *request)
{
    Query *query = query_new("RunInstances", VERSION);
    const FleetPool *pool = &request->pools[0];
    query_add(query, "ClientToken", request->client_token);
    query_add(query, "LaunchTemplate.LaunchTemplateId", request->template_id);
    query_add(query, "LaunchTemplate.Version", request->template_version);
    query_add(query, "InstanceType", pool->type);
    query_add(query, "SubnetId", pool->subnet_id);
    query_add_number(query, "MinCount", request->is_all_or_nothing ? request->count : 1);
    query_add_number(query, "MaxCount", request->count);
    if (request->is_spot)
        add_market(query, pool);
    add_tags(query, 1, "instance", request->tags);
    return query;
}

/* ---- what came ---- */

static void instance_clear(void *data)
{
    FleetInstance *instance = data;
    g_free(instance->id);
    g_free(instance->type);
    g_free(instance->zone);
    g_free(instance->subnet_id);
}

static void failure_clear(void *data)
{
    FleetFailure *failure = data;
    g_free(failure->type);
    g_free(failure->zone);
    aws_error_free(failure->error);
}

void fleet_answer_clear(FleetAnswer *answer)
{
    g_clear_pointer(&answer->instances, g_array_unref);
    g_clear_pointer(&answer->failures, g_array_unref);
}

static void add_instance(FleetAnswer *answer, const char *id, const XmlElement *from, const XmlElement *place,
                         const char *zone_path)
{
    const char *zone = xml_text(place, zone_path), *subnet = xml_text(place, "subnetId"),
               *type = xml_text(from, "instanceType");
    const char *lifecycle = xml_text(from, "lifecycle");
    FleetInstance instance = {
        .id = g_strdup(id),
        .type = g_strdup(type ? type : ""),
        .zone = g_strdup(zone ? zone : ""),
        .subnet_id = g_strdup(subnet ? subnet : ""),
        .is_spot = g_strcmp0(lifecycle ? lifecycle : xml_text(from, "instanceLifecycle"), "spot") == 0};
    g_array_append_val(answer->instances, instance);
}

static void read_fleet(const XmlElement *root, FleetAnswer *answer)
{
    for (const XmlElement *set = xml_find(root, "fleetInstanceSet/item"); set; set = xml_next(set)) {
        const XmlElement *place = xml_find(set, "launchTemplateAndOverrides/overrides");
        for (const XmlElement *id = xml_find(set, "instanceIds/item"); id; id = xml_next(id))
            add_instance(answer, id->text, set, place, "availabilityZone");
    }
}

static void read_run(const XmlElement *root, FleetAnswer *answer)
{
    for (const XmlElement *item = xml_find(root, "instancesSet/item"); item; item = xml_next(item)) {
        const char *id = xml_text(item, "instanceId");
        if (id && *id)
            add_instance(answer, id, item, item, "placement/availabilityZone");
    }
}

static bool is_known(const FleetAnswer *answer, const char *code, const char *type, const char *zone)
{
    for (guint i = 0; i < answer->failures->len; i++) {
        const FleetFailure *failure = &g_array_index(answer->failures, FleetFailure, i);
        if (strcmp(failure->error->code, code) == 0 && g_strcmp0(failure->type, type) == 0 &&
            g_strcmp0(failure->zone, zone) == 0)
            return true;
    }
    return false;
}

static void read_failures(const XmlElement *root, FleetAnswer *answer)
{
    for (const XmlElement *item = xml_find(root, "errorSet/item"); item; item = xml_next(item)) {
        const XmlElement *place = xml_find(item, "launchTemplateAndOverrides/overrides");
        const char *code = xml_text(item, "errorCode"), *type = xml_text(place, "instanceType"),
                   *zone = xml_text(place, "availabilityZone");
        if (!code || is_known(answer, code, type, zone))
            continue;
        FleetFailure failure = {.type = g_strdup(type),
                                .zone = g_strdup(zone),
                                .error = aws_error_of_code(AWS_EC2, code, xml_text(item, "errorMessage"))};
        g_array_append_val(answer->failures, failure);
    }
}

void fleet_answer_read(const XmlElement *root, FleetAnswer *ret_answer)
{
    ret_answer->instances = g_array_new(FALSE, FALSE, sizeof(FleetInstance));
    ret_answer->failures = g_array_new(FALSE, FALSE, sizeof(FleetFailure));
    g_array_set_clear_func(ret_answer->instances, instance_clear);
    g_array_set_clear_func(ret_answer->failures, failure_clear);
    read_fleet(root, ret_answer);
    read_run(root, ret_answer);
    read_failures(root, ret_answer);
}
