/* actual.h: what plan_build compares with, read from the store in one transaction.
 * Owns:   copies of the records it needs; the reader, whose transaction stays open until actual_free().
 * Calls:  store (reading), plan.h (the types).
 * Holds:  a missing state directory reads as "nothing exists"; specs are asked for one by one where digests
 * differ, so that a plan without changes copies none of them. */
#pragma once
#include "reconciler/plan/plan.h"

typedef struct Actual Actual;
/* desired (borrowed for the call; may be NULL) tells which runs' specs cannot matter. */
Actual *actual_load(const char *state_dir, const char *source_name, const ManifestSet *desired,
                    GError **error);
void actual_free(Actual *actual);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Actual, actual_free)
/* Borrowed; its callbacks read the store while Actual lives. */
const PlanActual *actual_plan(const Actual *actual);
