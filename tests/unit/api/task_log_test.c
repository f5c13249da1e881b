/* Where a task logs: as its definition says, of a multinode job as the range of its node does. */
#include <glib.h>
#include <string.h>
#include "reconciler/api/task_log.h"

#define TASK "arn:aws:ecs:eu-west-1:123456789012:task/muster-here/0123456789abcdef"
#define NODES                                                                                                \
    "{\"nodeProperties\":{\"nodeRangeProperties\":["                                                         \
    "{\"targetNodes\":\"0:\",\"container\":{\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":"    \
    "{\"awslogs-group\":\"others\",\"awslogs-stream-prefix\":\"o\"}}}},"                                     \
    "{\"targetNodes\":\"1:2\",\"container\":{\"logConfiguration\":{\"logDriver\":\"splunk\"}}},"             \
    "{\"targetNodes\":\"1\",\"container\":{}}]}}"

static const struct {
    const char *spec;
    int32_t node;
    const char *place; /* "GROUP STREAM REGION"; NULL: it is not in CloudWatch Logs */
} cases[] = {
    {"{\"containerProperties\":{}}", -1, "/aws/batch/job hello/default/0123456789abcdef eu-west-1"},
    {"{\"containerProperties\":{\"logConfiguration\":{\"logDriver\":\"splunk\"}}}", -1, NULL},
    {"{\"ecsProperties\":{\"taskProperties\":[{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}]}}", -1,
     "/aws/batch/job hello/a/0123456789abcdef eu-west-1"},
    {NODES, 0, "others o/default/0123456789abcdef eu-west-1"},
    {NODES, 1, "/aws/batch/job hello/default/0123456789abcdef eu-west-1"},
    {NODES, 2, NULL},
    {NODES, 9, "others o/default/0123456789abcdef eu-west-1"},
};

static const char *text_of(const json_t *place, const char *name)
{
    return json_string_value(json_object_get(place, name));
}

static void test_places(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        View spec = {cases[i].spec, strlen(cases[i].spec)};
        json_t *place = task_log_place((View){TASK, strlen(TASK)}, "hello:3", spec, cases[i].node);
        g_autofree char *text = place ? g_strdup_printf("%s %s %s", text_of(place, "group"),
                                                        text_of(place, "stream"), text_of(place, "region"))
                                      : NULL;
        g_assert_cmpstr(text, ==, cases[i].place);
        json_decref(place);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/task-log/places", test_places);
    return g_test_run();
}
