/* reference.h: checks across the documents of one set.
 * Holds:  what is named exists in the set or in known (names the state holds); what `uses:` of muster.yaml
 * names too, where there is a state to look in, else it is a warning; misspelt names get a suggestion;
 * dependsOn among Jobs and inside a Pipeline has no cycle (the cycle is printed: a -> b -> a); a queue does
 * not mix EC2-family and Fargate-family environments; N_TO_N joins arrays of equal size; step names are
 * unique; jobs and steps name a share where their queue has a scheduling policy, and nowhere else. */
#pragma once
#include "spec/decode.h"
#include "spec/manifest.h"

/* Whether something that is not in the set is known from elsewhere, the state. UNTOLD: there is none to look
 * in. */
typedef enum { REFERENCE_MISSING, REFERENCE_KNOWN, REFERENCE_UNTOLD } ReferenceStanding;
typedef ReferenceStanding (*ReferenceKnown)(Kind kind, View name, void *data);
/* Gives the text of a manifest's file for line and caret; may return the empty view. May be NULL. */
typedef View (*ReferenceText)(const char *file, void *data);

/* known may be NULL: there is no state. */
void reference_check(const ManifestSet *set, ReferenceKnown known, ReferenceText text, void *data,
                     DiagnosticList *diagnostics);
/* The name in a reference: strips a Batch ARN of the right kind; a definition's ":REV" or "@sha256:…" is
 * split off. */
View reference_name(Kind kind, View reference, View *ret_qualifier);
/* Order for creating: indexes of set so that what is referred to comes first (by kind, then name is enough
 * save for Jobs). */
