/* doctor.h: whether AWS and a container engine can be used as muster would use them: looked at, nothing
 * changed. Calls:  provider/aws/, docker_facts.h, in the calling thread, for as long as it takes. */
#pragma once
#include "reconciler/ports.h"

/* For Host. */
bool doctor_run(const DoctorOptions *options, json_t **ret_checks, GError **error);
