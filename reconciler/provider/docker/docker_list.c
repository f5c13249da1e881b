#include "reconciler/provider/docker/docker_list.h"
#include <jansson.h>
#include "reconciler/provider/docker/docker_labels.h"

#define CHUNK_BYTES 65536

static const char *kept(DockerList *list, const char *text)
{
    return text ? g_string_chunk_insert(list->texts, text) : NULL;
}

static void add(DockerList *list, const json_t *item)
{
    const json_t *labels = json_object_get(item, "Labels");
    const char *id = json_string_value(json_object_get(item, "Id"));
    DockerListed one = {.phase = docker_phase(json_string_value(json_object_get(item, "State")))};
    if (!id || !launch_token_from_text(docker_label(labels, LABEL_TOKEN), &one.token))
        return;
    one.id = kept(list, id);
    one.installation = kept(list, docker_label(labels, LABEL_INSTALL));
    one.environment = kept(list, docker_label(labels, LABEL_ENVIRONMENT));
    one.volumes = kept(list, docker_label(labels, LABEL_VOLUMES));
    g_array_append_val(list->items, one);
}

DockerList *docker_list_read(View body)
{
    size_t index;
    json_t *item, *items = json_loadb(body.data, body.len, 0, NULL);
    DockerList *list = NULL;
    if (json_is_array(items)) {
        list = g_new0(DockerList, 1);
        list->items = g_array_sized_new(FALSE, FALSE, sizeof(DockerListed), (guint)json_array_size(items));
        list->texts = g_string_chunk_new(CHUNK_BYTES);
        json_array_foreach(items, index, item) add(list, item);
    }
    json_decref(items);
    return list;
}

void docker_list_free(DockerList *list)
{
    if (!list)
        return;
    g_array_unref(list->items);
    g_string_chunk_free(list->texts);
    g_free(list);
}
