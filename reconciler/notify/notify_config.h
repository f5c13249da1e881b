/* notify_config.h: who is told of what happens: notify.yaml (schemas/notify.json).
 * Owns:   a NotifyConfig owns its destinations; immutable once read, reference counted, shared by threads.
 * Calls:  spec/, source/own_file.
 * Holds:  names of destinations are unique; each has exactly one way to be told; a file that others may write
 * is refused, as it names what is run and where tokens go. */
#pragma once
#include <glib.h>
#include "reconciler/world/record.h"
#include "spec/base/diagnostic.h"

#define NOTIFY_FILE     "notify.yaml" /* in the state directory */
#define NOTIFY_VARIABLE "MUSTER_NOTIFY"

typedef enum {
    DESTINATION_WEBHOOK,
    DESTINATION_EXEC,
    DESTINATION_GITHUB,
    DESTINATION_GITLAB
} DestinationKind;

typedef struct {
    char *name;
    DestinationKind kind;
    char **events, **sources; /* patterns; NULL: all */
    int64_t max_age_ms, max_pending, max_per_second, timeout_ms;
    char **command;                                   /* of EXEC */
    char *url;                                        /* of a forge: NULL: from the source */
    char *secret_file, *secret_env, *ca_file, *proxy; /* secret: of a forge its token */
    char *project, *context, *target_url;             /* of a forge; project may be NULL */
    char *event_source; /* of a webhook whose bodies are EventBridge's; NULL: they are ours */
    bool allow_unencrypted;
} DestinationConfig;

typedef struct NotifyConfig {
    gatomicrefcount references;
    GPtrArray *destinations; /* of DestinationConfig*, as they stand in the file */
} NotifyConfig;

NotifyConfig *notify_config_parse(View text, const char *file, DiagnosticList *diagnostics);
/* No file, and must_exist is false: no destinations. NULL with error, which names each fault with its place.
 */
NotifyConfig *notify_config_load(const char *path, bool must_exist, GError **error);
NotifyConfig *notify_config_ref(NotifyConfig *config);
void notify_config_unref(NotifyConfig *config); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NotifyConfig, notify_config_unref)
const DestinationConfig *notify_config_find(const NotifyConfig *config, const char *name); /* NULL: none */

const char *destination_kind_name(DestinationKind kind); /* "webhook" … */
/* Where it goes, for people: no secret, no query. New string. */
char *destination_place(const DestinationConfig *config);

/* "job.failed" for a job.state event that ends there; else its type. New string. */
char *event_name(const EventRecord *event);
/* Whether it is told of this event; a destination is never told of itself. */
bool destination_takes(const DestinationConfig *config, const EventRecord *event);
