#include "spec/task_part.h"

/* Single quotes stand for double ones. */
static json_t *parse(const char *text)
{
    g_autofree char *json = g_strdelimit(g_strdup(text), "'", '"');
    json_t *value = json_loads(json, 0, NULL);
    g_assert_nonnull(value);
    return value;
}

static void check_names(const char *text, int node, const char *expected)
{
    json_t *spec = parse(text);
    g_autoptr(GString) names = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    TaskPart part;
    if (task_part_find(spec, node, &part, &error))
        for (size_t i = 0; i < task_part_len(&part); i++) {
            g_autofree char *name = task_part_name(&part, i);
            g_string_append_printf(
                names, "%s:%s ", name,
                json_string_value(json_object_get(task_part_container(&part, i), "image")));
        }
    g_assert_cmpstr(error ? error->message : names->str, ==, expected);
    json_decref(spec);
}

#define NODES                                                                                                \
    "{'nodeProperties': {'nodeRangeProperties': [{'targetNodes': '0:', 'container': {'image': 'a'}},"        \
    "{'targetNodes': '1', 'ecsProperties': {'taskProperties': [{'containers': [{'image': 'b'}]}]}}]}}"

static void test_containers(void)
{
    check_names("{}", -1, "the job definition has no container");
    check_names("{'containerProperties': {'image': 'a'}}", -1, "default:a ");
    check_names(
        "{'ecsProperties': {'taskProperties': [{'containers': [{'image': 'a'}, {'image': 'b', 'name': "
        "'n'}, {'image': 'c'}]}]}}",
        -1, "default:a n:b default-3:c ");
    check_names("{'ecsProperties': {'taskProperties': [{'containers': []}]}}", -1,
                "the job definition has no container");
    check_names(NODES, 0, "default:a ");
    check_names(NODES, 1, "default:b ");
    check_names(NODES, 7, "default:a ");
    check_names("{'containerProperties': {'image': 'a'}}", 2, "the job definition says nothing of node 2");
}

static void test_need(void)
{
    json_t *old = parse("{'vcpus': 2, 'memory': 512}"),
           *given = parse("{'resourceRequirements': [{'type': 'VCPU', 'value': '0.25'}, {'type': 'MEMORY', "
                          "'value': '64'}, {'type': 'GPU', 'value': '3'}]}");
    ResourceNeed need = container_need(old);
    g_assert_true(need.vcpus_e4 == 20000 && need.memory_mib == 512 && need.gpus == 0);
    need = container_need(given);
    g_assert_true(need.vcpus_e4 == 2500 && need.memory_mib == 64 && need.gpus == 3);
    need = container_need(NULL);
    g_assert_true(need.vcpus_e4 == 0 && need.memory_mib == 0 && need.gpus == 0);
    json_decref(old);
    json_decref(given);
}

/* The job's command, with the parameters of both: the job's win. */
static void test_command(void)
{
    json_t *spec = parse("{'parameters': {'x': '1', 'y': '2'}, 'containerProperties': {'command': ['Ref::x', "
                         "'Ref::y', 'Ref::z']}}"),
           *said = parse("{'parameters': {'x': '3'}, 'containerOverrides': {'command': ['a', 'b-Ref::x']}}");
    const json_t *defined = json_object_get(spec, "containerProperties");
    g_autoptr(GArray) parameters = task_parameters(spec, said);
    g_autoptr(GArray) alone = task_parameters(spec, NULL);
    g_auto(GStrv) own = container_command(defined, task_override(said, spec, -1, TASK_CONTAINER), parameters),
                  as_defined =
                      container_command(defined, task_override(NULL, spec, -1, TASK_CONTAINER), alone),
                  none = container_command(NULL, NULL, alone);
    g_autofree char *first = g_strjoinv(" ", own), *second = g_strjoinv(" ", as_defined);
    g_assert_cmpstr(first, ==, "a b-3");
    g_assert_cmpstr(second, ==, "1 2 Ref::z");
    g_assert_null(none[0]);
    json_decref(spec);
    json_decref(said);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/task-part/containers", test_containers);
    g_test_add_func("/task-part/need", test_need);
    g_test_add_func("/task-part/command", test_command);
    return g_test_run();
}
