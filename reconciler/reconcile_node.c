/* reconcile_node.c: nodes of a multinode job that share this machine. The others are asked for once the main
 * one runs (batch: "Multi-node parallel jobs", "Run time"); elsewhere the provider sees to that. As processes
 * each has a command and an environment of its own, by its range of the definition. */
#include "reconciler/reconcile_internal.h"
#include "spec/decode.h"

static bool shares_machine(const Launch *launch)
{
    const Environment *environment = launch->environment;
    return environment &&
           (environment->provider == PROVIDER_LOCAL || environment->provider == PROVIDER_DOCKER);
}

bool node_waits(const Launch *launch)
{
    const Launch *main_node = launch->job->launch;
    return launch->is_node && main_node != launch && shares_machine(launch) &&
           (!main_node || main_node->started_ms == 0 || main_node->state != LAUNCH_EFFECTIVE);
}

void node_runs(Reconciler *reconciler, const Launch *launch)
{
    if (!launch->is_node || launch->job->launch != launch || !shares_machine(launch))
        return;
    for (const Launch *node = NULL; (node = job_node_next(launch->job, node));)
        if (node != launch && node->state == LAUNCH_INTENDED && !node->stopping)
            g_array_append_val(reconciler->outgoing->launches, node->token);
}

JobDefinitionSpec *node_spec(const Launch *launch)
{
    const JobTemplate *template = launch->job->template;
    g_autoptr(JobDefinitionSpec) definition = NULL;
    g_autoptr(JobSpec) said = NULL;
    json_t *root = json_loads(template->definition_spec, 0, NULL);
    json_object_set_new(json_object_get(root, "nodeProperties"), "mainNode", json_integer(launch->index));
    char *text = json_dumps(root, JSON_COMPACT);
    if (text)
        definition = job_definition_spec_decode(view_from(text), NULL);
    free(text);
    json_decref(root);
    if (definition)
        said = job_spec_decode(view_from(template->request), NULL);
    return said ? job_effective(definition, said) : NULL;
}
