/* aws_shared_files.h: ~/.aws/config and ~/.aws/credentials are read.
 * Calls:  the file system. */
#pragma once
#include "reconciler/provider/aws/aws_settings.h"

/* At most max bytes; new string, NUL behind it. NULL with error (G_FILE_ERROR): also of what is no file, as a
 * device or a pipe. */
char *aws_file_read(const char *path, size_t max, size_t *ret_len, GError **error);

/* Where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say, else in HOME. One that is not there is empty.
 * NULL with error. */
AwsConfigFile *aws_shared_files_read(AwsLookup lookup, void *data, GError **error);
