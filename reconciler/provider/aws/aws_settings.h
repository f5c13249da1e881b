/* aws_settings.h: what the environment and the shared files say of AWS: where to ask, and how. Computes only:
 * the environment is a function. Source: the settings that AWS's SDKs share; where they differ, as the aws
 * CLI does. */
#pragma once
#include "reconciler/provider/aws/aws_client.h"
#include "reconciler/provider/aws/aws_config_file.h"

/* The value of an environment variable; NULL: not set. */
typedef const char *(*AwsLookup)(const char *name, void *data);

/* A value and where it comes from ("AWS_REGION", "profile ci"), for messages; NULL, NULL: nobody says. */
typedef struct {
    char *text, *origin;
} AwsSetting;

typedef struct {
    char *profile;
    bool is_profile_named; /* by whoever asked, not by the environment: then its keys do not count */
    AwsSetting region, ca_bundle;
    bool uses_fips, uses_dualstack;
    AwsRetryMode retry_mode;
    int max_attempts; /* 0: not said */
    bool ignores_endpoints;
    /* The metadata service of instances. */
    bool is_metadata_disabled, is_metadata_v1_disabled;
    char *metadata_endpoint; /* without a slash at its end */
    int64_t metadata_timeout_ms;
    int metadata_attempts;
    AwsConfigFile *file;
    AwsLookup lookup;
    void *data;
} AwsSettings;

/* file: taken. profile: asked for by name; NULL: the environment's, or "default". lookup is called as long as
 * the settings are there. NULL with error (G_KEY_FILE_ERROR_INVALID_VALUE, _GROUP_NOT_FOUND), which names
 * what is wrong and where. */
AwsSettings *aws_settings_new(AwsConfigFile *file, const char *profile, AwsLookup lookup, void *data,
                              GError **error);
void aws_settings_free(AwsSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AwsSettings, aws_settings_free)

/* A variable of the environment; NULL: it is not set, or empty, which says nothing. */
const char *aws_settings_variable(const AwsSettings *settings, const char *name);
/* What the profile says. */
const char *aws_settings_get(const AwsSettings *settings, const char *name);
/* Where a service is to be asked instead of at its own endpoint. */
AwsSetting aws_settings_endpoint(const AwsSettings *settings, AwsService service);
void aws_setting_clear(AwsSetting *setting);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AwsSetting, aws_setting_clear)
/* All but the endpoint, which is the caller's to keep; region: NULL: the settings'. Borrowed from both. */
AwsClientConfig aws_settings_client(const AwsSettings *settings, AwsService service, const char *region,
                                    const char *endpoint);
