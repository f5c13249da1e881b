/* cloud_log.h: what a task on AWS printed, as CloudWatch Logs has it. Behind Host.log_*. Blocks.
 * Owns:   connections of its own; credentials as the environment of this process has them.
 * Calls:  provider/aws. */
#pragma once
#include "reconciler/ports.h"

/* NULL with error: no credentials, no region. */
CloudLog *cloud_log_open(const CloudLogPlace *place, GError **error);
/* Hands on what was not yet. A stream that is not there (yet) has nothing. False with error. */
bool cloud_log_read(CloudLog *log, CloudLogLine line, void *data, GError **error);
void cloud_log_close(CloudLog *log);
