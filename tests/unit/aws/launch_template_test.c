#include "reconciler/provider/aws/launch_template.h"
#include <string.h>

static const LaunchTag tags[] = {{"muster/installation", "4f"}, {"Name", "ours"}};
static const char *const groups[] = {"sg-1", "sg-2", NULL};
static const LaunchOverlay overlay = {.image_id = "ami-1",
                                      .instance_profile_arn = "arn:aws:iam::1:instance-profile/p",
                                      .user_data = "#!/bin/sh\n",
                                      .security_groups = groups,
                                      .tags = tags,
                                      .tags_len = G_N_ELEMENTS(tags)};

static int line_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A parameter on each line, decoded and sorted; new string. */
static char *lines_of(const char *own, const LaunchOverlay *with)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(XmlDocument) document = own ? xml_parse(view_from(own), &error) : NULL;
    g_autoptr(Query) query = query_new("CreateLaunchTemplateVersion", "2016-11-15");
    g_assert_no_error(error);
    launch_template_data(query, document ? xml_root(document) : NULL, with);
    g_auto(GStrv) pairs = g_strsplit(query_text(query), "&", -1);
    g_autoptr(GPtrArray) sorted = g_ptr_array_new_with_free_func(g_free);
    for (char **pair = pairs; *pair; pair++)
        if (g_str_has_prefix(*pair, "LaunchTemplateData."))
            g_ptr_array_add(sorted, g_uri_unescape_string(*pair + strlen("LaunchTemplateData."), NULL));
    g_ptr_array_sort(sorted, line_compare);
    g_ptr_array_add(sorted, NULL);
    return g_strjoinv("\n", (char **)sorted->pdata);
}

static void assert_has(const char *lines, const char *line)
{
    g_autofree char *inside = g_strdup_printf("\n%s\n", lines), *wanted = g_strdup_printf("\n%s\n", line);
    if (!strstr(inside, wanted))
        g_error("%s is not in\n%s", line, lines);
}

static void assert_lacks(const char *lines, const char *part)
{
    if (strstr(lines, part))
        g_error("%s is in\n%s", part, lines);
}

static void test_alone(void)
{
    g_autofree char *lines = lines_of(NULL, &overlay);
    g_assert_cmpstr(lines, ==,
                    "IamInstanceProfile.Arn=arn:aws:iam::1:instance-profile/"
                    "p\nImageId=ami-1\nInstanceInitiatedShutdownBehavior=terminate\n"
                    "MetadataOptions.HttpPutResponseHopLimit=2\nMetadataOptions.HttpTokens="
                    "required\nSecurityGroupId.1=sg-1\nSecurityGroupId.2=sg-2\n"
                    "TagSpecification.1.ResourceType=instance\nTagSpecification.1.Tag.1.Key=muster/"
                    "installation\nTagSpecification.1.Tag.1.Value=4f\n"
                    "TagSpecification.1.Tag.2.Key=Name\nTagSpecification.1.Tag.2.Value="
                    "ours\nTagSpecification.2.ResourceType=volume\n"
                    "TagSpecification.2.Tag.1.Key=muster/"
                    "installation\nTagSpecification.2.Tag.1.Value=4f\nTagSpecification.2.Tag.2.Key=Name\n"
                    "TagSpecification.2.Tag.2.Value=ours\nUserData=IyEvYmluL3NoCg==");
}

static const char full[] =
    "<launchTemplateData><imageId>ami-user</imageId><instanceType>m5.large</instanceType><keyName>k</"
    "keyName><ebsOptimized>true</ebsOptimized>"
    "<iamInstanceProfile><name>theirs</name></iamInstanceProfile><userData>IyEvYmluL2Jhc2gK</userData>"
    "<blockDeviceMappingSet><item><deviceName>/dev/xvda</deviceName><ebs><encrypted>true</"
    "encrypted><volumeSize>200</volumeSize><volumeType>gp3</volumeType></ebs></item>"
    "<item><deviceName>/dev/sdb</deviceName><virtualName>ephemeral0</virtualName></item></"
    "blockDeviceMappingSet>"
    "<securityGroupIdSet><item>sg-theirs</item></securityGroupIdSet><monitoring><enabled>true</enabled></"
    "monitoring>"
    "<instanceMarketOptions><marketType>spot</marketType></instanceMarketOptions>"
    "<placement><tenancy>dedicated</tenancy><groupName>pg</groupName></placement>"
    "<metadataOptions><state>applied</state><httpTokens>optional</httpTokens></"
    "metadataOptions><cpuOptions><coreCount>2</coreCount></cpuOptions>"
    "<licenseSet><item><licenseConfigurationArn>arn:l</licenseConfigurationArn></item></licenseSet>"
    "<tagSpecificationSet><item><resourceType>instance</resourceType><tagSet><item><key>Name</"
    "key><value>theirs</value></item>"
    "<item><key>team</key><value>a b</value></item></tagSet></item></tagSpecificationSet>"
    "<instanceInitiatedShutdownBehavior>stop</instanceInitiatedShutdownBehavior></launchTemplateData>";

