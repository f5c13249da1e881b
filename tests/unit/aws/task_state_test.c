#include "reconciler/provider/aws/task_state.h"
#include "spec/task_part.h"
#include <glib.h>

static const char *const one[] = {TASK_CONTAINER, NULL};

static json_t *parse(const char *text)
{
    g_autofree char *json = g_strdup(text);
    json_error_t error;
    json_t *value = json_loads(g_strdelimit(json, "'", '"'), 0, &error);
    if (!value)
        g_error("%s: %s", error.text, text);
    return value;
}

/* A stopped task that had started, with one container. */
static json_t *stopped(const char *stop_code, const char *stopped_reason, const char *container)
{
    g_autofree char *text = g_strdup_printf(
        "{'taskArn': 'a', 'lastStatus': 'STOPPED', 'startedAt': 100.5, 'stoppedAt': 160.25%s%s%s%s%s%s,"
        "'containers': [{'name': 'default'%s%s}]}",
        *stop_code ? ", 'stopCode': '" : "", stop_code, *stop_code ? "'" : "",
        *stopped_reason ? ", 'stoppedReason': '" : "", stopped_reason, *stopped_reason ? "'" : "",
        *container ? ", " : "", container);
    return parse(text);
}

static void test_phases(void)
{
    const struct {
        const char *status, *more;
        bool is_task;
        TaskPhase phase;
    } cases[] = {
        {"PROVISIONING", "", true, TASK_PENDING},
        {"PENDING", "", true, TASK_PENDING},
        {"ACTIVATING", "", true, TASK_PENDING},
        {"RUNNING", ", 'startedAt': 1.5", true, TASK_RUNNING},
        {"DEACTIVATING", ", 'startedAt': 1.5", true, TASK_RUNNING},
        {"STOPPING", ", 'startedAt': 1.5", true, TASK_RUNNING},
        {"STOPPING", "", true, TASK_PENDING}, /* an image that was never pulled */
        {"DEPROVISIONING", ", 'startedAt': 1.5", true, TASK_RUNNING},
        {"STOPPED", "", true, TASK_ENDED},
        {"DELETED", "", true, TASK_ENDED},
        {"SOMETHING", "", false, TASK_PENDING},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf("{'taskArn': 'a', 'version': 7, 'lastStatus': '%s'%s}",
                                                cases[i].status, cases[i].more);
        json_t *task = parse(text);
        TaskState state;
        g_test_message("%s", text);
        g_assert_true(task_state_read(task, one, &state) == cases[i].is_task);
        if (cases[i].is_task)
            g_assert_cmpint(state.phase, ==, cases[i].phase);
        g_assert_cmpint(state.version, ==, 7);
        json_decref(task);
    }
    json_t *nameless = parse("{'lastStatus': 'RUNNING'}");
    TaskState state;
    g_assert_false(task_state_read(nameless, one, &state));
    json_decref(nameless);
}

