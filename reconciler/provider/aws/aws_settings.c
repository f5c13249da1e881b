#include "reconciler/provider/aws/aws_settings.h"
#include <string.h>
#include "spec/base/units.h"

#define METADATA_IPV4 "http://169.254.169.254"
#define METADATA_IPV6 "http://[fd00:ec2::254]"
#define ENDPOINT_ENV  "AWS_ENDPOINT_URL"

void aws_setting_clear(AwsSetting *setting)
{
    g_clear_pointer(&setting->text, g_free);
    g_clear_pointer(&setting->origin, g_free);
}

/* ---- looking ---- */

const char *aws_settings_variable(const AwsSettings *settings, const char *name)
{
    const char *value = settings->lookup(name, settings->data);
    return value && *value ? value : NULL;
}

const char *aws_settings_get(const AwsSettings *settings, const char *name)
{
    return aws_config_get(settings->file, settings->profile, name);
}

static AwsSetting of_variable(const char *name, const char *value)
{
    return (AwsSetting){g_strdup(value), g_strdup(name)};
}

static AwsSetting of_profile(const AwsSettings *settings, const char *name, const char *value)
{
    return (AwsSetting){g_strdup(value), g_strdup_printf("%s of profile %s", name, settings->profile)};
}

/* The first variable that is set, then the profile. variables: NULL-terminated. */
static AwsSetting find(const AwsSettings *settings, const char *const *variables, const char *name)
{
    for (; *variables; variables++) {
        const char *value = aws_settings_variable(settings, *variables);
        if (value)
            return of_variable(*variables, value);
    }
    const char *value = name ? aws_settings_get(settings, name) : NULL;
    return value ? of_profile(settings, name, value) : (AwsSetting){0};
}

static AwsSetting find_one(const AwsSettings *settings, const char *name_of_variable, const char *name)
{
    const char *const variables[] = {name_of_variable, NULL};
    return find(settings, variables, name);
}

static bool fail(GError **error, const AwsSetting *setting, const char *what)
{
    g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE, "%s is \"%s\": %s", setting->origin,
                setting->text, what);
    return false;
}

static bool take_bool(const AwsSettings *settings, const char *variable_name, const char *name,
                      bool *ret_value, GError **error)
{
    g_auto(AwsSetting) setting = find_one(settings, variable_name, name);
    if (!setting.text)
        return true;
    *ret_value = g_ascii_strcasecmp(setting.text, "true") == 0;
    return *ret_value || g_ascii_strcasecmp(setting.text, "false") == 0 ||
           fail(error, &setting, "true or false is expected");
}

static bool take_number(const AwsSettings *settings, const char *variable_name, const char *name, int64_t max,
                        int64_t *ret_value, GError **error)
{
    g_auto(AwsSetting) setting = find_one(settings, variable_name, name);
    if (!setting.text)
        return true;
    bool is_good = integer_parse(view_from(setting.text), ret_value) && *ret_value >= 1 && *ret_value <= max;
    return is_good || fail(error, &setting, "a whole number above 0 is expected");
}

/* ---- what is said ---- */

static bool take_profile(AwsSettings *settings, const char *profile, GError **error)
{
    static const char *const variables[] = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", NULL};
    settings->profile = g_strdup("default");
    g_auto(AwsSetting) named = profile ? of_variable("profile", profile) : find(settings, variables, NULL);
    if (!named.text)
        return true;
    g_free(settings->profile);
    settings->profile = g_strdup(named.text);
    settings->is_profile_named = profile != NULL;
    if (aws_config_has_profile(settings->file, named.text))
        return true;
    g_autofree const char **names = aws_config_profiles(settings->file);
    g_autofree char *list = g_strjoinv(", ", (char **)names);
    g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_GROUP_NOT_FOUND,
                "%s is \"%s\", and neither the config nor the credentials file has that profile%s%s",
                named.origin, named.text, *list ? "; there is " : "", list);
    return false;
}

static bool take_region(AwsSettings *settings, GError **error)
{
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
    settings->region = find(settings, variables, "region");
    const char *text = settings->region.text;
    bool is_name = !text || (strlen(text) <= 40 &&
                             strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text));
    return is_name || fail(error, &settings->region, "that is no region's name");
}

static bool take_retries(AwsSettings *settings, GError **error)
{
    int64_t attempts = 0;
    g_auto(AwsSetting) mode = find_one(settings, "AWS_RETRY_MODE", "retry_mode");
    if (!take_number(settings, "AWS_MAX_ATTEMPTS", "max_attempts", 100, &attempts, error))
        return false;
    settings->max_attempts = (int)attempts;
    /* legacy: the older rules, which standard mode took the place of. */
    if (!mode.text || strcmp(mode.text, "standard") == 0 || strcmp(mode.text, "legacy") == 0)
        settings->retry_mode = AWS_RETRY_STANDARD;
    else if (strcmp(mode.text, "adaptive") == 0)
        settings->retry_mode = AWS_RETRY_ADAPTIVE;
    else
        return fail(error, &mode, "standard or adaptive is expected");
    return true;
}

