/* progress.h: answers of the operation `progress` become lines for people.
 * Owns:   nothing; texts are appended or new.
 * Calls:  jansson, cli/output (colour).
 * Holds:  pure but for progress_draw(): from JSON to text. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

typedef enum { GLYPHS_ASCII, GLYPHS_UTF8 } Glyphs;
typedef struct {
    int width; /* columns */
    bool is_colored;
    Glyphs glyphs;
} ProgressStyle;

/* One line per group with a bar, counts by state; then what is pending. */
void progress_bars(const json_t *progress, const ProgressStyle *style, GString *out);
/* Lines for what differs from before (NULL: nothing yet); nothing when nothing does. */
void progress_plain(const json_t *before, const json_t *now, GString *out);
/* "FAILED align 5b0c…:3 (exit code 1): Essential container in task exited\n       log: PATH\n" */
void progress_failure(const json_t *failure, bool is_colored, GString *out);
/* "Pipeline/nightly run 2: SUCCEEDED in 12 s, 26 jobs succeeded\n" */
void progress_run(const json_t *run, int64_t now_ms, GString *out);
/* Counts in the order of states, "4 running, 1 failed"; of those in `states` that are not 0. */
typedef struct {
    int64_t total, succeeded, failed, running, waiting;
} ProgressCounts;
ProgressCounts progress_counts(const json_t *counts);

/* A terminal's last lines, redrawn in place. */
typedef struct {
    FILE *stream;
    int lines; /* drawn and to be overwritten */
} ProgressScreen;
/* Replaces what was drawn by permanent (stays) and then live (redrawn next time). */
void progress_draw(ProgressScreen *screen, const char *permanent, const char *live);
