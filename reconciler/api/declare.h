/* declare.h: a resource is made, changed or deleted by a request.
 * Owns:   nothing.
 * Calls:  spec/ (the validator that manifests have), plan/ (a plan of one change, staged as a source's are),
 * world/.
 * Holds:  what a request says becomes a manifest without a file, is checked like one, compared like one and
 * recorded like one, with who asked. What is made belongs to nobody (owner ""), so that no source prunes it;
 * what a source owns is refused. When a function says false the call has failed and nothing has changed. */
#pragma once
#include "reconciler/api/operation.h"

/* Where an environment runs: Batch's own members have no place for it. */
#define PROVIDER_TAG "muster/provider"

typedef struct {
    Kind kind;
    const char *name;
    json_t *spec;         /* as a manifest says it; taken */
    bool is_new_revision; /* of a JobDefinition, also where nothing differs */
    bool terminates;      /* one that is made: its deletion ends what runs (muster/deletion: terminate) */
} Declaration;
bool declare_put(OperationContext *context, Call *call, const Declaration *declaration);
bool declare_delete(OperationContext *context, Call *call, const Resource *resource);
/* A revision of a definition is said otherwise, in nothing but its tags. */
bool declare_revision(OperationContext *context, Call *call, const RevisionRecord *revision,
                      json_t *spec /* taken */);
/* For history, of what was done to a resource beside its spec. */
void declare_note(OperationContext *context, const Call *call, const Resource *resource, const char *reason);

/* Batch's text for a name that is taken, with its status. */
OperationStep declare_exists(Call *call);
/* Whether a request may change it: no source owns it. */
bool declare_may_change(OperationContext *context, Call *call, const Resource *resource);
/* The same, and it is not on its way to be deleted or to become another one. doing: "update" or "delete". */
bool declare_is_settled(OperationContext *context, Call *call, const Resource *resource, const char *doing);

/* ---- members of a request ---- */
/* A text that must be there and not be empty. */
bool request_required(Call *call, const char *member, const char **ret_text);
/* No member of it, at any depth, is muster's own: Batch has none of these. */
bool request_is_batch(Call *call, Kind kind);
/* The name in it, where it may be an ARN of that kind; new string. */
bool request_name(Call *call, const char *member, Kind kind, char **ret_name);
/* New string; an ARN must be of that kind. NULL: it is none. */
char *name_of(Kind kind, const char *text);
char *resource_arn(Kind kind, const char *name); /* new string */
