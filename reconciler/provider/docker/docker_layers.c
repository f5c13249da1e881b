#include "reconciler/provider/docker/docker_layers.h"
#include <stdbool.h>
#include <string.h>

#define BYTES_PER_MB 1000000

typedef struct {
    json_int_t fetched, total; /* bytes; total 0: not known */
    bool is_fetched, is_done;
} Layer;

static Layer *layer_of(DockerLayers *layers, const char *id)
{
    if (!layers->layers)
        layers->layers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Layer *layer = g_hash_table_lookup(layers->layers, id);
    if (layer || g_hash_table_size(layers->layers) >= LAYERS_MAX)
        return layer;
    layer = g_new0(Layer, 1);
    g_hash_table_insert(layers->layers, g_strdup(id), layer);
    return layer;
}

/* One that the engine has already is no part of the work. */
void docker_layers_take(DockerLayers *layers, const json_t *line)
{
    const char *id = json_string_value(json_object_get(line, "id")),
               *status = json_string_value(json_object_get(line, "status"));
    const json_t *detail = json_object_get(line, "progressDetail");
    if (!id || !status || strcmp(status, "Already exists") == 0 || g_str_has_prefix(status, "Pulling from"))
        return;
    Layer *layer = layer_of(layers, id);
    if (!layer)
        return;
    if (strcmp(status, "Downloading") == 0) {
        layer->fetched = json_integer_value(json_object_get(detail, "current"));
        layer->total = json_integer_value(json_object_get(detail, "total"));
    } else if (strcmp(status, "Download complete") == 0 || strcmp(status, "Extracting") == 0) {
        layer->is_fetched = true;
    } else if (strcmp(status, "Pull complete") == 0) {
        layer->is_fetched = layer->is_done = true;
    }
}

char *docker_layers_text(const DockerLayers *layers)
{
    json_int_t fetched = 0, total = 0;
    guint len = layers->layers ? g_hash_table_size(layers->layers) : 0, left = len, done = 0;
    GHashTableIter iter;
    const Layer *layer;
    if (len == 0)
        return NULL;
    g_hash_table_iter_init(&iter, layers->layers);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&layer)) {
        fetched += layer->is_fetched ? layer->total : layer->fetched;
        total += layer->total;
        left -= layer->is_fetched;
        done += layer->is_done;
    }
    if (left == 0)
        return g_strdup_printf("unpacking, %u of %u layers done", done, len);
    if (total == 0)
        return NULL;
    return g_strdup_printf("%.1f of %.1f MB", (double)fetched / BYTES_PER_MB, (double)total / BYTES_PER_MB);
}

void docker_layers_clear(DockerLayers *layers)
{
    g_clear_pointer(&layers->layers, g_hash_table_unref);
}