static bool take_metadata(AwsSettings *settings, GError **error)
{
    int64_t timeout_s = 1, attempts = 1;
    g_auto(AwsSetting) endpoint =
        find_one(settings, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint");
    g_auto(AwsSetting) mode =
        find_one(settings, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");
    bool is_ipv6 = mode.text && g_ascii_strcasecmp(mode.text, "ipv6") == 0;
    if (mode.text && !is_ipv6 && g_ascii_strcasecmp(mode.text, "ipv4") != 0)
        return fail(error, &mode, "IPv4 or IPv6 is expected");
    if (!take_bool(settings, "AWS_EC2_METADATA_DISABLED", NULL, &settings->is_metadata_disabled, error) ||
        !take_bool(settings, "AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled",
                   &settings->is_metadata_v1_disabled, error) ||
        !take_number(settings, "AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout", 60, &timeout_s,
                     error) ||
        !take_number(settings, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "metadata_service_num_attempts", 10,
                     &attempts, error))
        return false;
    settings->metadata_endpoint = g_strdup(endpoint.text ? endpoint.text
                                           : is_ipv6     ? METADATA_IPV6
                                                         : METADATA_IPV4);
    for (size_t len = strlen(settings->metadata_endpoint);
         len > 0 && settings->metadata_endpoint[len - 1] == '/'; len--)
        settings->metadata_endpoint[len - 1] = '\0';
    settings->metadata_timeout_ms = timeout_s * 1000;
    settings->metadata_attempts = (int)attempts;
    return true;
}

AwsSettings *aws_settings_new(AwsConfigFile *file, const char *profile, AwsLookup lookup, void *data,
                              GError **error)
{
    g_autoptr(AwsSettings) settings = g_new0(AwsSettings, 1);
    settings->file = file;
    settings->lookup = lookup;
    settings->data = data;
    if (!take_profile(settings, profile, error) || !take_region(settings, error) ||
        !take_retries(settings, error) || !take_metadata(settings, error) ||
        !take_bool(settings, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", &settings->uses_fips, error) ||
        !take_bool(settings, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint",
                   &settings->uses_dualstack, error) ||
        !take_bool(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls",
                   &settings->ignores_endpoints, error))
        return NULL;
    settings->ca_bundle = find_one(settings, "AWS_CA_BUNDLE", "ca_bundle");
    return g_steal_pointer(&settings);
}

void aws_settings_free(AwsSettings *settings)
{
    if (!settings)
        return;
    g_free(settings->profile);
    aws_setting_clear(&settings->region);
    aws_setting_clear(&settings->ca_bundle);
    g_free(settings->metadata_endpoint);
    aws_config_free(settings->file);
    g_free(settings);
}

/* ---- endpoints ---- */

/* AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: "cloudwatch_logs" in a services section. New string. */
static char *service_key(AwsService service)
{
    return g_ascii_strdown(aws_service_info(service)->endpoint_env + strlen(ENDPOINT_ENV "_"), -1);
}

AwsSetting aws_settings_endpoint(const AwsSettings *settings, AwsService service)
{
    const char *const variables[] = {aws_service_info(service)->endpoint_env, ENDPOINT_ENV, NULL};
    g_autofree char *key = service_key(service);
    if (settings->ignores_endpoints)
        return (AwsSetting){0};
    AwsSetting setting = find(settings, variables, NULL);
    if (setting.text)
        return setting;
    const char *services = aws_settings_get(settings, "services");
    const char *own = services ? aws_config_service(settings->file, services, key, "endpoint_url") : NULL;
    const char *any = aws_settings_get(settings, "endpoint_url");
    if (own)
        return (AwsSetting){g_strdup(own), g_strdup_printf("services %s", services)};
    return any ? of_profile(settings, "endpoint_url", any) : (AwsSetting){0};
}

AwsClientConfig aws_settings_client(const AwsSettings *settings, AwsService service, const char *region,
                                    const char *endpoint)
{
    return (AwsClientConfig){.service = service,
                             .region = region ? region : settings->region.text,
                             .endpoint = endpoint,
                             .ca_bundle = settings->ca_bundle.text,
                             .uses_fips = settings->uses_fips,
                             .uses_dualstack = settings->uses_dualstack,
                             .retry_mode = settings->retry_mode,
                             .max_attempts = settings->max_attempts};
}
