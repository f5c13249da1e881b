#include "reconciler/provider/aws/fleet.h"

static const FleetPool pools[] = {{"c5.large", "subnet-1", 85000}, {"m5.large", "subnet-2", 0}};
static const char *const tags[] = {"muster/installation", "4f", "muster/intent", "7c", NULL};
static const FleetRequest base = {.client_token = "t-1",
                                  .template_id = "lt-1",
                                  .template_version = "7",
                                  .pools = pools,
                                  .pools_len = 2,
                                  .count = 3};
#define HEAD_FLEET                                                                                           \
    "Action=CreateFleet&Version=2016-11-15&ClientToken=t-1&Type=instant&TargetCapacitySpecification."        \
    "TotalTargetCapacity=3&"
#define CONFIG "LaunchTemplateConfigs.1."
#define TEMPLATE                                                                                             \
    CONFIG "LaunchTemplateSpecification.LaunchTemplateId=lt-1&" CONFIG                                       \
           "LaunchTemplateSpecification.Version=7&"

/* The names are those that botocore sends. */
static void test_fleets(void)
{
    FleetRequest spot = base, ordered = base;
    spot.is_spot = spot.is_all_or_nothing = true;
    spot.strategy = FLEET_CAPACITY_OPTIMIZED;
    spot.tags = tags;
    ordered.strategy = FLEET_PRIORITIZED;
    g_autoptr(Query) first = fleet_query(&spot);
    g_autoptr(Query) second = fleet_query(&ordered);
    g_assert_cmpstr(query_text(first), ==,
                    HEAD_FLEET
                    "TargetCapacitySpecification.DefaultTargetCapacityType=spot&SpotOptions."
                    "AllocationStrategy=capacity-optimized&"
                    "SpotOptions.MinTargetCapacity=3&SpotOptions.SingleInstanceType=true&SpotOptions."
                    "SingleAvailabilityZone=true&" TEMPLATE CONFIG "Overrides.1.InstanceType=c5.large&" CONFIG
                    "Overrides.1.SubnetId=subnet-1&" CONFIG "Overrides.1.MaxPrice=0.085000&" CONFIG
                    "Overrides.2.InstanceType=m5.large&" CONFIG "Overrides.2.SubnetId=subnet-2&"
                    "TagSpecification.1.ResourceType=fleet&TagSpecification.1.Tag.1.Key=muster%"
                    "2Finstallation&TagSpecification.1.Tag.1.Value=4f&"
                    "TagSpecification.1.Tag.2.Key=muster%2Fintent&TagSpecification.1.Tag.2.Value=7c&"
                    "TagSpecification.2.ResourceType=instance&TagSpecification.2.Tag.1.Key=muster%"
                    "2Finstallation&TagSpecification.2.Tag.1.Value=4f&"
                    "TagSpecification.2.Tag.2.Key=muster%2Fintent&TagSpecification.2.Tag.2.Value=7c");
    g_assert_cmpstr(query_text(second), ==,
                    HEAD_FLEET "TargetCapacitySpecification.DefaultTargetCapacityType=on-demand&"
                               "OnDemandOptions.AllocationStrategy=prioritized&" TEMPLATE CONFIG
                               "Overrides.1.InstanceType=c5.large&" CONFIG
                               "Overrides.1.SubnetId=subnet-1&" CONFIG "Overrides.1.Priority=0&" CONFIG
                               "Overrides.2.InstanceType=m5.large&" CONFIG
                               "Overrides.2.SubnetId=subnet-2&" CONFIG "Overrides.2.Priority=1");
}

static void test_runs(void)
{
    FleetRequest gang = base, spot = base;
    gang.is_all_or_nothing = true;
    spot.is_spot = true;
    g_autoptr(Query) first = fleet_run_query(&gang);
    g_autoptr(Query) second = fleet_run_query(&spot);
#define HEAD_RUN                                                                                             \
    "Action=RunInstances&Version=2016-11-15&ClientToken=t-1&LaunchTemplate.LaunchTemplateId=lt-1&"           \
    "LaunchTemplate.Version=7&InstanceType=c5.large&SubnetId=subnet-1&"
    g_assert_cmpstr(query_text(first), ==, HEAD_RUN "MinCount=3&MaxCount=3");
    g_assert_cmpstr(query_text(second), ==,
                    HEAD_RUN "MinCount=1&MaxCount=3&InstanceMarketOptions.MarketType=spot&"
                             "InstanceMarketOptions.SpotOptions.SpotInstanceType=one-time&"
                             "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior=terminate&"
                             "InstanceMarketOptions.SpotOptions.MaxPrice=0.085000");
}

