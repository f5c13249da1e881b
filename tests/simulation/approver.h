/* approver.h: who approves the plans of a simulated source that says approval: required, and what must hold
 * then: whatever goes wrong, nothing of it is applied that was not asked for by its plan's id before, and
 * once for each time it was. In some runs, drawn from the seed; in the others the source is automatic. */
#pragma once
#include "tests/simulation/system.h"

typedef struct Approver Approver;

Approver *approver_new(System *system, uint64_t seed);
void approver_free(Approver *approver);
/* What the source's muster.yaml says, or NULL. */
char *approver_setting(const Approver *approver);
/* Looks at what waits, and approves it after a while; false: nothing to do now. */
bool approver_step(Approver *approver);
int64_t approver_next_ms(const Approver *approver); /* -1: never */
void approver_crashed(Approver *approver);
/* An apply is about to be durable. */
void approver_commit(Approver *approver, const ApplyRecord *record);
/* Nothing waits any more. */
void approver_end(const Approver *approver);
