#include "reconciler/provider/aws/task_state.h"
#include "reconciler/provider/aws/ecs_words.h"
#include <glib.h>
#include <math.h>
#include <string.h>

#define EXIT_KILLED 137

/* ---- reading ---- */

/* Seconds since the epoch, with a fraction; in events of EventBridge text as ISO 8601 has it. */
static int64_t time_of(const json_t *object, const char *name)
{
    const char *text = ecs_text(object, name);
    double seconds = json_number_value(json_object_get(object, name));
    g_autoptr(GDateTime) time = text ? g_date_time_new_from_iso8601(text, NULL) : NULL;
    if (time)
        return g_date_time_to_unix(time) * 1000 + g_date_time_get_microsecond(time) / 1000;
    return seconds > 0 && seconds < 1e11 ? (int64_t)llround(seconds * 1000) : 0;
}

static bool phase_of(const char *status, TaskPhase *ret_phase)
{
    static const struct {
        const char *status;
        TaskPhase phase;
    } phases[] = {
        {"PROVISIONING", TASK_PENDING},   {"PENDING", TASK_PENDING},      {"ACTIVATING", TASK_PENDING},
        {"RUNNING", TASK_RUNNING},        {"DEACTIVATING", TASK_RUNNING}, {"STOPPING", TASK_RUNNING},
        {"DEPROVISIONING", TASK_RUNNING}, {"STOPPED", TASK_ENDED},        {"DELETED", TASK_ENDED},
    };
    for (size_t i = 0; status && i < G_N_ELEMENTS(phases); i++)
        if (strcmp(status, phases[i].status) == 0) {
            *ret_phase = phases[i].phase;
            return true;
        }
    return false;
}

/* ---- containers ---- */

static bool has_failed(const json_t *container)
{
    const json_t *code = json_object_get(container, "exitCode");
    return json_is_integer(code) ? json_integer_value(code) != 0 : ecs_text(container, "reason") != NULL;
}

/* The one that says how the task ended. NULL: none does. */
static const json_t *telling_container(const json_t *task, const char *const *essential)
{
    const json_t *containers = json_object_get(task, "containers"), *first = NULL;
    for (const char *const *name = essential; *name; name++) {
        const json_t *container = ecs_named(containers, *name);
        if (container && has_failed(container))
            return container;
        if (!first)
            first = container;
    }
    return first ? first : json_array_get(containers, 0);
}

/* ---- how it ended ---- */

static bool begins_with(const char *text, const char *const *beginnings)
{
    for (; text && *beginnings; beginnings++)
        if (g_str_has_prefix(text, *beginnings))
            return true;
    return false;
}

/* What ECS says of a task that no host could take in. */
static bool says_not_placed(const char *reason)
{
    static const char *const beginnings[] = {
        "RESOURCE:", "ATTRIBUTE", "AGENT", "NO ACTIVE INSTANCES", "MemberOf placement constraint unsatisfied",
        NULL};
    return begins_with(reason, beginnings);
}

static bool says_host_lost(const char *reason)
{
    static const char *const beginnings[] = {"Host EC2", "Your Spot Task was interrupted", NULL};
    return begins_with(reason, beginnings);
}

static TaskEnd end_of(const char *stop_code, const TaskState *state)
{
    bool is_oom = state->reason && g_str_has_prefix(state->reason, "OutOfMemoryError");
    if (g_strcmp0(stop_code, "SpotInterruption") == 0 || says_host_lost(state->stopped_reason))
        return TASK_END_LOST;
    if (g_strcmp0(stop_code, "UserInitiated") == 0)
        return TASK_END_STOPPED;
    if (g_strcmp0(stop_code, "TaskFailedToStart") == 0)
        return says_not_placed(state->stopped_reason) ? TASK_END_NOT_PLACED : TASK_END_START_FAILED;
    if (is_oom)
        return TASK_END_OOM;
    if (g_strcmp0(stop_code, "EssentialContainerExited") == 0)
        return state->has_exit_code || state->started_ms ? TASK_END_EXITED : TASK_END_START_FAILED;
    /* TerminationNotice, ServiceSchedulerInitiated, those to come, and none at all. */
    return TASK_END_LOST;
}

