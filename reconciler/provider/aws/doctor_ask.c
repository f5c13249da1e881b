/* doctor_ask.c: see doctor_ask.h. */
#include "reconciler/provider/aws/doctor_ask.h"

#define TIMEOUT_MS 10000 /* of one attempt */

struct DoctorAsk {
    DoctorWith with;
    AwsCredentialsSource *source;
    GHashTable *clients; /* "SERVICE/REGION" → AwsClient* */
    int under_way;
};

DoctorAsk *doctor_ask_new(const DoctorWith *with, const char *role_arn, GError **error)
{
    const AwsChain chain = {.fetching = {with->context, with->http, with->settings}, .time = with->time};
    AwsCredentialsSource *source = aws_chain_new(&chain, role_arn, error);
    if (!source)
        return NULL;
    DoctorAsk *ask = g_new0(DoctorAsk, 1);
    *ask = (DoctorAsk){
        .with = *with,
        .source = source,
        .clients = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)aws_client_free)};
    return ask;
}

void doctor_ask_free(DoctorAsk *ask)
{
    if (!ask)
        return;
    g_hash_table_unref(ask->clients);
    aws_credentials_source_unref(ask->source);
    g_free(ask);
}

static AwsClient *client_for(DoctorAsk *ask, AwsService service, const char *region, GError **error)
{
    g_autofree char *key = g_strdup_printf("%d/%s", (int)service, region);
    AwsClient *client = g_hash_table_lookup(ask->clients, key);
    if (client)
        return client;
    g_auto(AwsSetting) endpoint = aws_settings_endpoint(ask->with.settings, service);
    AwsClientConfig config = aws_settings_client(ask->with.settings, service, region, endpoint.text);
    client = aws_client_new(ask->with.context, ask->with.http, ask->source, &config, ask->with.time, error);
    if (client)
        g_hash_table_insert(ask->clients, g_steal_pointer(&key), client);
    return client;
}

typedef struct {
    DoctorAsk *ask;
    DoctorQuestion question;
} Call;

static void call_free(void *data)
{
    Call *call = data;
    if (call->question.free_data)
        call->question.free_data(call->question.data);
    g_free(call);
}

static bool take_page(const AwsAnswer *answer, void *data)
{
    const Call *call = data;
    return !call->question.read || call->question.read(answer, call->question.data);
}

static void take(const AwsAnswer *answer, void *data)
{
    const Call *call = data;
    call->ask->under_way--;
    doctor_reply_take(call->question.reply, answer);
}

void doctor_ask_put(DoctorAsk *ask, const DoctorQuestion *question)
{
    g_autoptr(GError) error = NULL;
    AwsClient *client =
        client_for(ask, question->service, question->region ? question->region : ask->with.region, &error);
    if (!client) {
        const AwsAnswer none = {.error = aws_error_of_credentials(error->message)};
        doctor_reply_take(question->reply, &none);
        aws_error_free(none.error);
        if (question->free_data)
            question->free_data(question->data);
        return;
    }
    Call *call = g_new(Call, 1);
    *call = (Call){ask, *question};
    const AwsCall what = {.action = question->action,
                          .body = question->body,
                          .page = take_page,
                          .timeout_ms = TIMEOUT_MS,
                          .free_data = call_free};
    ask->under_way++;
    aws_client_call(client, &what, take, call);
}

void doctor_ask_wait(DoctorAsk *ask)
{
    while (ask->under_way > 0)
        g_main_context_iteration(ask->with.context, TRUE);
}

AwsCredentials *doctor_ask_credentials(DoctorAsk *ask, GError **error)
{
    return aws_credentials_wait(ask->source, ask->with.context, error);
}
