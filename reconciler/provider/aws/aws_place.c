/* aws_place.c: one account in one region: credentials, clients, whose account it is. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/aws_shared_files.h"

typedef struct {
    char *account; /* that it has to be; NULL: any */
    AwsPlaceKnown known;
    void *data;
} Waiting;

static void waiting_clear(void *data)
{
    g_free(((Waiting *)data)->account);
}

/* ---- making ---- */

static bool read_settings(AwsProvider *provider, GError **error)
{
    if (provider->settings)
        return true;
    AwsConfigFile *file =
        aws_shared_files_read(provider->options.variable, provider->options.variable_data, error);
    if (!file)
        return false;
    provider->settings =
        aws_settings_new(file, NULL, provider->options.variable, provider->options.variable_data, error);
    return provider->settings != NULL;
}

static bool make_client(AwsPlace *place, AwsService service, GError **error)
{
    AwsProvider *provider = place->provider;
    g_auto(AwsSetting) endpoint = aws_settings_endpoint(provider->settings, service);
    AwsClientConfig config = aws_settings_client(provider->settings, service, place->region, endpoint.text);
    config.calls = provider->options.calls;
    HttpClient *http = service == AWS_SQS ? provider->waiting_http : provider->http;
    place->clients[service] =
        aws_client_new(provider->context, http, place->source, &config, provider->options.time, error);
    return place->clients[service] != NULL;
}

static bool make_clients(AwsPlace *place, GError **error)
{
    static const AwsService used[] = {AWS_STS, AWS_EC2, AWS_ECS, AWS_SSM, AWS_LOGS, AWS_IAM, AWS_SQS};
    const AwsChain chain = {
        .fetching = {place->provider->context, place->provider->http, place->provider->settings},
        .time = place->provider->options.time};
    place->source = aws_chain_new(&chain, place->role_arn, error);
    if (!place->source)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(used); i++)
        if (!make_client(place, used[i], error))
            return false;
    return true;
}

static AwsPlace *find(const AwsProvider *provider, const char *region, const char *role_arn)
{
    for (guint i = 0; i < provider->places->len; i++) {
        AwsPlace *place = provider->places->pdata[i];
        if (strcmp(place->region, region) == 0 && g_strcmp0(place->role_arn, role_arn) == 0)
            return place;
    }
    return NULL;
}

AwsPlace *aws_place_get(AwsProvider *provider, const AwsEnvironment *environment, GError **error)
{
    if (!read_settings(provider, error))
        return NULL;
    const char *region = environment->region ? environment->region : provider->settings->region.text;
    if (!region) {
        g_set_error_literal(error, G_CONVERT_ERROR, G_CONVERT_ERROR_FAILED,
                            "it is on aws and no region is set: give spec.provider.region, or AWS_REGION to "
                            "the daemon");
        return NULL;
    }
    AwsPlace *place = find(provider, region, environment->role_arn);
    if (place)
        return place;
    place = g_new0(AwsPlace, 1);
    place->provider = provider;
    place->region = g_strdup(region);
    place->role_arn = g_strdup(environment->role_arn);
    place->partition = aws_partition_of_region(region);
    place->waiting = g_array_new(FALSE, FALSE, sizeof(Waiting));
    g_array_set_clear_func(place->waiting, waiting_clear);
    if (!make_clients(place, error)) {
        aws_place_free(place);
        return NULL;
    }
    g_ptr_array_add(provider->places, place);
    return place;
}

void aws_place_free(AwsPlace *place)
{
    for (size_t i = 0; i < G_N_ELEMENTS(place->clients); i++)
        g_clear_pointer(&place->clients[i], aws_client_free);
    aws_orphans_free(place->orphans);
    aws_credentials_source_unref(place->source);
    g_array_unref(place->waiting);
    g_free(place->region);
    g_free(place->role_arn);
    g_free(place->account);
    g_free(place);
}

/* ---- whose it is ---- */

static void say(const AwsPlace *place, const Waiting *waiting)
{
    g_autofree char *fault = NULL;
    if (waiting->account && strcmp(waiting->account, place->account) != 0)
        fault = g_strdup_printf("the credentials are of account %s, and the environment is to be in %s",
                                place->account, waiting->account);
    waiting->known(fault, waiting->data);
}

static void take_identity(const AwsAnswer *answer, void *data)
{
    AwsPlace *place = data;
    g_autoptr(GArray) waiting = place->waiting;
    g_autofree char *fault =
        answer->error ? aws_why("it is not known whose account this is", answer->error) : NULL;
    place->waiting = g_array_new(FALSE, FALSE, sizeof(Waiting));
    g_array_set_clear_func(place->waiting, waiting_clear);
    if (!fault)
        place->account = g_strdup(xml_text(answer->xml, "Account"));
    if (!fault && !place->account)
        fault = g_strdup("STS does not say whose account this is");
    for (guint i = 0; i < waiting->len; i++) {
        const Waiting *one = &g_array_index(waiting, Waiting, i);
        if (fault)
            one->known(fault, one->data);
        else
            say(place, one);
    }
}

void aws_place_check(AwsPlace *place, const char *account, AwsPlaceKnown known, void *data)
{
    Waiting waiting = {g_strdup(account), known, data};
    if (place->account) {
        say(place, &waiting);
        waiting_clear(&waiting);
        return;
    }
    g_array_append_val(place->waiting, waiting);
    if (place->waiting->len > 1)
        return; /* it is being asked */
    const AwsQuestion question = {
        .service = AWS_STS, .action = "GetCallerIdentity", .done = take_identity, .data = place};
    g_autoptr(Query) query = query_new("GetCallerIdentity", "2011-06-15");
    aws_ask_query(place, &question, query);
}

/* ---- calls ---- */

static void ask(AwsPlace *place, const AwsQuestion *question, const char *body)
{
    const AwsCall call = {.action = question->action,
                          .body = body,
                          .page = question->page,
                          .resources = question->resources,
                          .free_data = question->free_data};
    aws_client_call(place->clients[question->service], &call, question->done, question->data);
}

void aws_ask_json(AwsPlace *place, const AwsQuestion *question, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    ask(place, question, text);
    free(text);
    json_decref(body);
}

void aws_ask_query(AwsPlace *place, const AwsQuestion *question, const Query *body)
{
    ask(place, question, query_text(body));
}

void *aws_about(AwsProvider *provider, const LaunchToken *token)
{
    AwsAbout *about = g_new(AwsAbout, 1);
    *about = (AwsAbout){provider, *token};
    return about;
}

AwsHost *aws_about_host(const void *about)
{
    const AwsAbout *of = about;
    return g_hash_table_lookup(of->provider->hosts, &of->token);
}

AwsTask *aws_about_task(const void *about)
{
    const AwsAbout *of = about;
    return g_hash_table_lookup(of->provider->tasks, &of->token);
}

char *aws_why(const char *what, const AwsError *error)
{
    g_autofree char *text = aws_error_text(error);
    return g_strdup_printf("%s: %s", what, text);
}
