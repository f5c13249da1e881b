#include "reconciler/provider/aws/doctor_network.h"
#include <string.h>

/* Two subnets of one VPC, a table of its own for the first, the main one for the second; all that is asked
 * was answered. Texts are constants: nothing is kept by the facts. */
typedef struct {
    DoctorNetwork network;
    DoctorNeeds needs;
    json_t *findings;
} Fixture;

static const char *const both[] = {"subnet-a", "subnet-b", NULL};
static const char *const groups[] = {"sg-own", NULL};

#define ADD(list, type, ...)                                                                                 \
    do {                                                                                                     \
        const type added = __VA_ARGS__;                                                                      \
        g_array_append_val(list, added);                                                                     \
    } while (0)

static void set_up(Fixture *fixture)
{
    DoctorNetwork *network = &fixture->network;
    doctor_network_init(network);
    DoctorReply *const replies[] = {&network->subnets_reply, &network->tables_reply,
                                    &network->nats_reply,    &network->endpoints_reply,
                                    &network->groups_reply,  &network->peers_reply,
                                    &network->targets_reply, &network->target_groups_reply};
    for (size_t i = 0; i < G_N_ELEMENTS(replies); i++)
        replies[i]->how = DOCTOR_ANSWERED;
    ADD(network->subnets, DoctorSubnet, {"subnet-a", "vpc-1", "zone-a", "10.0.0.0/24", 10, true});
    ADD(network->subnets, DoctorSubnet, {"subnet-b", "vpc-1", "zone-b", "10.0.1.0/24", 10, true});
    ADD(network->tables, DoctorTable, {"rtb-own", "vpc-1", false});
    ADD(network->tables, DoctorTable, {"rtb-main", "vpc-1", true});
    ADD(network->links, DoctorLink, {"rtb-own", "subnet-a"});
    ADD(network->groups, DoctorGroup, {"sg-own", "vpc-1"});
    ADD(network->rules, DoctorRule,
        {.group = "sg-own", .protocol = "-1", .is_egress = true, .from = -1, .to = -1, .cidr = "0.0.0.0/0"});
    fixture->needs = (DoctorNeeds){.subnets = both, .groups = groups, .pulls_from_ecr = true};
    fixture->findings = json_array();
}

static void tear_down(Fixture *fixture)
{
    doctor_network_clear(&fixture->network);
    json_decref(fixture->findings);
}

static void route(Fixture *fixture, const char *table, const char *target, bool is_blackhole)
{
    ADD(fixture->network.routes, DoctorRoute, {table, "10.0.0.0/16", "local", false});
    ADD(fixture->network.routes, DoctorRoute, {table, "0.0.0.0/0", target, is_blackhole});
}

/* The finding of that number: its status, and a part of what it says. */
static void expect(const Fixture *fixture, size_t index, const char *status, const char *part)
{
    const json_t *finding = json_array_get(fixture->findings, index);
    const char *detail = json_string_value(json_object_get(finding, "detail"));
    g_assert_nonnull(detail);
    if (!strstr(detail, part))
        g_error("\"%s\" does not say \"%s\"", detail, part);
    g_assert_cmpstr(json_string_value(json_object_get(finding, "status")), ==, status);
}

static void test_tables(void)
{
    Fixture f;
    set_up(&f);
    route(&f, "rtb-own", "igw-1", false);
    route(&f, "rtb-main", "igw-2", false);
    doctor_find_ways(&f.network, &f.needs, f.findings);
    g_assert_cmpuint(json_array_size(f.findings), ==, 2);
    expect(&f, 0, "ok", "by igw-1");
    expect(&f, 1, "ok", "by igw-2");
    tear_down(&f);
}

static void test_public_addresses(void)
{
    Fixture f;
    set_up(&f);
    g_array_index(f.network.subnets, DoctorSubnet, 0).maps_public = false;
    route(&f, "rtb-own", "igw-1", false);
    route(&f, "rtb-main", "igw-1", true);
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 0, "failed", "instances there get no public address");
    expect(&f, 1, "failed", "blackhole");
    f.needs.has_public_ip = true; /* by a launch template */
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 2, "ok", "igw-1");
    f.needs = (DoctorNeeds){.subnets = both, .groups = groups, .is_fargate = true};
    g_array_index(f.network.subnets, DoctorSubnet, 0).maps_public = true; /* of instances alone */
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 4, "failed", "tasks there get no public address");
    tear_down(&f);
}

