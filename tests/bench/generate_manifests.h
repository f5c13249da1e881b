/* generate_manifests.h: the workload of the benchmarks: job definitions, jobs, queues and environments, about
 * 25 lines and 850 bytes each, all of them valid on the local provider. Equal arguments give equal bytes. */
#pragma once
#include <stddef.h>
#include <stdio.h>

/* Writes manifests first … first + len - 1 of a workload of total as YAML documents. */
void generate_manifests(FILE *out, size_t first, size_t len, size_t total);
/* All of them into one file. */
int generate_stream(const char *path, size_t total);
/* Spread over files in directories of 100 files, with a muster.yaml. */
int generate_tree(const char *directory, size_t total, size_t files);
