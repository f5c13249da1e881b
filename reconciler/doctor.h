/* doctor.h: whether AWS can be used as muster would use it: looked at, nothing changed.
 * Calls:  provider/aws/, in the calling thread, for as long as it takes. */
#pragma once
#include "reconciler/ports.h"

/* For Host. */
bool doctor_run(const DoctorOptions *options, json_t **ret_checks, GError **error);
