/* bills.h: what instances cost, counted apart from the program: by when they were durable, and by when they
 * really were there. A part of the ledger. Holds:  the program's account of an environment, whenever it is
 * written, lies between what was known to be paid for (from the commit that says that an instance was made to
 * the one that says that it is gone) and what may have been paid for (from its intent on); in the end it is
 * not below what the instances that really were there cost. Nothing is bought for which a budget has no money
 * left. */
#pragma once
#include "reconciler/provider/simulated/simulated.h"
#include "reconciler/world/record.h"

typedef struct System System;
typedef struct Bills Bills;

Bills *bills_new(System *system);
void bills_free(Bills *bills);
/* The batch of the tick at now_ms is about to be durable. */
char *bills_outside(const Bills *bills, View name); /* what an environment is called outside; new */
void bills_commit(Bills *bills, const Batch *batch, int64_t now_ms);
/* What really happens to an instance. */
void bills_truth(Bills *bills, SimulatedTruth truth, const LaunchToken *token);
/* Nothing is there any more. */
void bills_end(Bills *bills);
