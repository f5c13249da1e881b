/* doctor_source.h: what the doctor has to know of a source: its environments on AWS, and of its job
 * definitions images, roles and secrets. Calls: spec/, scale/catalogue, provider/aws/aws_doctor. */
#pragma once
#include "reconciler/provider/aws/aws_doctor.h"
#include "spec/manifest.h"

/* provider: of environments that name none. with: its environments and jobs are filled in. The checks, new.
 */
json_t *doctor_source_run(const ManifestSet *set, const char *provider, const AwsDoctor *with);