static void test_merged(void)
{
    g_autofree char *lines = lines_of(full, &overlay);
    static const char *const kept[] = {"BlockDeviceMapping.1.DeviceName=/dev/xvda",
                                       "BlockDeviceMapping.1.Ebs.VolumeSize=200",
                                       "BlockDeviceMapping.1.Ebs.Encrypted=true",
                                       "BlockDeviceMapping.2.VirtualName=ephemeral0",
                                       "KeyName=k",
                                       "EbsOptimized=true",
                                       "Monitoring.Enabled=true",
                                       "Placement.Tenancy=dedicated",
                                       "Placement.GroupName=pg",
                                       "MetadataOptions.HttpTokens=optional",
                                       "CpuOptions.CoreCount=2",
                                       "LicenseSpecification.1.LicenseConfigurationArn=arn:l",
                                       "ImageId=ami-1",
                                       "SecurityGroupId.1=sg-1",
                                       "TagSpecification.1.Tag.1.Key=team",
                                       "TagSpecification.1.Tag.1.Value=a b",
                                       "TagSpecification.1.Tag.3.Value=ours",
                                       "TagSpecification.2.Tag.1.Key=muster/installation",
                                       "InstanceInitiatedShutdownBehavior=terminate",
                                       "IamInstanceProfile.Arn=arn:aws:iam::1:instance-profile/p",
                                       "UserData=IyEvYmluL3NoCg=="};
    static const char *const gone[] = {"ami-user",  "m5.large",         "spot",
                                       "sg-theirs", "=theirs",          "applied",
                                       "=stop",     "IyEvYmluL2Jhc2gK", "HopLimit"};
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
        assert_has(lines, kept[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(gone); i++)
        assert_lacks(lines, gone[i]);
}

/* What the environment does not say stays as the template has it. */
static void test_own_stays(void)
{
    const LaunchOverlay little = {.user_data = "x"};
    g_autofree char *lines = lines_of(full, &little);
    assert_has(lines, "ImageId=ami-user");
    assert_has(lines, "SecurityGroupId.1=sg-theirs");
    assert_has(lines, "IamInstanceProfile.Name=theirs");
    assert_has(lines, "TagSpecification.1.Tag.1.Value=theirs");
    assert_lacks(lines, "=volume");
}

/* Groups and interfaces exclude each other at the top; subnets are chosen with each launch. */
static void test_interfaces(void)
{
    static const char own[] = "<launchTemplateData><networkInterfaceSet><item><deviceIndex>0</"
                              "deviceIndex><subnetId>subnet-1</subnetId>"
                              "<associatePublicIpAddress>true</"
                              "associatePublicIpAddress><groupSet><groupId>sg-t</groupId></groupSet></item>"
                              "<item><deviceIndex>1</deviceIndex><interfaceType>efa</interfaceType></item></"
                              "networkInterfaceSet></launchTemplateData>";
    const LaunchOverlay little = {.user_data = "x"};
    g_autofree char *lines = lines_of(own, &overlay), *kept = lines_of(own, &little);
    assert_has(lines, "NetworkInterface.1.SecurityGroupId.2=sg-2");
    assert_has(lines, "NetworkInterface.2.SecurityGroupId.1=sg-1");
    assert_has(lines, "NetworkInterface.2.InterfaceType=efa");
    assert_has(lines, "NetworkInterface.1.AssociatePublicIpAddress=true");
    assert_lacks(lines, "\nSecurityGroupId");
    assert_lacks(lines, "subnet-1");
    assert_lacks(lines, "sg-t");
    assert_has(kept, "NetworkInterface.1.SecurityGroupId.1=sg-t");
}

static void test_user_data(void)
{
    g_autoptr(XmlDocument) document = xml_parse(view_from(full), NULL);
    g_autoptr(XmlDocument) none = xml_parse(VIEW("<launchTemplateData/>"), NULL);
    g_autoptr(XmlDocument) binary =
        xml_parse(VIEW("<launchTemplateData><userData>H4sIAAAA</userData></launchTemplateData>"), NULL);
    g_autofree char *text = launch_template_user_data(xml_root(document));
    g_assert_cmpstr(text, ==, "#!/bin/bash\n");
    g_assert_null(launch_template_user_data(xml_root(none)));
    g_assert_null(launch_template_user_data(xml_root(binary)));
    g_assert_null(launch_template_user_data(NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/launch-template/alone", test_alone);
    g_test_add_func("/launch-template/merged", test_merged);
    g_test_add_func("/launch-template/own-stays", test_own_stays);
    g_test_add_func("/launch-template/interfaces", test_interfaces);
    g_test_add_func("/launch-template/user-data", test_user_data);
    return g_test_run();
}
