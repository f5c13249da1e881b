/* render.h: what the text and Markdown renderings share.
 * Owns:   nothing.
 * Calls:  plan.h.
 * Holds:  what is appended is one line without control characters, whatever the manifests or file names hold.
 */
#pragma once
#include "reconciler/plan/change.h"

const char *change_symbol(const Change *change); /* "+", "~", "-", "-/+" or ">" */
/* "priority: 7 -> 9" without its sign; values as short YAML. */
void render_field(const FieldChange *field, GString *out);
char field_sign(const FieldChange *field);
/* Printable only: control characters become '?'. */
void render_safe(View text, GString *out);
/* A pipeline is a resource and may run: its fields are told once. name -> its create, update, replace or
 * delete (Change*, borrowed, as the names are). */
GHashTable *render_pipelines(const Plan *plan);
/* Whether the fields of this change are those of the resource's own change, which tells them. */
bool render_repeats(const Change *run, GHashTable *pipelines);
/* "Plan: 2 to add, 1 to change, 0 to destroy." with ", 3 to run" when there are runs. */
void render_summary(const Plan *plan, GString *out);
/* The sentence in place of the summary when nothing is to be done. */
void render_no_changes(const Plan *plan, GString *out);
/* First digits of a revision or plan id. */
#define SHORT_ID 8
void render_short(const char *id, GString *out);