static void read_end(const json_t *task, const char *const *essential, TaskState *state)
{
    const json_t *container = telling_container(task, essential),
                 *code = json_object_get(container, "exitCode");
    state->ended_ms = time_of(task, "stoppedAt");
    state->has_exit_code = json_is_integer(code);
    state->exit_code = state->has_exit_code ? (int)json_integer_value(code) : 0;
    state->reason = ecs_text(container, "reason");
    state->end = end_of(ecs_text(task, "stopCode"), state);
    if (state->end == TASK_END_EXITED && !state->has_exit_code) {
        state->has_exit_code = true; /* it ran, and nobody saw it end by itself */
        state->exit_code = EXIT_KILLED;
    }
}

/* Source: the ECS API's Attachment: of type ElasticNetworkInterface, with privateIPv4Address. */
static const char *address_of(const json_t *task)
{
    size_t index, at;
    json_t *attachment, *detail;
    json_array_foreach(json_object_get(task, "attachments"), index, attachment)
    {
        json_array_foreach(json_object_get(attachment, "details"), at, detail)
        {
            if (g_strcmp0(ecs_text(detail, "name"), "privateIPv4Address") == 0)
                return ecs_text(detail, "value");
        }
    }
    return NULL;
}

bool task_state_read(const json_t *task, const char *const *essential, TaskState *ret_state)
{
    *ret_state = (TaskState){.arn = ecs_text(task, "taskArn"),
                             .started_by = ecs_text(task, "startedBy"),
                             .container_instance_arn = ecs_text(task, "containerInstanceArn"),
                             .version = json_integer_value(json_object_get(task, "version")),
                             .created_ms = time_of(task, "createdAt"),
                             .started_ms = time_of(task, "startedAt"),
                             .stopping_ms = time_of(task, "stoppingAt"),
                             .is_ending = g_strcmp0(ecs_text(task, "desiredStatus"), "STOPPED") == 0,
                             .address = address_of(task),
                             .stopped_reason = ecs_text(task, "stoppedReason")};
    if (!ret_state->arn || !phase_of(ecs_text(task, "lastStatus"), &ret_state->phase))
        return false;
    if (ret_state->phase == TASK_RUNNING && !ret_state->started_ms)
        ret_state->phase = TASK_PENDING; /* on its way down, and never was up */
    if (ret_state->phase == TASK_ENDED)
        read_end(task, essential, ret_state);
    return true;
}

/* ---- refusals ---- */

TaskRefusal task_refusal_of(const char *reason)
{
    static const struct {
        const char *part;
        TaskRefusal refusal;
    } refusals[] = {
        {"RESOURCE:", TASK_REFUSAL_PLACE},
        {"AGENT", TASK_REFUSAL_PLACE},
        {"LOCATION", TASK_REFUSAL_PLACE},
        {"MISSING", TASK_REFUSAL_PLACE},
        {"INACTIVE", TASK_REFUSAL_PLACE},
        {"NO ACTIVE INSTANCES", TASK_REFUSAL_PLACE},
        {"MemberOf placement constraint unsatisfied", TASK_REFUSAL_PLACE},
        {"ATTRIBUTE", TASK_REFUSAL_HOST},
        {"Capacity is unavailable", TASK_REFUSAL_CAPACITY},
        {"You've reached the limit", TASK_REFUSAL_CAPACITY},
    };
    if (!reason)
        return TASK_REFUSAL_CAPACITY; /* nothing was started, and nothing speaks against trying later */
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++)
        if (g_str_has_prefix(reason, refusals[i].part))
            return refusals[i].refusal;
    return TASK_REFUSAL_FINAL;
}

bool task_error_is_of_place(const char *message)
{
    return g_str_has_prefix(message, "No Container Instances were found in your");
}
