/* aws_edge.h: what the code for AWS takes from this process: its clocks, chance, its environment. */
#pragma once
#include "reconciler/provider/aws/aws_settings.h"
#include "reconciler/provider/aws/aws_time.h"

AwsTime aws_edge_time(uint64_t seed);
/* An AwsLookup; data is not looked at. */
const char *aws_edge_variable(const char *name, void *data);