/* A NAT gateway in the subnet of the main table. */
static void test_nat(void)
{
    Fixture f;
    set_up(&f);
    ADD(f.network.nats, DoctorNat, {"nat-1", "subnet-b", "available", false});
    route(&f, "rtb-own", "nat-1", false);
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 0, "failed", "whose own subnet subnet-b has no route to an internet gateway");
    route(&f, "rtb-main", "igw-1", false);
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 2, "ok", "by nat-1");
    g_array_index(f.network.nats, DoctorNat, 0).is_private = true;
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 4, "not checked", "private");
    g_array_index(f.network.nats, DoctorNat, 0) = (DoctorNat){"nat-1", "subnet-b", "failed", false};
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 6, "failed", "which is failed");
    f.network.nats_reply.how = DOCTOR_FAILED;
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 8, "not checked", "by nat-1");
    tear_down(&f);
}

static void endpoint(Fixture *f, const char *service)
{
    ADD(f->network.endpoints, DoctorEndpoint, {service, "vpc-1", service, false, true, true});
    ADD(f->network.links, DoctorLink, {service, "sg-own"});
}

static void test_endpoints(void)
{
    Fixture f;
    set_up(&f);
    f.needs.is_fargate = true; /* none of ECS's own */
    endpoint(&f, "ecr.api");
    endpoint(&f, "ecr.dkr");
    endpoint(&f, "logs");
    ADD(f.network.endpoints, DoctorEndpoint, {"vpce-s3", "vpc-1", "s3", true, true, false});
    ADD(f.network.links, DoctorLink, {"vpce-s3", "rtb-own"});
    ADD(f.network.rules, DoctorRule,
        {.group = "sg-own", .protocol = "tcp", .from = 443, .to = 443, .cidr = "10.0.0.0/25"});
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 0, "ok", "by VPC endpoints");
    expect(&f, 1, "failed", "ecr.api (ecr.api does not let TCP 443 in from there)");
    ADD(f.network.rules, DoctorRule,
        {.group = "sg-own", .protocol = "tcp", .from = 1, .to = 65535, .peer = "sg-own"});
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 3, "failed", "no VPC endpoints for s3 (vpce-s3 is not in the subnet's route table)");
    f.needs.foreign_image = "busybox";
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 4, "failed", "busybox is elsewhere");
    f.needs = (DoctorNeeds){.subnets = both, .groups = groups, .reads_secrets = true};
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 6, "failed", "no VPC endpoints for ecs, ecs-agent, ecs-telemetry, secretsmanager");
    f.network.endpoints_reply.how = DOCTOR_FAILED;
    doctor_find_ways(&f.network, &f.needs, f.findings);
    expect(&f, 8, "not checked", "its VPC endpoints are not known");
    tear_down(&f);
}

