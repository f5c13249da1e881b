#include "reconciler/provider/aws/aws_chain.h"
#include <string.h>
#include "reconciler/provider/aws/aws_process.h"
#include "reconciler/provider/aws/aws_sso.h"
#include "spec/base/units.h"

#define DEPTH_MAX 8 /* profiles that name each other */

typedef struct {
    const AwsChain *chain;
    const char *seen[DEPTH_MAX];
    size_t seen_len;
} Looking;

static const AwsSettings *settings_of(const Looking *looking)
{
    return looking->chain->fetching.settings;
}

static const char *setting(const Looking *looking, const char *profile, const char *name)
{
    return aws_config_get(settings_of(looking)->file, profile, name);
}

static AwsCredentialsSource *G_GNUC_PRINTF(2, 3) fail(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, message);
    return NULL;
}

static AwsCredentialsSource *fixed(AwsCredentials *credentials)
{
    g_autoptr(AwsCredentials) taken = credentials;
    return aws_credentials_source_fixed(taken);
}

/* ---- roles ---- */

static AwsCredentialsSource *assume(const Looking *looking, const AwsRole *role, AwsCredentialsSource *base,
                                    GError **error)
{
    AwsFetcher fetcher;
    if (!role->region)
        return fail(error, "role %s: no region is known: set AWS_REGION, or region in the profile",
                    role->arn);
    if (!aws_fetcher_role(&looking->chain->fetching, role, base, looking->chain->time, &fetcher, error))
        return NULL;
    return aws_credentials_source_new(&fetcher, looking->chain->time);
}

static AwsCredentialsSource *of_container(const Looking *looking, GError **error)
{
    AwsFetcher fetcher;
    return aws_fetcher_container(&looking->chain->fetching, &fetcher, error)
               ? aws_credentials_source_new(&fetcher, looking->chain->time)
               : NULL;
}

static AwsCredentialsSource *of_metadata(const Looking *looking, const char *looked)
{
    AwsFetcher fetcher;
    return aws_fetcher_metadata(&looking->chain->fetching, looked, &fetcher)
               ? aws_credentials_source_new(&fetcher, looking->chain->time)
               : NULL;
}

static AwsCredentialsSource *of_environment(const Looking *looking, GError **error)
{
    AwsCredentials *credentials = aws_credentials_of_environment(settings_of(looking), error);
    return credentials ? fixed(credentials) : NULL;
}

/* credential_source = Environment | Ec2InstanceMetadata | EcsContainer */
static AwsCredentialsSource *of_named_place(const Looking *looking, const char *profile, const char *place,
                                            GError **error)
{
    g_autoptr(GError) fault = NULL;
    AwsCredentialsSource *source = NULL;
    if (strcmp(place, "Environment") == 0)
        source = of_environment(looking, &fault);
    else if (strcmp(place, "EcsContainer") == 0)
        source = of_container(looking, &fault);
    else if (strcmp(place, "Ec2InstanceMetadata") == 0)
        source = of_metadata(looking, "");
    else
        return fail(error,
                    "profile %s: credential_source is \"%s\": Environment, Ec2InstanceMetadata or "
                    "EcsContainer is expected",
                    profile, place);
    if (!source)
        fail(error, "profile %s: credential_source is %s, and there are no credentials%s%s", profile, place,
             fault ? ": " : "", fault ? fault->message : "");
    return source;
}

static AwsCredentialsSource *of_profile(Looking *looking, const char *profile, GError **error);

/* Its keys count before its own role does, also of the profile itself. */
static AwsCredentialsSource *of_source_profile(Looking *looking, const char *profile, const char *source,
                                               GError **error)
{
    bool is_itself = strcmp(profile, source) == 0;
    if (!aws_config_has_profile(settings_of(looking)->file, source))
        return fail(error, "profile %s: its source_profile %s is not there", profile, source);
    AwsCredentials *credentials = aws_credentials_of_profile(settings_of(looking), source, error);
    if (credentials || *error)
        return credentials ? fixed(credentials) : NULL;
    if (is_itself)
        return fail(error, "profile %s: it is its own source_profile, and has no keys", profile);
    AwsCredentialsSource *found = of_profile(looking, source, error);
    return found || *error
               ? found
               : fail(error, "profile %s: its source_profile %s has no credentials", profile, source);
}

static bool take_duration(const Looking *looking, const char *profile, int64_t *ret_s, GError **error)
{
    const char *text = setting(looking, profile, "duration_seconds");
    if (!text || integer_parse(view_from(text), ret_s))
        return true;
    fail(error, "profile %s: duration_seconds is \"%s\": a whole number is expected", profile, text);
    return false;
}

/* Of a profile with role_arn. */
static AwsCredentialsSource *of_role(Looking *looking, const char *profile, const char *arn, GError **error)
{
    const char *source = setting(looking, profile, "source_profile"),
               *place = setting(looking, profile, "credential_source");
    const char *region = setting(looking, profile, "region");
    AwsRole role = {.arn = arn,
                    .session_name = setting(looking, profile, "role_session_name"),
                    .external_id = setting(looking, profile, "external_id"),
                    .region = settings_of(looking)->region.text ? settings_of(looking)->region.text : region,
                    .web_token_file = setting(looking, profile, "web_identity_token_file")};
    if (!take_duration(looking, profile, &role.duration_s, error))
        return NULL;
    if (role.web_token_file)
        return assume(looking, &role, NULL, error);
    if (setting(looking, profile, "mfa_serial"))
        return fail(
            error,
            "profile %s: mfa_serial asks for a code, and nobody is there to give one: use a role without it",
            profile);
    if (!source == !place)
        return fail(error, "profile %s: role_arn needs source_profile or credential_source, one of them",
                    profile);
    g_autoptr(AwsCredentialsSource) base = source ? of_source_profile(looking, profile, source, error)
                                                  : of_named_place(looking, profile, place, error);
    return base ? assume(looking, &role, base, error) : NULL;
}

