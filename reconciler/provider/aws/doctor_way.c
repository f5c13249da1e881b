/* doctor_way.c: how what runs in a subnet reaches what it needs: by its default route, or by VPC endpoints.
 */
#include <string.h>
#include "reconciler/provider/aws/doctor_network.h"

#define HTTPS_PORT 443
#define EVERYWHERE "0.0.0.0/0"

/* ---- the route ---- */

/* The table of a subnet: its own, else the main one of its VPC. NULL: none was seen. */
static const DoctorTable *table_of(const DoctorNetwork *network, const char *subnet, const char *vpc)
{
    const DoctorTable *main_one = NULL;
    for (guint i = 0; i < network->tables->len; i++) {
        const DoctorTable *table = &g_array_index(network->tables, DoctorTable, i);
        if (doctor_links(network, table->id, subnet))
            return table;
        if (table->is_main && vpc && strcmp(table->vpc, vpc) == 0)
            main_one = table;
    }
    return main_one;
}

static const DoctorRoute *default_route(const DoctorNetwork *network, const DoctorTable *table)
{
    for (guint i = 0; table && i < network->routes->len; i++) {
        const DoctorRoute *route = &g_array_index(network->routes, DoctorRoute, i);
        if (strcmp(route->table, table->id) == 0 && strcmp(route->destination, EVERYWHERE) == 0)
            return route;
    }
    return NULL;
}

static const DoctorNat *find_nat(const DoctorNetwork *network, const char *id)
{
    for (guint i = 0; i < network->nats->len; i++) {
        const DoctorNat *nat = &g_array_index(network->nats, DoctorNat, i);
        if (strcmp(nat->id, id) == 0)
            return nat;
    }
    return NULL;
}

typedef struct {
    DoctorStatus status;
    char *text;
    const char *cure;
} Way;

static void way_clear(Way *way)
{
    g_free(way->text);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Way, way_clear)

static void say(Way *way, DoctorStatus status, const char *cure, const char *format, ...) G_GNUC_PRINTF(4, 5);
static void say(Way *way, DoctorStatus status, const char *cure, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    *way = (Way){status, g_strdup_vprintf(format, arguments), cure};
    va_end(arguments);
}

/* A NAT gateway needs a way out of its own: its subnet's default route has to be an internet gateway. */
static void judge_nat(const DoctorNetwork *network, const char *id, const char *vpc, Way *way)
{
    const DoctorNat *nat = find_nat(network, id);
    const DoctorRoute *beyond = nat ? default_route(network, table_of(network, nat->subnet, vpc)) : NULL;
    if (network->nats_reply.how != DOCTOR_ANSWERED)
        say(way, DOCTOR_NOT_CHECKED, NULL, "by %s: %s", id,
            network->nats_reply.why ? network->nats_reply.why : "it was not asked for");
    else if (!nat)
        say(way, DOCTOR_PROBLEM, "point the default route at a NAT gateway that is there",
            "its default route goes to %s, which is not there", id);
    else if (strcmp(nat->state, "available") != 0)
        say(way, DOCTOR_PROBLEM, "point the default route at a NAT gateway that is available",
            "its default route goes to %s, which is %s", id, nat->state);
    else if (nat->is_private)
        say(way, DOCTOR_NOT_CHECKED, NULL,
            "by %s, a private NAT gateway: what lies behind it was not looked at", id);
    else if (!beyond || !g_str_has_prefix(beyond->target, "igw-"))
        say(way, DOCTOR_PROBLEM, "give the NAT gateway's subnet a default route to an internet gateway",
            "by %s, whose own subnet %s has no route to an internet gateway", id, nat->subnet);
    else
        say(way, DOCTOR_OK, NULL, "by %s", id);
}

static void judge_route(const DoctorNetwork *network, const DoctorNeeds *needs, const DoctorSubnet *subnet,
                        const DoctorRoute *route, Way *way)
{
    bool is_public = needs->has_public_ip || (subnet->maps_public && !needs->is_fargate);
    if (route->is_blackhole)
        say(way, DOCTOR_PROBLEM, "point the default route at a gateway that is there",
            "its default route goes to %s, which is gone (blackhole)", route->target);
    else if (g_str_has_prefix(route->target, "igw-") && is_public)
        say(way, DOCTOR_OK, NULL, "by %s, with a public address", route->target);
    else if (g_str_has_prefix(route->target, "igw-"))
        say(way, DOCTOR_PROBLEM,
            needs->is_fargate ? "set networkConfiguration.assignPublicIp to ENABLED in the job definitions, "
                                "or route through a "
                                "NAT gateway"
                              : "let the subnet give public addresses (aws ec2 modify-subnet-attribute "
                                "--map-public-ip-on-launch), or route through a NAT gateway",
            "its way out is %s, and %s there get no public address", route->target,
            needs->is_fargate ? "tasks" : "instances");
    else if (g_str_has_prefix(route->target, "nat-"))
        judge_nat(network, route->target, subnet->vpc, way);
    else
        say(way, DOCTOR_NOT_CHECKED, NULL, "by %s: what lies behind it was not looked at", route->target);
}

