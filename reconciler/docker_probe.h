/* docker_probe.h: whether a container engine answers from here. Behind Host.docker. Blocks, for two seconds
 * at most. Owns:   a connection of its own, while it asks. Calls:  provider/docker, provider/http. */
#pragma once
#include <stdbool.h>

/* *ret_text: new, what it is and where, or why nothing can be run in it. */
bool docker_probe(char **ret_text);
