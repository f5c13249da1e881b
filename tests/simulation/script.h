/* script.h: what the people of a simulated system do: manifests that change, submissions, cancels, questions.
 * The same for one seed whatever goes wrong meanwhile: who gets no answer looks whether it was done, and asks
 * again. */
#pragma once
#include "reconciler/api/operation.h"
#include "reconciler/provider/simulated/simulated_cloud.h"
#include "tests/simulation/ledger.h"

typedef struct Script Script;

Script *script_new(System *system, uint64_t seed);
void script_free(Script *script);
/* Something that may be done now; false: nothing. */
bool script_step(Script *script);
/* -1: nothing more by itself. */
int64_t script_next_ms(const Script *script);
bool script_done(const Script *script); /* everything was asked and answered */
/* The process is gone; what was asked and not answered is looked up in the ledger or asked again. */
void script_crashed(Script *script);
/* The source is told to the reconciler as it is now. */
void script_follow(Script *script, bool full_pass);
CloudFate script_fate(const LaunchRequest *request, void *data); /* SimulatedFate */
/* Whether a job ends in the same way whatever goes wrong: it and all it waits for were never ended by hand.
 */
bool script_is_certain(const LedgerJob *job, void *script);
void script_check_end(Script *script);