/* ---- profiles ---- */

static bool is_seen(Looking *looking, const char *profile, GError **error)
{
    for (size_t i = 0; i < looking->seen_len; i++)
        if (strcmp(looking->seen[i], profile) == 0 || looking->seen_len == DEPTH_MAX) {
            fail(error,
                 "profile %s: its source_profile leads back to itself, or through more than %d profiles",
                 profile, DEPTH_MAX);
            return true;
        }
    looking->seen[looking->seen_len++] = profile;
    return false;
}

static AwsCredentialsSource *of_process(const Looking *looking, const char *profile, const char *command,
                                        GError **error)
{
    AwsFetcher fetcher;
    return aws_fetcher_process(&looking->chain->fetching, profile, command, &fetcher, error)
               ? aws_credentials_source_new(&fetcher, looking->chain->time)
               : NULL;
}

static AwsCredentialsSource *of_sso(const Looking *looking, const char *profile, GError **error)
{
    AwsFetcher fetcher;
    return aws_fetcher_sso(&looking->chain->fetching, profile, looking->chain->time, &fetcher, error)
               ? aws_credentials_source_new(&fetcher, looking->chain->time)
               : NULL;
}

/* NULL without error: it says nothing of credentials. */
static AwsCredentialsSource *of_profile(Looking *looking, const char *profile, GError **error)
{
    const char *role = setting(looking, profile, "role_arn");
    if (is_seen(looking, profile, error))
        return NULL;
    if (role)
        return of_role(looking, profile, role, error);
    bool has_sso = setting(looking, profile, "sso_session") || setting(looking, profile, "sso_start_url");
    if (has_sso)
        return of_sso(looking, profile, error);
    g_autoptr(GError) fault = NULL;
    AwsCredentials *credentials = aws_credentials_of_profile(settings_of(looking), profile, &fault);
    if (credentials)
        return fixed(credentials);
    if (fault) {
        g_propagate_error(error, g_steal_pointer(&fault));
        return NULL;
    }
    const char *process = setting(looking, profile, "credential_process");
    return process ? of_process(looking, profile, process, error) : NULL;
}

static AwsCredentialsSource *of_web_identity(const Looking *looking, GError **error)
{
    const char *file = aws_settings_variable(settings_of(looking), "AWS_WEB_IDENTITY_TOKEN_FILE"),
               *arn = aws_settings_variable(settings_of(looking), "AWS_ROLE_ARN");
    if (!file || settings_of(looking)->is_profile_named) /* who asks for a profile means no other identity */
        return NULL;
    if (!arn)
        return fail(error, "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not");
    const AwsRole role = {.arn = arn,
                          .session_name =
                              aws_settings_variable(settings_of(looking), "AWS_ROLE_SESSION_NAME"),
                          .region = settings_of(looking)->region.text,
                          .web_token_file = file};
    return assume(looking, &role, NULL, error);
}

/* ---- the order ---- */

static AwsCredentialsSource *first_of(Looking *looking, GError **error)
{
    const AwsSettings *settings = settings_of(looking);
    AwsCredentialsSource *source = settings->is_profile_named ? NULL : of_environment(looking, error);
    if (!source && !*error && setting(looking, settings->profile, "role_arn"))
        source = of_profile(looking, settings->profile, error);
    if (!source && !*error)
        source = of_web_identity(looking, error);
    if (!source && !*error && looking->seen_len == 0)
        source = of_profile(looking, settings->profile, error);
    if (!source && !*error)
        source = of_container(looking, error);
    if (!source && !*error)
        source = of_metadata(looking, "no credentials in the environment, in the config and credentials "
                                      "files, by a web identity or of a container; ");
    if (!source && !*error)
        fail(error,
             "no credentials for AWS: %s, profile %s of the config and credentials files, a web identity "
             "token and a container's "
             "address are not there, and the instance's metadata is switched off (AWS_EC2_METADATA_DISABLED)",
             settings->is_profile_named ? "the environment's keys are left out, since a profile is named"
                                        : "AWS_ACCESS_KEY_ID",
             settings->profile);
    return source;
}

AwsCredentialsSource *aws_chain_new(const AwsChain *chain, const char *role_arn, GError **error)
{
    Looking looking = {.chain = chain};
    GError *fault = NULL;
    g_autoptr(AwsCredentialsSource) found = first_of(&looking, &fault);
    const AwsRole role = {.arn = role_arn, .region = chain->fetching.settings->region.text};
    AwsCredentialsSource *source = !found || fault ? NULL
                                   : role_arn      ? assume(&looking, &role, found, &fault)
                                                   : aws_credentials_source_ref(found);
    if (fault)
        g_propagate_error(error, fault);
    return source;
}
