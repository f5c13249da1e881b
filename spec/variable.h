/* variable.h: the variables of a source: what muster.yaml declares, with the values that hold.
 * Owns:   Variables and all their nodes live in the caller's Arena.
 * Calls:  spec/document, given_values.
 * Holds:  a value has its variable's type. One that is at fault was told, and what refers to it is silent. */
#pragma once
#include "spec/given_values.h"

#define VARIABLE_ENVIRONMENT_PREFIX "MUSTER_VAR_"

typedef enum {
    VARIABLE_ANY, /* neither a type nor a default was stated: a value says its own */
    VARIABLE_STRING,
    VARIABLE_INTEGER,
    VARIABLE_NUMBER,
    VARIABLE_BOOLEAN,
    VARIABLE_LIST,
    VARIABLE_OBJECT
} VariableType;

struct Variable {
    const char *name; /* [A-Za-z_][A-Za-z0-9_]{0,63} */
    VariableType type;
    const char *description; /* or NULL */
    const Node *value;       /* NULL: none, or at fault: told */
    const char *from;        /* "--set" …; NULL: a file says it */
    const char *file;        /* where the value is set, or the variable declared; with line and column */
    int line, column;
    const char *words; /* "var.priority is 10, set in muster.yaml:4:13": for messages */
};

/* One muster.yaml that declares variables. */
typedef struct {
    const char *file;
    View text;
    const Node *variables; /* valid by the schema; may be NULL */
} VariableLayer;

/* Declares what the layers declare (base first: a later default replaces an earlier one) and gives the
 * values. Sorted by name. Faults are diagnostics. */
const Variable *const *variables_settle(const VariableLayer *layers, size_t layers_len,
                                        const GivenValues *given, Arena *arena, DiagnosticList *diagnostics,
                                        size_t *ret_len);
const Variable *variable_find(const Variable *const *variables, size_t len, View name);
/* The nearest name, or NULL. */
const char *variable_suggest(const Variable *const *variables, size_t len, View name);
