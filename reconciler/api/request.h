/* request.h: bodies of requests: parsed with limits, validated by the schemas of the manifest language.
 * Owns:   RequestChecker remembers what it found valid, so that 50,000 equal lines are validated once.
 * Calls:  jansson, spec/. No world: what needs the state is checked by job_submit().
 * Holds:  hostile bodies give an error, never a crash; depth and bytes are limited before memory is taken
 * (invariant 9). */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include "spec/document.h"

#define REQUEST_DEPTH_MAX 32

/* The body of any operation: one JSON object; an empty body is an empty object. NULL with *ret_message (new
 * string). */
json_t *request_parse(View body, char **ret_message);

/* The same as nodes of a document, for the one validator; null members are left out. All of it, text
 * included, lives in arena. */
Node *request_node(const json_t *json, Arena *arena);

typedef struct RequestChecker RequestChecker;
RequestChecker *request_checker_new(void);
void request_checker_free(RequestChecker *checker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RequestChecker, request_checker_free)
/* Whether request is a valid SubmitJob body. jobName may be absent: the definition's name is set then. Not
 * const: the name is taken out while the rest is compared, and put back. *ret_message: new string. */
bool request_check_submit(RequestChecker *checker, json_t *request, char **ret_message);
