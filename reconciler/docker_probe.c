/* docker_probe.c: see docker_probe.h. */
#include "reconciler/docker_probe.h"
#include "reconciler/aws_edge.h"

#define PROBE_MS 2000

static void changed(void *data)
{
    ((DockerProbe *)data)->is_over = true;
}

static gboolean late(gpointer data)
{
    DockerProbe *probe = data;
    probe->is_over = probe->is_late = true;
    return G_SOURCE_REMOVE;
}

void docker_probe_begin(DockerProbe *probe, const DockerEndpoint *endpoint, guint limit_ms)
{
    *probe = (DockerProbe){.context = g_main_context_new(), .limit = g_timeout_source_new(limit_ms)};
    probe->engine = docker_engine_new(probe->context, endpoint, changed, probe);
    g_source_set_callback(probe->limit, late, probe, NULL);
    g_source_attach(probe->limit, probe->context);
    docker_engine_begin(probe->engine);
    docker_probe_wait(probe);
}

void docker_probe_wait(DockerProbe *probe)
{
    while (!probe->is_over)
        g_main_context_iteration(probe->context, TRUE);
}

void docker_probe_end(DockerProbe *probe)
{
    g_source_destroy(probe->limit);
    g_source_unref(probe->limit);
    docker_engine_free(probe->engine);
    g_main_context_unref(probe->context);
}

/* ---- whether it answers ---- */

static const char *member(const json_t *info, const char *name)
{
    const char *text = json_string_value(json_object_get(info, name));
    return text ? text : "?";
}

static char *text_of(const DockerEngine *engine, const DockerEndpoint *endpoint)
{
    const json_t *info = docker_engine_info(engine);
    const char *fault = docker_engine_fault(engine);
    if (docker_engine_is_up(engine))
        return g_strdup_printf("an engine answers at %s: version %s, %s, cgroup version %s", endpoint->text,
                               member(info, "ServerVersion"), member(info, "OperatingSystem"),
                               member(info, "CgroupVersion"));
    return fault ? g_strdup(fault)
                 : g_strdup_printf("the engine at %s says nothing for %d s", endpoint->text, PROBE_MS / 1000);
}

static bool ask(const DockerEndpoint *endpoint, char **ret_text)
{
    DockerProbe probe;
    docker_probe_begin(&probe, endpoint, PROBE_MS);
    *ret_text = text_of(probe.engine, endpoint);
    bool is_up = docker_engine_is_up(probe.engine);
    docker_probe_end(&probe);
    return is_up;
}

bool docker_probe(char **ret_text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DockerEndpoint) endpoint = docker_endpoint_parse(aws_edge_variable, NULL, &error);
    if (endpoint)
        return ask(endpoint, ret_text);
    *ret_text = g_strdup(error->message);
    return false;
}
