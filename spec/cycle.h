/* cycle.h: cycles in a directed graph.
 * Owns:   nothing.
 * Calls:  GLib only.
 * Holds:  linear in nodes and edges, no recursion; nodes are visited in ascending order, so equal input gives
 * equal output. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* nodes[0] -> nodes[1] -> … -> nodes[len - 1] -> nodes[0] */
typedef void (*CycleFunc)(const uint32_t *nodes, size_t len, void *data);

/* The targets of node i are targets[first[i]] .. targets[first[i + 1] - 1]. Calls func once for each edge
 * that closes a cycle on the way down; none when the graph has no cycle. */
void cycle_find(size_t len, const uint32_t *first, const uint32_t *targets, CycleFunc func, void *data);
