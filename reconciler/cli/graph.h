/* graph.h: pictures as text in Graphviz's language DOT: what a source declares, the steps of a pipeline.
 * Calls:  spec/ (manifests, references), GLib. Starts nothing: command_graph.c makes SVG of it.
 * Holds:  pure and deterministic: equal input gives equal bytes, in the order of names or steps; whatever a
 * name holds, the text is well-formed DOT. */
#pragma once
#include <jansson.h>
#include "spec/manifest.h"

/* Appends text as a quoted string of DOT. */
void graph_append_string(GString *out, View text);
/* Every manifest and what it names: environments under their queues, queues and definitions under what uses
 * them. What is named but is not in the set (the state has it, or `uses`) is drawn dashed. */
void graph_source(const ManifestSet *set, const char *title, GString *out);
/* steps: as the operation `steps` tells them; a manifest's spec.jobs has the members that matter. status and
 * counts, where they are there, colour a step and say how far it is. */
void graph_steps(const json_t *steps, const char *title, GString *out);
