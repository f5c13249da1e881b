/* docker_gpus.h: which of the machine's GPUs an attempt has, by their numbers, as bits. Computes only. */
#pragma once
#include <glib.h>
#include <stdint.h>

/* The first that are free: that there are so many is the scheduler's to know. */
uint64_t docker_gpus_pick(uint64_t taken, int wanted);
/* "0 3", new: as labels have it. */
char *docker_gpus_text(uint64_t gpus);
/* NULL: none. */
uint64_t docker_gpus_parse(const char *text);
