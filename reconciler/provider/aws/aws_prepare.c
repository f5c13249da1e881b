/* aws_prepare.c: tasks are prepared a few at a time: what a task is asked for with takes 0.1 ms to make, and
 * thousands may be launched, or wait for one cluster or one definition. */
#include "reconciler/provider/aws/aws_internal.h"

#define AT_A_TIME 20

static gboolean prepare_some(gpointer data)
{
    AwsProvider *provider = data;
    for (int i = 0; i < AT_A_TIME && !g_queue_is_empty(provider->unprepared); i++) {
        g_autofree LaunchToken *token = g_queue_pop_head(provider->unprepared);
        AwsTask *task = g_hash_table_lookup(provider->tasks, token);
        if (task && task->step == TASK_WAITING)
            aws_task_prepare(task);
    }
    if (!g_queue_is_empty(provider->unprepared))
        return G_SOURCE_CONTINUE;
    g_source_destroy(provider->preparing);
    g_clear_pointer(&provider->preparing, g_source_unref);
    return G_SOURCE_REMOVE;
}

void aws_task_prepare_soon(AwsTask *task)
{
    AwsProvider *provider = task->cluster->provider;
    g_queue_push_tail(provider->unprepared, g_memdup2(&task->token, sizeof task->token));
    if (!provider->preparing)
        provider->preparing = aws_after(provider, 0, prepare_some, provider);
}

void aws_prepare_clear(AwsProvider *provider)
{
    if (provider->preparing)
        g_source_destroy(provider->preparing);
    g_clear_pointer(&provider->preparing, g_source_unref);
    g_queue_free_full(provider->unprepared, g_free);
}
