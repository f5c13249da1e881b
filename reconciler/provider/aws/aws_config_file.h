/* aws_config_file.h: the files config and credentials of ~/.aws as sections of settings. Computes only.
 * Source: the shared configuration of AWS's SDKs, read as botocore reads it. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "spec/base/view.h"

#define AWS_CONFIG_BYTES_MAX ((size_t)1 << 20)

typedef struct AwsConfigFile AwsConfigFile;

/* Both files: what the credentials file says of a profile wins over what the config file says of it. Either
 * text may be empty. NULL with error (G_KEY_FILE_ERROR_PARSE), which has file:line. */
AwsConfigFile *aws_config_parse(const char *config_name, View config, const char *credentials_name,
                                View credentials, GError **error);
void aws_config_free(AwsConfigFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AwsConfigFile, aws_config_free)

bool aws_config_has_profile(const AwsConfigFile *file, const char *profile);
/* NULL: not said. Names of settings are lower case. */
const char *aws_config_get(const AwsConfigFile *file, const char *profile, const char *name);
/* Of [sso-session NAME]. */
const char *aws_config_sso(const AwsConfigFile *file, const char *session, const char *name);
/* Of [services NAME]: "ecs", "endpoint_url". */
const char *aws_config_service(const AwsConfigFile *file, const char *services, const char *service,
                               const char *name);
/* Names of profiles, sorted; NULL-terminated, new list of borrowed names. */
const char **aws_config_profiles(const AwsConfigFile *file);
