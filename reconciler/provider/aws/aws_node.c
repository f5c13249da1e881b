/* aws_node.c: nodes of a multinode job: the others wait until the main one runs, and are told where it is.
 * Source: batch: "Multi-node parallel jobs", "Run time". */
#include "reconciler/provider/aws/aws_internal.h"

#define ADDRESS_VARIABLE "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"

static void give_address(AwsTask *task, const AwsTask *main_node)
{
    guint len = g_strv_length(task->envp);
    if (!main_node->address) {
        aws_log(task->cluster->provider, "job %s: ECS does not say the address of its main node",
                task->job_id);
        return;
    }
    task->envp = g_renew(char *, task->envp, len + 2);
    task->envp[len] = g_strconcat(ADDRESS_VARIABLE "=", main_node->address, NULL);
    task->envp[len + 1] = NULL;
}

bool aws_node_waits(AwsTask *task)
{
    AwsProvider *provider = task->cluster->provider;
    const AwsTask *main_node =
        task->has_main_node ? g_hash_table_lookup(provider->tasks, &task->main_node) : NULL;
    if (!task->has_main_node)
        return false;
    if (!main_node || main_node->step != TASK_STARTED) {
        g_ptr_array_add(provider->nodes, task);
        return true;
    }
    give_address(task, main_node);
    return false;
}

void aws_node_runs(AwsTask *main_node)
{
    GPtrArray *nodes = main_node->cluster->provider->nodes;
    g_autoptr(GPtrArray) ready = g_ptr_array_new();
    for (guint i = nodes->len; i > 0; i--) {
        AwsTask *task = nodes->pdata[i - 1];
        if (launch_token_same(&task->main_node, &main_node->token))
            g_ptr_array_add(ready, g_ptr_array_remove_index(nodes, i - 1));
    }
    for (guint i = ready->len; i > 0; i--) {
        AwsTask *task = ready->pdata[i - 1];
        if (task->step != TASK_WAITING)
            continue;
        give_address(task, main_node);
        aws_task_prepare(task);
    }
}
