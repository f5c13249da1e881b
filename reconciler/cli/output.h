/* output.h: results on stdout: tables, JSON, YAML; what a terminal is told apart by.
 * Owns:   Table owns its cells.
 * Calls:  GLib, jansson.
 * Holds:  a reader that closed the pipe is no error; control characters from outside never reach a terminal;
 * colour only on a terminal and without NO_COLOR. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "spec/base/view.h"

typedef enum { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML } OutputFormat;
OutputFormat output_format(const char *text); /* checked by options; NULL: table */

typedef enum { COLOR_NONE, COLOR_BOLD, COLOR_DIM, COLOR_RED, COLOR_GREEN, COLOR_YELLOW, COLOR_CYAN } Color;
bool output_colored(FILE *stream);
int output_width(FILE *stream);       /* columns; 0: not a terminal */
Color state_color(const char *state); /* of a job, run or source state */
/* text in color where colored; new string. */
char *colored(const char *text, Color color, bool is_colored);

/* Writes to stdout; false when nobody reads any more (EPIPE). Other faults end the process with exit code 1.
 */
bool output_write(const char *text, size_t len);
bool output_string(const GString *text);
bool output_json(const json_t *value); /* indented, in its own order, with a newline */
bool output_yaml(const json_t *value);
/* A string, number, boolean or null as it stands behind a key. */
void yaml_append_scalar(const json_t *value, GString *out);
void yaml_append(const json_t *value, int indent, GString *out);

/* Replaces control characters and what is not UTF-8. New string. */
char *printable(const char *text);

typedef enum { ALIGN_LEFT, ALIGN_RIGHT } Align;
typedef enum { COLUMN_ALWAYS, COLUMN_WIDE } ColumnDetail;
typedef struct {
    const char *title;
    Align align;
    ColumnDetail detail;
} Column;

typedef struct Table Table;
/* columns is borrowed and must outlive the table. */
Table *table_new(const Column *columns, size_t len);
void table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)
/* One cell after the other, left to right; NULL prints "-". */
void table_cell(Table *table, const char *text);
void table_cell_take(Table *table, char *text);
size_t table_rows(const Table *table);
/* Columns two blanks apart, no blanks at line ends; state words coloured. */
void table_render(const Table *table, bool is_wide, bool is_colored, GString *out);

/* "12 s", "4 min", "3 h", "2 d" between two times; "-" when either is 0. New string. */
char *time_between(int64_t from_ms, int64_t to_ms);
/* "2026-11-22 14:02:11" in local time; "-" for 0. New string. */
char *time_local(int64_t at_ms);
