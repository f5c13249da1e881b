/* kinds.h: the kinds of the manifest language and their embedded schemas.
 * Owns:   the process-wide immutable table of compiled schemas (built once by kinds_init, constant after).
 * Holds:  order of KIND_* is the order in which kinds are created; deletion goes the other way. */
#pragma once
#include "spec/schema.h"

typedef enum {
    KIND_SCHEDULING_POLICY,
    KIND_CONSUMABLE_RESOURCE,
    KIND_COMPUTE_ENVIRONMENT,
    KIND_JOB_QUEUE,
    KIND_JOB_DEFINITION,
    KIND_PIPELINE,
    KIND_JOB,
    KIND_COUNT
} Kind;

/* Compiles the embedded schemas; a fault is our own mistake and aborts. Idempotent, call before threads
 * start. */
void kinds_init(void);
const char *kind_name(Kind kind);   /* "JobQueue" */
const char *kind_plural(Kind kind); /* "job-queues", as `get` accepts and prints */
/* Accepts the name in any case, singular or plural, with or without hyphens ("jobqueue", "job-queues", "jq",
 * "ce", "jd", "sp", "cr"). */
bool kind_from_name(View name, Kind *ret_kind);  /* exact kind_name() match: first; then the short forms */
bool kind_from_exact(View name, Kind *ret_kind); /* manifests: exactly kind_name() */
const char *const *kind_names(void);             /* NULL-terminated, for suggestions */
const SchemaNode *kind_schema(Kind kind);        /* of the whole manifest document */
const SchemaNode *kind_spec_schema(Kind kind);   /* of its `spec` */
View kind_schema_text(Kind kind);                /* the JSON file as embedded */
const SchemaNode *config_schema(void);           /* of muster.yaml */
View config_schema_text(void);
const SchemaNode *sources_schema(void); /* of sources.yaml */
View sources_schema_text(void);
const SchemaNode *policy_schema(void); /* of the policy (policy.h) */
View policy_schema_text(void);
const SchemaNode *notify_schema(void); /* of notify.yaml (reconciler/notify/notify_config.h) */
View notify_schema_text(void);
const SchemaNode *web_schema(void); /* of web.yaml (reconciler/api/web/web_config.h) */
View web_schema_text(void);
View common_schema_text(void);
