/* doctor_network_read.c: what EC2 and EFS answer, as facts of doctor_network.h. */
#include <string.h>
#include "reconciler/provider/aws/doctor_network.h"
#include "reconciler/provider/aws/ecs_words.h"

void doctor_network_init(DoctorNetwork *network)
{
    *network = (DoctorNetwork){.texts = g_string_chunk_new(4096),
                               .subnets = g_array_new(FALSE, FALSE, sizeof(DoctorSubnet)),
                               .tables = g_array_new(FALSE, FALSE, sizeof(DoctorTable)),
                               .routes = g_array_new(FALSE, FALSE, sizeof(DoctorRoute)),
                               .nats = g_array_new(FALSE, FALSE, sizeof(DoctorNat)),
                               .endpoints = g_array_new(FALSE, FALSE, sizeof(DoctorEndpoint)),
                               .groups = g_array_new(FALSE, FALSE, sizeof(DoctorGroup)),
                               .rules = g_array_new(FALSE, FALSE, sizeof(DoctorRule)),
                               .targets = g_array_new(FALSE, FALSE, sizeof(DoctorTarget)),
                               .links = g_array_new(FALSE, FALSE, sizeof(DoctorLink))};
}

void doctor_network_clear(DoctorNetwork *network)
{
    GArray *const lists[] = {network->subnets, network->tables,    network->routes,
                             network->nats,    network->endpoints, network->groups,
                             network->rules,   network->targets,   network->links};
    DoctorReply *const replies[] = {&network->subnets_reply, &network->tables_reply,
                                    &network->nats_reply,    &network->endpoints_reply,
                                    &network->groups_reply,  &network->peers_reply,
                                    &network->targets_reply, &network->target_groups_reply};
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
        g_array_unref(lists[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(replies); i++)
        doctor_reply_clear(replies[i]);
    g_string_chunk_free(network->texts);
}

/* "" for what is not there. */
static const char *keep(DoctorNetwork *network, const char *text)
{
    return g_string_chunk_insert_const(network->texts, text ? text : "");
}

static const char *text_of(DoctorNetwork *network, const XmlElement *item, const char *path)
{
    return keep(network, xml_text(item, path));
}

static void link_to(DoctorNetwork *network, const char *of, const char *to)
{
    const DoctorLink link = {of, to};
    g_array_append_val(network->links, link);
}

static void link_all(DoctorNetwork *network, const char *of, const XmlElement *first, const char *path)
{
    for (const XmlElement *item = first; item; item = xml_next(item))
        link_to(network, of, path ? text_of(network, item, path) : keep(network, item->text));
}

bool doctor_read_subnets(const AwsAnswer *answer, void *data)
{
    DoctorNetwork *network = data;
    const XmlElement *item = xml_find(answer->xml, "subnetSet/item");
    for (; item; item = xml_next(item)) {
        const DoctorSubnet subnet = {.id = text_of(network, item, "subnetId"),
                                     .vpc = text_of(network, item, "vpcId"),
                                     .zone = text_of(network, item, "availabilityZone"),
                                     .cidr = text_of(network, item, "cidrBlock"),
                                     .free = xml_number(item, "availableIpAddressCount", 0),
                                     .maps_public = xml_is_true(item, "mapPublicIpOnLaunch")};
        g_array_append_val(network->subnets, subnet);
    }
    return true;
}

/* ---- ways out ---- */

static const char *target_of(DoctorNetwork *network, const XmlElement *route)
{
    static const char *const members[] = {
        "gatewayId",          "natGatewayId",   "transitGatewayId", "vpcPeeringConnectionId",
        "networkInterfaceId", "localGatewayId", "carrierGatewayId", "coreNetworkArn",
        "instanceId"};
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        const char *text = xml_text(route, members[i]);
        if (text && *text)
            return keep(network, text);
    }
    return "?";
}

static void read_routes(DoctorNetwork *network, const char *table, const XmlElement *route)
{
    for (; route; route = xml_next(route)) {
        const char *cidr = xml_text(route, "destinationCidrBlock"),
                   *list = xml_text(route, "destinationPrefixListId"), *state = xml_text(route, "state");
        const DoctorRoute fact = {.table = table,
                                  .destination = keep(network, cidr ? cidr : list),
                                  .target = target_of(network, route),
                                  .is_blackhole = g_strcmp0(state, "blackhole") == 0};
        g_array_append_val(network->routes, fact);
    }
}

bool doctor_read_tables(const AwsAnswer *answer, void *data)
{
    DoctorNetwork *network = data;
    const XmlElement *item = xml_find(answer->xml, "routeTableSet/item");
    for (; item; item = xml_next(item)) {
        DoctorTable table = {text_of(network, item, "routeTableId"), text_of(network, item, "vpcId"), false};
        const XmlElement *association = xml_find(item, "associationSet/item");
        for (; association; association = xml_next(association)) {
            table.is_main = table.is_main || xml_is_true(association, "main");
            if (xml_text(association, "subnetId"))
                link_to(network, table.id, text_of(network, association, "subnetId"));
        }
        g_array_append_val(network->tables, table);
        read_routes(network, table.id, xml_find(item, "routeSet/item"));
    }
    return true;
}

