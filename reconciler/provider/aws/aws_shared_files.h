/* aws_shared_files.h: ~/.aws/config and ~/.aws/credentials are read.
 * Calls:  the file system. */
#pragma once
#include "reconciler/provider/aws/aws_settings.h"

/* Where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say, else in HOME. One that is not there is empty.
 * NULL with error. */
AwsConfigFile *aws_shared_files_read(AwsLookup lookup, void *data, GError **error);
