/* given_values.h: values for variables that come from outside of muster.yaml: options, a file, the
 * environment. Owns:   copies of every text. Calls:  spec/document, jansson. Holds:  one value for each name,
 * the one that was added last; the order is that of the first adding. */
#pragma once
#include "spec/document.h"

#define GIVEN_VALUES_MAX      1000
#define GIVEN_VALUE_BYTES_MAX ((size_t)256 << 10)

typedef struct {
    char *name;
    char *text;       /* as given */
    char *from;       /* "--set", "$MUSTER_VAR_…"; NULL: file, line and column say it */
    char *file;       /* as the user named it; NULL: none */
    int line, column; /* in file */
    bool is_yaml;     /* text says its own type, as YAML does; else the variable's type says how it is read */
    bool is_optional; /* of the environment, or kept: no fault where no variable has the name */
} GivenValue;

typedef struct GivenValues GivenValues;
GivenValues *given_values_new(void);
GivenValues *given_values_copy(const GivenValues *values); /* NULL gives an empty one */
void given_values_free(GivenValues *values);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GivenValues, given_values_free)
/* Copies. False when there are too many, or the text is too long. */
bool given_values_add(GivenValues *values, const GivenValue *value);
/* All of more, over those of values. */
bool given_values_add_all(GivenValues *values, const GivenValues *more);
size_t given_values_len(const GivenValues *values); /* of NULL: 0 */
const GivenValue *given_values_get(const GivenValues *values, size_t index);
/* A file of --values: one YAML mapping from names to values. False with diagnostics. */
bool given_values_read(GivenValues *values, View text, const char *file, DiagnosticList *diagnostics);

/* For keeping and sending; new strings. The same values give the same text. NULL where there are none. */
char *given_values_to_json(const GivenValues *values);
/* All of them become optional. NULL with error; text NULL gives none. */
GivenValues *given_values_from_json(const char *text, GError **error);