/* ---- endpoints ---- */

/* Without a way out these have to be in the VPC. Source: ECS Developer Guide, "Amazon ECS interface VPC
 * endpoints" (Fargate needs none of ECS's own); ECR User Guide, "Amazon ECR interface VPC endpoints": both of
 * ECR's, and S3 for the layers. */
static void needed_endpoints(const DoctorNeeds *needs, GPtrArray *services)
{
    const struct {
        const char *service;
        bool is_needed;
    } all[] = {{"ecs", !needs->is_fargate},
               {"ecs-agent", !needs->is_fargate},
               {"ecs-telemetry", !needs->is_fargate},
               {"ecr.api", needs->pulls_from_ecr},
               {"ecr.dkr", needs->pulls_from_ecr},
               {"s3", needs->pulls_from_ecr},
               {"logs", true},
               {"ssm", needs->reads_parameters},
               {"secretsmanager", needs->reads_secrets}};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        if (all[i].is_needed)
            g_ptr_array_add(services, (char *)(uintptr_t)all[i].service);
}

/* NULL: there is one that can be used from the subnet; else what is wrong. New string. */
static char *endpoint_fault(const DoctorNetwork *network, const DoctorNeeds *needs,
                            const DoctorSubnet *subnet, const DoctorTable *table, const char *service)
{
    char *fault = g_strdup(service);
    for (guint i = 0; i < network->endpoints->len; i++) {
        const DoctorEndpoint *endpoint = &g_array_index(network->endpoints, DoctorEndpoint, i);
        if (strcmp(endpoint->service, service) != 0 || strcmp(endpoint->vpc, subnet->vpc) != 0)
            continue;
        bool is_routed = !endpoint->is_gateway || (table && doctor_links(network, endpoint->id, table->id));
        bool is_open = endpoint->is_gateway || network->peers_reply.how != DOCTOR_ANSWERED ||
                       doctor_lets_in(network, endpoint->id, HTTPS_PORT, needs->groups, subnet->cidr);
        g_free(fault);
        if (endpoint->is_available && is_routed && is_open && (endpoint->is_gateway || endpoint->has_dns))
            return NULL;
        fault = g_strdup_printf("%s (%s %s)", service, endpoint->id,
                                !endpoint->is_available ? "is not available"
                                : !is_routed            ? "is not in the subnet's route table"
                                : !is_open              ? "does not let TCP 443 in from there"
                                                        : "has no private DNS name");
    }
    return fault;
}

/* "" where none is missing. New string. */
static char *missing_endpoints(const DoctorNetwork *network, const DoctorNeeds *needs,
                               const DoctorSubnet *subnet, const DoctorTable *table)
{
    g_autoptr(GPtrArray) services = g_ptr_array_new();
    g_autoptr(GString) text = g_string_new(NULL);
    needed_endpoints(needs, services);
    for (guint i = 0; i < services->len; i++) {
        g_autofree char *fault = endpoint_fault(network, needs, subnet, table, services->pdata[i]);
        if (fault)
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", fault);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Without a way out, or beside one that does not work. */
static void judge_endpoints(const DoctorNetwork *network, const DoctorNeeds *needs,
                            const DoctorSubnet *subnet, const DoctorTable *table, Way *way)
{
    if (network->endpoints_reply.how != DOCTOR_ANSWERED) {
        if (!way->text)
            say(way, DOCTOR_NOT_CHECKED, NULL,
                "it has no default route, and its VPC endpoints are not known: %s",
                network->endpoints_reply.why ? network->endpoints_reply.why : "they were not asked for");
        return;
    }
    g_autofree char *missing = missing_endpoints(network, needs, subnet, table);
    if (way->text && *missing)
        return; /* the route is what is wrong */
    way_clear(way);
    if (*missing)
        say(way, DOCTOR_PROBLEM, "route through a NAT gateway, or make these endpoints",
            "it has no way out, and no VPC endpoints for %s", missing);
    else if (needs->foreign_image)
        say(way, DOCTOR_PROBLEM, "copy the image into ECR, or route through a NAT gateway",
            "it reaches AWS by VPC endpoints only, and %s is elsewhere", needs->foreign_image);
    else
        say(way, DOCTOR_OK, NULL, "by VPC endpoints");
}

void doctor_find_ways(const DoctorNetwork *network, const DoctorNeeds *needs, json_t *findings)
{
    for (const char *const *id = needs->subnets; *id; id++) {
        const DoctorSubnet *subnet = doctor_subnet(network, *id);
        if (!subnet)
            continue;
        g_auto(Way) way = {0};
        g_autofree char *check = g_strdup_printf("way out of %s", *id);
        if (!doctor_was_answered(findings, check, &network->tables_reply))
            continue;
        const DoctorTable *table = table_of(network, *id, subnet->vpc);
        const DoctorRoute *route = default_route(network, table);
        if (route)
            judge_route(network, needs, subnet, route, &way);
        if (!route || way.status == DOCTOR_PROBLEM)
            judge_endpoints(network, needs, subnet, table, &way);
        doctor_find(findings, check, way.status, way.cure, "%s", way.text);
    }
}
