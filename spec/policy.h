/* policy.h: what each source may do: a file that the daemon is given, and that no source holds.
 * Owns:   Policy owns all its text; immutable once read, reference counted, shared by threads.
 * Calls:  spec/document, spec/locate, spec/decode.
 * Holds:  an entry is found by the source's identity, else "*" holds, else everything is allowed. A member
 * that is left out allows everything, an empty list nothing. What the source itself makes (queues,
 * environments, definitions) it may always use: whether it may make them, kinds and names say. */
#pragma once
#include "spec/reference.h"

typedef struct Policy Policy;

/* Parses it. NULL with diagnostics when it is faulty. */
Policy *policy_parse(View text, const char *file, DiagnosticList *diagnostics);
Policy *policy_ref(Policy *policy); /* NULL gives NULL */
void policy_unref(Policy *policy);  /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Policy, policy_unref)

/* Whether plans of this source wait for an approval, whatever its muster.yaml says. policy may be NULL. */
bool policy_requires_approval(const Policy *policy, const char *source);

/* Who is checked. */
typedef struct {
    const char *source;   /* identity */
    const char *place;    /* absolute path or URL */
    const char *provider; /* --provider, or NULL */
    const ManifestSet *whole;
    ReferenceText text; /* for places; may be NULL */
    void *data;
} PolicySubject;
/* Adds an error for everything in set that the source may not do, with its place and what would be needed.
 * set: all of its manifests, or a part of them; whole: all. policy may be NULL. */
void policy_check(const Policy *policy, const PolicySubject *subject, const ManifestSet *set,
                  DiagnosticList *diagnostics);
/* "2 things are beyond what the policy allows source team". New string. */
char *policy_refusal(const DiagnosticList *found, const char *source);
