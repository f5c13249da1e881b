/* diagnostic.h: faults in manifests, collected so that one run reports all of them.
 * Owns:   DiagnosticList owns copies of every text in it.
 * Calls:  GLib only (rendering to JSON writes the few bytes itself).
 * Holds:  rendering sorts by file, line, column, then order of adding; equal diagnostics appear once.
 *         At most DIAGNOSTICS_MAX are kept; the rest are counted. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/view.h"

#define DIAGNOSTICS_MAX 1000

typedef enum { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTICE } Severity;

/* DIAGNOSTIC_INFEASIBLE makes the command end with exit code 4 unless another error is present (1). */
typedef enum { DIAGNOSTIC_PLAIN, DIAGNOSTIC_INFEASIBLE } DiagnosticClass;

typedef struct {
    Severity severity;
    DiagnosticClass class;
    char *file;       /* as the user named it, relative to where they stand; NULL: no place */
    int line, column; /* from 1; 0: unknown */
    int width;        /* bytes the caret underlines; 0: one caret */
    char *path;       /* in the document, as "spec.computeResources.maxvCpus"; may be NULL */
    char *message;    /* one sentence without a full stop */
    char *detail;     /* the arithmetic or the cure, shown beside the caret; may be NULL */
    char *source;     /* the text of the line; may be NULL */
} Diagnostic;

typedef struct DiagnosticList DiagnosticList;

DiagnosticList *diagnostic_list_new(void);
void diagnostic_list_free(DiagnosticList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DiagnosticList, diagnostic_list_free)

/* Copies every text of *diagnostic. */
void diagnostic_list_add(DiagnosticList *list, const Diagnostic *diagnostic);
/* Moves all of from into list; from is empty afterwards. */
void diagnostic_list_merge(DiagnosticList *list, DiagnosticList *from);
size_t diagnostic_list_count(const DiagnosticList *list, Severity severity);
size_t diagnostic_list_count_infeasible(const DiagnosticList *list);
/* Sorted; borrowed until the list changes. */
const Diagnostic *diagnostic_list_get(DiagnosticList *list, size_t index);
size_t diagnostic_list_len(const DiagnosticList *list);

/* Those beyond DIAGNOSTICS_MAX, counted but not kept. */
size_t diagnostic_list_dropped(const DiagnosticList *list);

/* Where the last line was found in a text, so that many reports of one file need not count its lines from the
 * top each time; for document_report() alone. */
typedef struct {
    const char *data;
    size_t len, offset;
    int line;
} DiagnosticCursor;
DiagnosticCursor *diagnostic_list_cursor(DiagnosticList *list);

typedef enum { DIAGNOSTIC_TEXT, DIAGNOSTIC_JSON, DIAGNOSTIC_GITHUB } DiagnosticFormat;
/* Appends all diagnostics, sorted. TEXT: `file:line:col: error: message`, the line, a caret, path and detail.
 * JSON: an array of objects. GITHUB: `::error file=…,line=…,col=…::message`. */
void diagnostic_list_render(DiagnosticList *list, DiagnosticFormat format, GString *out);

/* The nearest of candidates (NULL-terminated) to word by edit distance, or NULL when none is near
 * enough to be what was meant. Borrowed from candidates. */
const char *suggest_nearest(View word, const char *const *candidates);