static void test_addresses(void)
{
    const struct {
        int64_t least, most;
        const char *status;
    } cases[] = {{20, 20, "ok"}, {20, 21, "warning"}, {21, 40, "failed"}, {0, 0, "ok"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture f;
        set_up(&f);
        f.needs.hosts_least = cases[i].least;
        f.needs.hosts_most = cases[i].most;
        doctor_find_addresses(&f.network, &f.needs, f.findings);
        expect(&f, 0, cases[i].status, "20 are free");
        tear_down(&f);
    }
}

static void test_groups(void)
{
    Fixture f;
    set_up(&f);
    doctor_find_groups(&f.network, &f.needs, f.findings);
    expect(&f, 0, "ok", "443");
    DoctorRule *rule = &g_array_index(f.network.rules, DoctorRule, 0);
    rule->cidr = "10.0.0.0/8";
    doctor_find_groups(&f.network, &f.needs, f.findings);
    expect(&f, 1, "warning", "10.0.0.0/8");
    *rule = (DoctorRule){
        .group = "sg-own", .protocol = "udp", .is_egress = true, .from = 0, .to = 65535, .cidr = "0.0.0.0/0"};
    doctor_find_groups(&f.network, &f.needs, f.findings);
    expect(&f, 2, "failed", "none of them lets TCP 443 out");
    g_array_index(f.network.groups, DoctorGroup, 0).vpc = "vpc-2";
    doctor_find_groups(&f.network, &f.needs, f.findings);
    expect(&f, 3, "failed", "sg-own is of vpc-2");
    f.network.groups_reply.how = DOCTOR_FAILED;
    doctor_find_groups(&f.network, &f.needs, f.findings);
    expect(&f, 4, "not checked", "");
    tear_down(&f);
}

static void test_file_system(void)
{
    Fixture f;
    set_up(&f);
    f.needs.file_system = "fs-1";
    ADD(f.network.targets, DoctorTarget, {"fsmt-1", "zone-a", true});
    ADD(f.network.links, DoctorLink, {"fsmt-1", "sg-efs"});
    doctor_find_file_system(&f.network, &f.needs, f.findings);
    expect(&f, 0, "failed", "do not let NFS in from subnet-a");
    expect(&f, 1, "failed", "no mount target in zone-b");
    ADD(f.network.rules, DoctorRule,
        {.group = "sg-efs", .protocol = "tcp", .from = 2049, .to = 2049, .peer = "sg-own"});
    doctor_find_file_system(&f.network, &f.needs, f.findings);
    expect(&f, 2, "ok", "fs-1 can be mounted from subnet-a");
    f.network.peers_reply.how = DOCTOR_FAILED;
    doctor_find_file_system(&f.network, &f.needs, f.findings);
    expect(&f, 4, "not checked", "fs-1");
    f.network.targets_reply = (DoctorReply){.how = DOCTOR_ABSENT, .why = g_strdup("FileSystemNotFound")};
    doctor_find_file_system(&f.network, &f.needs, f.findings);
    expect(&f, 6, "failed", "FileSystemNotFound");
    tear_down(&f);
}

/* What EC2 answers: names of services in every partition, rules with several peers, routes by prefix list. */
static void test_reading(void)
{
    static const char endpoints[] =
        "<R><vpcEndpointSet>"
        "<item><vpcEndpointId>vpce-1</vpcEndpointId><vpcId>vpc-1</vpcId><state>Available</state>"
        "<serviceName>cn.com.amazonaws.cn-north-1.ecr.api</serviceName><privateDnsEnabled>true</"
        "privateDnsEnabled>"
        "<groupSet><item><groupId>sg-1</groupId></item></groupSet></item>"
        "<item><vpcEndpointId>vpce-2</vpcEndpointId><vpcId>vpc-1</vpcId><state>pending</state>"
        "<serviceName>com.amazonaws.eu-west-1.s3</serviceName><vpcEndpointType>Gateway</vpcEndpointType>"
        "<routeTableIdSet><item>rtb-1</item></routeTableIdSet></item></vpcEndpointSet></R>";
    static const char secured[] =
        "<R><securityGroupInfo><item><groupId>sg-1</groupId><vpcId>vpc-1</vpcId><ipPermissions><item>"
        "<ipProtocol>tcp</ipProtocol><fromPort>443</fromPort><toPort>443</toPort>"
        "<groups><item><groupId>sg-2</groupId></item><item><groupId>sg-3</groupId></item></groups>"
        "</item></ipPermissions></item></securityGroupInfo></R>";
    DoctorNetwork network;
    const char *const peers[] = {"sg-3", NULL}, *const others[] = {"sg-4", NULL};
    g_autoptr(XmlDocument) first = xml_parse(view_from(endpoints), NULL);
    g_autoptr(XmlDocument) second = xml_parse(view_from(secured), NULL);
    doctor_network_init(&network);
    doctor_read_endpoints(&(AwsAnswer){.xml = xml_root(first)}, &network);
    doctor_read_groups(&(AwsAnswer){.xml = xml_root(second)}, &network);
    const DoctorEndpoint *endpoint = &g_array_index(network.endpoints, DoctorEndpoint, 0);
    g_assert_cmpstr(endpoint[0].service, ==, "ecr.api");
    g_assert_true(endpoint[0].is_available && endpoint[0].has_dns && !endpoint[0].is_gateway);
    g_assert_cmpstr(endpoint[1].service, ==, "s3");
    g_assert_true(!endpoint[1].is_available && endpoint[1].is_gateway);
    g_assert_true(doctor_links(&network, "vpce-2", "rtb-1"));
    g_assert_true(doctor_lets_in(&network, "vpce-1", 443, peers, "10.0.0.0/8"));
    g_assert_false(doctor_lets_in(&network, "vpce-1", 443, others, "10.0.0.0/8"));
    g_assert_false(doctor_lets_in(&network, "vpce-1", 80, peers, "10.0.0.0/8"));
    doctor_network_clear(&network);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws/doctor/tables", test_tables);
    g_test_add_func("/aws/doctor/public addresses", test_public_addresses);
    g_test_add_func("/aws/doctor/nat", test_nat);
    g_test_add_func("/aws/doctor/endpoints", test_endpoints);
    g_test_add_func("/aws/doctor/addresses", test_addresses);
    g_test_add_func("/aws/doctor/groups", test_groups);
    g_test_add_func("/aws/doctor/file system", test_file_system);
    g_test_add_func("/aws/doctor/reading", test_reading);
    return g_test_run();
}
