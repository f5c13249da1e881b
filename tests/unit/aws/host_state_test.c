#include "reconciler/provider/aws/host_state.h"

static XmlDocument *instance_of(const char *state, const char *more)
{
    g_autofree char *text = g_strdup_printf("<item><instanceId>i-1</instanceId><instanceState><code>16</"
                                            "code><name>%s</name></instanceState>%s</item>",
                                            state, more);
    XmlDocument *document = xml_parse(view_from(text), NULL);
    g_assert_nonnull(document);
    return document;
}

static void test_instance(void)
{
    g_autoptr(XmlDocument) document = instance_of(
        "running",
        "<instanceType>c5.large</instanceType><placement><availabilityZone>za</availabilityZone></"
        "placement><subnetId>s</subnetId>"
        "<imageId>ami-1</imageId><clientToken>t</clientToken><instanceLifecycle>spot</"
        "instanceLifecycle><launchTime>2026-01-15T12:00:00.250Z</launchTime>"
        "<tagSet><item><key>a</key><value>b</value></item><item><key>c</key><value/></item></tagSet>");
    Ec2Instance instance;
    g_assert_true(ec2_instance_read(xml_root(document), &instance));
    g_assert_cmpstr(instance.id, ==, "i-1");
    g_assert_cmpstr(instance.zone, ==, "za");
    g_assert_cmpstr(instance.client_token, ==, "t");
    g_assert_cmpint(instance.state, ==, EC2_RUNNING);
    g_assert_true(instance.is_spot);
    g_assert_cmpint(instance.launched_ms, ==, 1768478400250);
    g_assert_cmpstr(ec2_instance_tag(xml_root(document), "a"), ==, "b");
    g_assert_cmpstr(ec2_instance_tag(xml_root(document), "c"), ==, "");
    g_assert_null(ec2_instance_tag(xml_root(document), "d"));
}

static void test_ends(void)
{
    const struct {
        const char *state, *code;
        Ec2State expected;
        Ec2End end;
    } cases[] = {{"pending", NULL, EC2_PENDING, EC2_END_ASKED},
                 {"shutting-down", "Client.UserInitiatedShutdown", EC2_ENDING, EC2_END_ASKED},
                 {"terminated", "Server.SpotInstanceTermination", EC2_TERMINATED, EC2_END_RECLAIMED},
                 {"terminated", "Client.InstanceInitiatedShutdown", EC2_TERMINATED, EC2_END_ITSELF},
                 {"terminated", "Server.InsufficientInstanceCapacity", EC2_TERMINATED, EC2_END_FAILED},
                 {"terminated", "Client.InternalError", EC2_TERMINATED, EC2_END_FAILED},
                 {"stopped", "", EC2_STOPPED, EC2_END_ASKED}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *reason =
            cases[i].code ? g_strdup_printf("<stateReason><code>%s</code><message>m</message></stateReason>",
                                            cases[i].code)
                          : g_strdup("");
        g_autoptr(XmlDocument) document = instance_of(cases[i].state, reason);
        Ec2Instance instance;
        g_assert_true(ec2_instance_read(xml_root(document), &instance));
        g_assert_cmpint(instance.state, ==, cases[i].expected);
        g_assert_cmpint(instance.end, ==, cases[i].end);
    }
    g_autoptr(XmlDocument) odd = instance_of("rebooting", "");
    Ec2Instance instance;
    g_assert_false(ec2_instance_read(xml_root(odd), &instance));
    g_assert_false(ec2_instance_read(NULL, &instance));
}

static json_t *parse(const char *text)
{
    g_autofree char *json = g_strdup(text);
    json_t *value = json_loads(g_strdelimit(json, "'", '"'), 0, NULL);
    g_assert_nonnull(value);
    return value;
}

static void test_host(void)
{
    json_t *json = parse("{'containerInstanceArn': 'arn:c', 'ec2InstanceId': 'i-1', 'status': 'DRAINING', "
                         "'statusReason': 'why', 'agentConnected': true, 'version': 4,"
                         "'registeredResources': [{'name': 'CPU', 'integerValue': 4096}, {'name': 'MEMORY', "
                         "'integerValue': 15231}, {'name': 'PORTS', 'stringSetValue': ['22']},"
                         "{'name': 'GPU', 'stringSetValue': ['GPU-a', 'GPU-b', 7]}], 'remainingResources': "
                         "[{'name': 'CPU', 'integerValue': 512}, {'name': 'MEMORY', 'integerValue': -3}]}");
    EcsHost host;
    g_assert_true(ecs_host_read(json, &host));
    g_assert_cmpint(host.status, ==, HOST_DRAINING);
    g_assert_true(host.is_connected);
    g_assert_cmpint(host.vcpus_e4, ==, 40000);
    g_assert_cmpint(host.memory_mib, ==, 15231);
    g_assert_cmpint(host.free_vcpus_e4, ==, 5000);
    g_assert_cmpint(host.free_memory_mib, ==, 0);
    g_assert_cmpint(host.gpus, ==, 2);
    g_assert_cmpint(host.version, ==, 4);
    g_autofree const char **ids = ecs_host_gpu_ids(json);
    g_assert_cmpstr(ids[1], ==, "GPU-b");
    json_decref(json);
}

static void test_odd_hosts(void)
{
    static const struct {
        const char *text;
        bool is_host;
    } cases[] = {
        {"{'containerInstanceArn': 'a', 'status': 'REGISTERING', 'registeredResources': 5}", true},
        {"{'containerInstanceArn': 'a', 'status': 'INACTIVE', 'registeredResources': [1, {}]}", true},
        {"{'containerInstanceArn': 'a', 'status': 'NEW'}", false},
        {"{'status': 'ACTIVE'}", false},
        {"[]", false}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_t *json = parse(cases[i].text);
        EcsHost host;
        g_assert_true(ecs_host_read(json, &host) == cases[i].is_host);
        g_assert_cmpint(host.memory_mib, ==, 0);
        json_decref(json);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-state/instance", test_instance);
    g_test_add_func("/host-state/ends", test_ends);
    g_test_add_func("/host-state/host", test_host);
    g_test_add_func("/host-state/odd-hosts", test_odd_hosts);
    return g_test_run();
}