/* batch: "Mapping a job to ECS", and what the agent and the service are known to say. */
static void test_ends(void)
{
    const struct {
        const char *stop_code, *stopped_reason, *container;
        TaskEnd end;
        int exit_code; /* -1: none */
        const char *reason;
    } cases[] = {
        {"EssentialContainerExited", "Essential container in task exited", "'exitCode': 0", TASK_END_EXITED,
         0, NULL},
        {"EssentialContainerExited", "Essential container in task exited", "'exitCode': 3", TASK_END_EXITED,
         3, NULL},
        {"EssentialContainerExited", "Essential container in task exited", "'exitCode': 137", TASK_END_EXITED,
         137, NULL},
        {"EssentialContainerExited", "Essential container in task exited",
         "'exitCode': 137, 'reason': 'OutOfMemoryError: Container killed due to memory usage'", TASK_END_OOM,
         137, "OutOfMemoryError: Container killed due to memory usage"},
        {"EssentialContainerExited", "Essential container in task exited",
         "'reason': 'DockerTimeoutError: Could not transition to stopped'", TASK_END_EXITED, 137,
         "DockerTimeoutError: Could not transition to stopped"},
        {"TaskFailedToStart", "Task failed to start", "'reason': 'CannotPullContainerError: not found'",
         TASK_END_START_FAILED, -1, "CannotPullContainerError: not found"},
        {"TaskFailedToStart", "ResourceInitializationError: unable to pull secrets", "",
         TASK_END_START_FAILED, -1, NULL},
        {"TaskFailedToStart", "RESOURCE:MEMORY", "", TASK_END_NOT_PLACED, -1, NULL},
        {"TaskFailedToStart", "MemberOf placement constraint unsatisfied", "", TASK_END_NOT_PLACED, -1, NULL},
        {"TaskFailedToStart", "AGENT", "", TASK_END_NOT_PLACED, -1, NULL},
        {"UserInitiated", "Job attempt duration exceeded timeout", "'exitCode': 143", TASK_END_STOPPED, 143,
         NULL},
        {"UserInitiated", "Job attempt duration exceeded timeout", "", TASK_END_STOPPED, -1, NULL},
        {"SpotInterruption", "Your Spot Task was interrupted.", "'exitCode': 0", TASK_END_LOST, 0, NULL},
        {"TerminationNotice", "Host EC2 (instance i-0abc) terminated.", "", TASK_END_LOST, -1, NULL},
        {"", "Host EC2 (instance i-0abc) terminated.", "", TASK_END_LOST, -1, NULL},
        {"InfrastructureHealth", "unhealthy", "", TASK_END_LOST, -1, NULL},
        {"", "", "", TASK_END_LOST, -1, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_t *task = stopped(cases[i].stop_code, cases[i].stopped_reason, cases[i].container);
        TaskState state;
        g_test_message("%s, %s, %s", cases[i].stop_code, cases[i].stopped_reason, cases[i].container);
        g_assert_true(task_state_read(task, one, &state));
        g_assert_cmpint(state.phase, ==, TASK_ENDED);
        g_assert_cmpint(state.end, ==, cases[i].end);
        g_assert_true(state.has_exit_code == (cases[i].exit_code >= 0));
        if (cases[i].exit_code >= 0)
            g_assert_cmpint(state.exit_code, ==, cases[i].exit_code);
        g_assert_cmpstr(state.reason, ==, cases[i].reason);
        g_assert_cmpint(state.started_ms, ==, 100500);
        g_assert_cmpint(state.ended_ms, ==, 160250);
        json_decref(task);
    }
}

/* Never started: nothing ran, whatever the code says. */
static void test_never_started(void)
{
    json_t *task =
        parse("{'taskArn': 'a', 'lastStatus': 'STOPPED', 'stopCode': 'EssentialContainerExited',"
              "'containers': [{'name': 'default', 'reason': 'CannotStartContainerError: no such file'}]}");
    TaskState state;
    g_assert_true(task_state_read(task, one, &state));
    g_assert_cmpint(state.end, ==, TASK_END_START_FAILED);
    g_assert_false(state.has_exit_code);
    json_decref(task);
}

/* Only essential ones count, by name, whatever their order; ECS may add its own. */
static void test_containers(void)
{
    static const char *const two[] = {"main", "proxy", NULL};
    const struct {
        const char *containers;
        int exit_code;
    } cases[] = {
        {"{'name': 'ecs-pause', 'exitCode': 9}, {'name': 'helper', 'exitCode': 4}, {'name': 'proxy', "
         "'exitCode': 0},"
         "{'name': 'main', 'exitCode': 0}",
         0},
        {"{'name': 'proxy', 'exitCode': 7}, {'name': 'main', 'exitCode': 0}", 7},
        {"{'name': 'proxy', 'exitCode': 7}, {'name': 'main', 'exitCode': 8}", 8},
        {"{'name': 'proxy', 'exitCode': 0}, {'name': 'main'}", 137},
        {"{'name': 'other', 'exitCode': 5}", 5},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf("{'taskArn': 'a', 'lastStatus': 'STOPPED', 'startedAt': 1, "
                                                "'stopCode': 'EssentialContainerExited',"
                                                "'containers': [%s]}",
                                                cases[i].containers);
        json_t *task = parse(text);
        TaskState state;
        g_test_message("%s", text);
        g_assert_true(task_state_read(task, two, &state));
        g_assert_cmpint(state.exit_code, ==, cases[i].exit_code);
        json_decref(task);
    }
}

static void test_refusals(void)
{
    g_assert_cmpint(task_refusal_of("RESOURCE:GPU"), ==, TASK_REFUSAL_PLACE);
    g_assert_cmpint(task_refusal_of("MemberOf placement constraint unsatisfied."), ==, TASK_REFUSAL_PLACE);
    g_assert_cmpint(task_refusal_of("ATTRIBUTE"), ==, TASK_REFUSAL_HOST);
    g_assert_cmpint(task_refusal_of("Capacity is unavailable at this time. Please try again later"), ==,
                    TASK_REFUSAL_CAPACITY);
    g_assert_cmpint(task_refusal_of("something else"), ==, TASK_REFUSAL_FINAL);
    g_assert_cmpint(task_refusal_of(NULL), ==, TASK_REFUSAL_CAPACITY);
}

/* Whatever comes is no crash: types that no task has. */
static void test_odd_types(void)
{
    static const char *const texts[] = {
        "{'taskArn': 'a', 'lastStatus': 'STOPPED', 'containers': 7}",
        "{'taskArn': 'a', 'lastStatus': 'STOPPED', 'containers': [1, null, {}]}",
        "{'taskArn': 'a', 'lastStatus': 'STOPPED', 'startedAt': 'x', 'stoppedAt': 1e300, 'containers': {}}",
        "{'taskArn': 'a', 'lastStatus': 'STOPPED', 'version': 'x', 'stopCode': 4}"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        json_t *task = parse(texts[i]);
        TaskState state;
        g_assert_true(task_state_read(task, one, &state));
        g_assert_cmpint(state.started_ms, ==, 0);
        g_assert_cmpint(state.ended_ms, ==, 0);
        json_decref(task);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/task-state/phases", test_phases);
    g_test_add_func("/task-state/ends", test_ends);
    g_test_add_func("/task-state/never-started", test_never_started);
    g_test_add_func("/task-state/containers", test_containers);
    g_test_add_func("/task-state/refusals", test_refusals);
    g_test_add_func("/task-state/odd-types", test_odd_types);
    return g_test_run();
}
