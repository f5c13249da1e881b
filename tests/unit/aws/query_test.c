#include "reconciler/provider/aws/query.h"

static void test_query(void)
{
    static const char *const groups[] = {"sg-1", "sg/2", NULL}, *const none[] = {NULL};
    g_autoptr(Query) query = query_new("RunInstances", "2016-11-15");
    query_add_number(query, "MinCount", 1);
    query_add(query, "KeyName", NULL);
    query_add_list(query, "SecurityGroupId", groups);
    query_add_list(query, "SubnetId", NULL);
    query_add_list(query, "SubnetId", none);
    query_add_bool(query, "EbsOptimized", true);
    query_addf(query, "a b&c=d~é", "TagSpecification.%d.Tag.%d.Value", 1, 2);
    g_assert_cmpstr(query_text(query), ==,
                    "Action=RunInstances&Version=2016-11-15&MinCount=1&SecurityGroupId.1=sg-1&"
                    "SecurityGroupId.2=sg%2F2&EbsOptimized=true&"
                    "TagSpecification.1.Tag.2.Value=a%20b%26c%3Dd~%C3%A9");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/query/text", test_query);
    return g_test_run();
}
