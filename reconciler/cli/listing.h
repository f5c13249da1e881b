/* listing.h: answers of the reconciler as tables and sections; what get, describe and status share.
 * Holds:  pure: from JSON to text; time is an argument. */
#pragma once
#include "reconciler/cli/output.h"
#include "spec/kinds.h"

typedef struct {
    bool is_wide, is_colored;
    int64_t now_ms;
} ListStyle;
ListStyle list_style(const char *output_option);

/* "text", or "" when object has no such string. Borrowed. */
const char *member_text(const json_t *object, const char *member);
int64_t member_integer(const json_t *object, const char *member);

void list_resources(Kind kind, const json_t *items, const ListStyle *style, GString *out);
void list_jobs(const json_t *jobs, const ListStyle *style, GString *out);
void list_runs(const json_t *runs, const ListStyle *style, GString *out);
void list_events(const json_t *events, const ListStyle *style, GString *out);
void list_drift(const json_t *drift, GString *out);
void list_overrides(const json_t *overrides, GString *out);
void list_newer(const json_t *newer, GString *out); /* of status */
/* "2 to add, 1 to change, 0 to destroy, 3 to run" of a plan's summary. New string. */
char *summary_text(const json_t *summary);
void list_status(const json_t *status, const ListStyle *style, GString *out);

/* "1.40 of 2.00 USD", "at least 1.40 USD": what of a day or month is spent. New string. */
char *budget_text(const json_t *window, const char *currency);

/* The live member of a ComputeEnvironment; NULL: nothing. */
void describe_environment_live(const json_t *live, const ListStyle *style, GString *out);
void describe_job(const json_t *job, const ListStyle *style, GString *out);
void describe_resource(const json_t *item, const ListStyle *style, GString *out);
