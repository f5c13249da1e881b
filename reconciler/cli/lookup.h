/* lookup.h: find what KIND and NAME on a command line mean.
 * Calls:  cli/session. */
#pragma once
#include "reconciler/cli/session.h"
#include "spec/kinds.h"

typedef enum { LOOKUP_JOBS, LOOKUP_RUNS, LOOKUP_RESOURCE } LookupType;
typedef struct {
    LookupType type;
    Kind kind;        /* LOOKUP_RESOURCE */
    const char *name; /* borrowed; NULL: all */
} Lookup;

/* From one or two arguments: "KIND", "KIND NAME", "KIND/NAME". False with error and suggestion. */
bool lookup_parse(char **arguments, int len, Lookup *ret_lookup, GError **error);
/* "KIND/NAME" exactly. */
bool lookup_parse_pair(const char *text, Lookup *ret_lookup, GError **error);
/* Items of a kind, or the one; NULL with error (6, with the nearest name). New reference to an array. */
json_t *lookup_items(Session *session, Kind kind, const char *name, GError **error);
/* A job by id or unique prefix; NULL with error. New reference to the job. */
json_t *lookup_job(Session *session, const char *id, GError **error);
/* With the attempts of that node of a multinode job; -1: of its main one. */
json_t *lookup_node(Session *session, const char *id, int64_t node, GError **error);
/* Whether text can be a job's id: hex digits and dashes, and an index. */
bool lookup_is_id(const char *text);
/* All runs of Jobs and Pipelines, or of the one called name; NULL with error. New reference to an array. */
json_t *lookup_runs(Session *session, const char *name, GError **error);
