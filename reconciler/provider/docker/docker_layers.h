/* docker_layers.h: how far a pull is, from what the engine says while it lasts. Computes only.
 * Owns:   what it was told of each layer.
 * Calls:  jansson.
 * Holds:  at most LAYERS_MAX layers are told apart; what more there are does not count. Source: the Engine
 * API 1.41, "Create an image": a JSON object in each line. */
#pragma once
#include <glib.h>
#include <jansson.h>

#define LAYERS_MAX 500

typedef struct {
    GHashTable *layers; /* id → its numbers; NULL: nothing was told */
} DockerLayers;

/* One line of the answer. */
void docker_layers_take(DockerLayers *layers, const json_t *line);
/* "12 of 30 MB", "unpacking 3 of 5 layers"; new. NULL: nothing is known. */
char *docker_layers_text(const DockerLayers *layers);
void docker_layers_clear(DockerLayers *layers);
