/* web_graph.h: the steps of a pipeline as a picture. Inside of web/ only. */
#pragma once
#include "reconciler/api/web/web_page.h"

#define GRAPH_STEPS_MAX 2000 /* over that a picture helps nobody: the table has them all */

/* steps: as the operation `steps` tells them. Boxes with their name, state and counts, which lead to their
 * jobs, and arrows from what a step waits for. Nothing is written where there is no step, or where there are
 * more than GRAPH_STEPS_MAX. */
void graph_write(Html *html, const char *title, const json_t *steps);
/* What to call the state of a step: that of its job, but that of an array by what its children do. Static or
 * borrowed. */
const char *step_state(const json_t *step);
/* "12 of 24 done, 1 failed, 3 running"; NULL: it is no array, or nothing is known. New string. */
char *step_counts(const json_t *step);
/* The path of its job; NULL: it has none. New string. */
char *step_path(const json_t *step);
