/* batch_reader.h: what AWS Batch has in an account and region, read for export. Nothing is changed there.
 * Blocks. Calls:  Batch's List and Describe calls, credentials as for everything else on AWS. */
#pragma once
#include <jansson.h>
#include "reconciler/ports.h"

/* *ret_answers: as export_batch() takes them, and "account" and "region"; a new reference. False with error.
 */
bool batch_read(const DoctorOptions *options, json_t **ret_answers, GError **error);
