/* aws_look_task.c: one task that ECS may or may not have taken in, so long ago that its token does not tell
 * any more: looked for by who started it, among those that run and those that ended. */
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"

static void ask(AwsTask *task, const char *action, json_t *body, AwsDone done)
{
    const AwsQuestion question = {.service = AWS_ECS,
                                  .action = action,
                                  .done = done,
                                  .data = aws_about(task->cluster->provider, &task->token),
                                  .free_data = g_free};
    aws_ask_json(task->cluster->place, &question, body);
}

static void list(AwsTask *task, const char *status, AwsDone done)
{
    char token[LAUNCH_TOKEN_TEXT];
    launch_token_text(&task->token, token);
    ask(task, "ListTasks",
        json_pack("{s:s,s:s,s:s}", "cluster", task->cluster->cluster, "startedBy", token, "desiredStatus",
                  status),
        done);
}

/* NULL: it is settled, or has to be looked for again. */
static AwsTask *unsettled(const AwsAnswer *answer, void *data)
{
    AwsTask *task = aws_about_task(data);
    if (!task || task->step != TASK_ASKED)
        return NULL;
    if (!answer->error)
        return task;
    aws_task_again(task);
    return NULL;
}

static void take_described(const AwsAnswer *answer, void *data)
{
    AwsTask *task = unsettled(answer, data);
    const json_t *found = json_array_get(json_object_get(answer->json, "tasks"), 0);
    if (task && found)
        aws_task_seen(task, found);
    else if (task)
        aws_task_again(task);
}

static bool describe(AwsTask *task, const AwsAnswer *answer)
{
    json_t *arns = json_object_get(answer->json, "taskArns");
    if (json_array_size(arns) == 0)
        return false;
    ask(task, "DescribeTasks", json_pack("{s:s,s:O}", "cluster", task->cluster->cluster, "tasks", arns),
        take_described);
    return true;
}

static void take_ended(const AwsAnswer *answer, void *data)
{
    AwsTask *task = unsettled(answer, data);
    if (task && !describe(task, answer))
        aws_task_refuse(task, NULL); /* it never was there */
}

static void take_running(const AwsAnswer *answer, void *data)
{
    AwsTask *task = unsettled(answer, data);
    if (task && !describe(task, answer))
        list(task, "STOPPED", take_ended);
}

void aws_look_for_task(AwsTask *task)
{
    list(task, "RUNNING", take_running);
}