bool doctor_read_nats(const AwsAnswer *answer, void *data)
{
    DoctorNetwork *network = data;
    const XmlElement *item = xml_find(answer->xml, "natGatewaySet/item");
    for (; item; item = xml_next(item)) {
        const DoctorNat nat = {.id = text_of(network, item, "natGatewayId"),
                               .subnet = text_of(network, item, "subnetId"),
                               .state = text_of(network, item, "state"),
                               .is_private = g_strcmp0(xml_text(item, "connectivityType"), "private") == 0};
        g_array_append_val(network->nats, nat);
    }
    return true;
}

/* "com.amazonaws.eu-west-1.ecr.api" and "cn.com.amazonaws.cn-north-1.ecr.api": what stands behind the region.
 */
static const char *service_of(const char *name)
{
    const char *found = strstr(name, "amazonaws.");
    found = found ? strchr(found + strlen("amazonaws."), '.') : NULL;
    return found ? found + 1 : name;
}

bool doctor_read_endpoints(const AwsAnswer *answer, void *data)
{
    DoctorNetwork *network = data;
    const XmlElement *item = xml_find(answer->xml, "vpcEndpointSet/item");
    for (; item; item = xml_next(item)) {
        const char *state = xml_text(item, "state"), *type = xml_text(item, "vpcEndpointType");
        const DoctorEndpoint endpoint = {.id = text_of(network, item, "vpcEndpointId"),
                                         .vpc = text_of(network, item, "vpcId"),
                                         .service = service_of(text_of(network, item, "serviceName")),
                                         .is_gateway = g_strcmp0(type, "Gateway") == 0,
                                         .is_available = state && g_ascii_strcasecmp(state, "available") == 0,
                                         .has_dns = xml_is_true(item, "privateDnsEnabled")};
        g_array_append_val(network->endpoints, endpoint);
        link_all(network, endpoint.id, xml_find(item, "groupSet/item"), "groupId");
        link_all(network, endpoint.id, xml_find(item, "routeTableIdSet/item"), NULL);
    }
    return true;
}

/* ---- security groups ---- */

static void read_rule(DoctorNetwork *network, DoctorRule rule, const XmlElement *permission)
{
    const struct {
        const char *list, *member;
        bool is_cidr;
    } peers[] = {{"ipRanges/item", "cidrIp", true},
                 {"groups/item", "groupId", false},
                 {"prefixListIds/item", "prefixListId", false}};
    for (size_t i = 0; i < G_N_ELEMENTS(peers); i++) {
        const XmlElement *item = xml_find(permission, peers[i].list);
        for (; item; item = xml_next(item)) {
            const char *text = text_of(network, item, peers[i].member);
            rule.cidr = peers[i].is_cidr ? text : NULL;
            rule.peer = peers[i].is_cidr ? NULL : text;
            g_array_append_val(network->rules, rule);
        }
    }
}

static void read_rules(DoctorNetwork *network, const char *group, bool is_egress,
                       const XmlElement *permission)
{
    for (; permission; permission = xml_next(permission)) {
        const DoctorRule rule = {.group = group,
                                 .protocol = text_of(network, permission, "ipProtocol"),
                                 .is_egress = is_egress,
                                 .from = xml_number(permission, "fromPort", -1),
                                 .to = xml_number(permission, "toPort", -1)};
        read_rule(network, rule, permission);
    }
}

bool doctor_read_groups(const AwsAnswer *answer, void *data)
{
    DoctorNetwork *network = data;
    const XmlElement *item = xml_find(answer->xml, "securityGroupInfo/item");
    for (; item; item = xml_next(item)) {
        const DoctorGroup group = {text_of(network, item, "groupId"), text_of(network, item, "vpcId")};
        g_array_append_val(network->groups, group);
        read_rules(network, group.id, false, xml_find(item, "ipPermissions/item"));
        read_rules(network, group.id, true, xml_find(item, "ipPermissionsEgress/item"));
    }
    return true;
}

/* ---- EFS ---- */

bool doctor_read_targets(const AwsAnswer *answer, void *data)
{
    DoctorNetwork *network = data;
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(answer->json, "MountTargets"), index, item)
    {
        const DoctorTarget target = {.id = keep(network, ecs_text(item, "MountTargetId")),
                                     .zone = keep(network, ecs_text(item, "AvailabilityZoneName")),
                                     .is_available =
                                         g_strcmp0(ecs_text(item, "LifeCycleState"), "available") == 0};
        g_array_append_val(network->targets, target);
    }
    return true;
}

void doctor_read_target_groups(const AwsAnswer *answer, DoctorNetwork *network, const char *target)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(answer->json, "SecurityGroups"), index, item)
    {
        link_to(network, target, keep(network, json_string_value(item)));
    }
}