static void read_answer(const char *text, FleetAnswer *ret_answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(XmlDocument) document = xml_parse(view_from(text), &error);
    g_assert_no_error(error);
    fleet_answer_read(xml_root(document), ret_answer);
}

#define OVERRIDES(type, zone)                                                                                \
    "<launchTemplateAndOverrides><overrides><instanceType>" type                                             \
    "</instanceType><subnetId>subnet-1</subnetId><availabilityZone>" zone                                    \
    "</availabilityZone></overrides></launchTemplateAndOverrides>"
#define FAILURE(code, type, zone)                                                                            \
    "<item><errorCode>" code "</errorCode><errorMessage>m</errorMessage>" OVERRIDES(type, zone) "</item>"

/* A part came, and why not more: each reason once. */
static void test_partial_fleet(void)
{
    g_auto(FleetAnswer) answer = {0};
    read_answer(
        "<CreateFleetResponse><fleetId>f</fleetId><fleetInstanceSet><item>" OVERRIDES(
            "c5.large", "za") "<lifecycle>spot</lifecycle>"
                              "<instanceIds><item>i-1</item><item>i-2</item></"
                              "instanceIds><instanceType>c5.large</instanceType></item></fleetInstanceSet>"
                              "<errorSet>" FAILURE("InsufficientInstanceCapacity", "m5.large", "za")
                                  FAILURE("InsufficientInstanceCapacity", "m5.large", "za")
                                      FAILURE("InsufficientInstanceCapacity", "m5.large", "zb")
                                          FAILURE("VcpuLimitExceeded", "m5.large",
                                                  "za") "<item><errorCode>UnfulfillableCapacity</errorCode></"
                                                        "item><item/></errorSet></CreateFleetResponse>",
        &answer);
    g_assert_cmpuint(answer.instances->len, ==, 2);
    const FleetInstance *second = &g_array_index(answer.instances, FleetInstance, 1);
    g_assert_cmpstr(second->id, ==, "i-2");
    g_assert_cmpstr(second->type, ==, "c5.large");
    g_assert_cmpstr(second->zone, ==, "za");
    g_assert_cmpstr(second->subnet_id, ==, "subnet-1");
    g_assert_true(second->is_spot);
    g_assert_cmpuint(answer.failures->len, ==, 4);
    const FleetFailure *first = &g_array_index(answer.failures, FleetFailure, 0),
                       *last = &g_array_index(answer.failures, FleetFailure, 3);
    g_assert_cmpint(first->error->action, ==, AWS_ACT_NEXT_POOL);
    g_assert_cmpstr(first->zone, ==, "za");
    g_assert_null(last->type);
}

static void test_reservation(void)
{
    g_auto(FleetAnswer) answer = {0};
    read_answer("<RunInstancesResponse><instancesSet><item><instanceId>i-9</"
                "instanceId><instanceType>c5.large</instanceType><subnetId>s</subnetId>"
                "<placement><availabilityZone>zc</availabilityZone></placement></item><item><instanceType>x</"
                "instanceType></item></instancesSet></RunInstancesResponse>",
                &answer);
    g_assert_cmpuint(answer.instances->len, ==, 1);
    const FleetInstance *instance = &g_array_index(answer.instances, FleetInstance, 0);
    g_assert_cmpstr(instance->zone, ==, "zc");
    g_assert_false(instance->is_spot);
    g_assert_cmpuint(answer.failures->len, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fleet/fleets", test_fleets);
    g_test_add_func("/fleet/runs", test_runs);
    g_test_add_func("/fleet/partial", test_partial_fleet);
    g_test_add_func("/fleet/reservation", test_reservation);
    return g_test_run();
}
