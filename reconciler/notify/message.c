#include "reconciler/notify/message.h"
#include <inttypes.h>
#include <string.h>
#include "reconciler/notify/commit_status.h"
#include "reconciler/notify/eventbridge.h"
#include "reconciler/source/scan.h"
#include "reconciler/world/event_json.h"
#include "spec/mac.h"

#define SECRET_BYTES_MAX ((size_t)16 << 10)
#define SECRETS_MAX      4
#define SECRET_PREFIX    "whsec_"

void message_clear(Message *message)
{
    g_free(message->id);
    g_free(message->type);
    g_free(message->body);
    g_free(message->url);
    g_strfreev(message->headers);
    *message = (Message){0};
}

char *message_id(const char *installation, uint64_t sequence)
{
    return g_strdup_printf("muster-%s-%" PRIu64, installation, sequence);
}

/* ---- signatures ---- */

/* All of it, or NULL: g_base64_decode() skips what is none. */
static guchar *decode_base64(const char *text, gsize *ret_len)
{
    gsize len = strlen(text);
    if (len == 0 || len % 4 ||
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != len)
        return NULL;
    return g_base64_decode(text, ret_len);
}

char *webhook_signature(const char *secret, const char *id, int64_t at_s, const char *body)
{
    bool is_encoded = g_str_has_prefix(secret, SECRET_PREFIX);
    gsize len = strlen(secret);
    g_autofree guchar *key =
        is_encoded ? decode_base64(secret + strlen(SECRET_PREFIX), &len) : g_memdup2(secret, len + 1);
    if (!key)
        return NULL;
    g_autofree char *start = g_strdup_printf("%s.%" PRId64 ".", id, at_s);
    const View texts[] = {view_from(start), view_from(body)};
    unsigned char mac[MAC_BYTES];
    mac_sha256((View){(const char *)key, len}, texts, G_N_ELEMENTS(texts), mac);
    g_autofree char *encoded = g_base64_encode(mac, sizeof mac);
    return g_strconcat("v1,", encoded, NULL);
}

/* ---- secrets ---- */

static bool fail(GError **error, const char *what, const char *why)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", what, why);
    return false;
}

static char *read_secret(const DestinationConfig *config, GError **error)
{
    if (config->secret_env) {
        const char *value = g_getenv(config->secret_env);
        if (!value || !*value)
            fail(error, config->secret_env, "the environment variable is not set");
        return value && *value ? g_strdup(value) : NULL;
    }
    size_t len;
    return scan_read_path(config->secret_file, config->secret_file, SECRET_BYTES_MAX, &len, error);
}

/* Its lines that hold something, without blanks around. NULL with error. */
static char **read_secrets(const DestinationConfig *config, GError **error)
{
    g_autofree char *text = read_secret(config, error);
    g_autoptr(GStrvBuilder) secrets = g_strv_builder_new();
    size_t found = 0;
    if (!text)
        return NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line && found < SECRETS_MAX; line++)
        if (*g_strstrip(*line)) {
            g_strv_builder_add(secrets, *line);
            found++;
        }
    if (found == 0) {
        fail(error, config->secret_file ? config->secret_file : config->secret_env, "no secret is in it");
        return NULL;
    }
    return g_strv_builder_end(secrets);
}

/* ---- bodies ---- */

static char *time_text(int64_t at_ms)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(at_ms / 1000);
    g_autofree char *front =
        at ? g_date_time_format(at, "%Y-%m-%dT%H:%M:%S") : g_strdup("1970-01-01T00:00:00");
    return g_strdup_printf("%s.%03dZ", front, (int)(at_ms % 1000));
}

static char *event_body(const EventRecord *event, const MessageFacts *facts, const Message *message)
{
    g_autofree char *at = time_text(event->at_ms);
    json_t *body = json_pack("{s:i,s:s,s:s,s:s,s:{s:s,s:s},s:o}", "formatVersion", 1, "id", message->id,
                             "type", message->type, "timestamp", at, "installation", "id",
                             facts->installation, "host", facts->host, "data", event_json(event));
    if (event->source.len && facts->location) {
        json_t *source = json_object();
        json_object_set_new(source, "name", json_stringn(event->source.data, event->source.len));
        json_object_set_new(source, "location", json_string(facts->location));
        json_object_set_new(body, "source", source);
    }
    char *text = json_dumps(body, JSON_COMPACT);
    char *copy = g_strdup(text);
    free(text);
    json_decref(body);
    return copy;
}

static bool make_webhook(const DestinationConfig *config, int64_t at_s, Message *message, GError **error)
{
    g_auto(GStrv) secrets = read_secrets(config, error);
    if (!secrets)
        return false;
    g_autoptr(GString) signatures = g_string_new("webhook-signature:");
    for (char **secret = secrets; *secret; secret++) {
        g_autofree char *signature = webhook_signature(*secret, message->id, at_s, message->body);
        if (!signature)
            return fail(error, config->secret_file ? config->secret_file : config->secret_env,
                        "what follows whsec_ is not base64");
        g_string_append_printf(signatures, " %s", signature);
    }
    g_autoptr(GStrvBuilder) headers = g_strv_builder_new();
    g_autofree char *id = g_strdup_printf("webhook-id: %s", message->id),
                    *at = g_strdup_printf("webhook-timestamp: %" PRId64, at_s);
    g_strv_builder_add(headers, id);
    g_strv_builder_add(headers, at);
    g_strv_builder_add(headers, signatures->str);
    message->headers = g_strv_builder_end(headers);
    message->url = g_strdup(config->url);
    return true;
}

static bool make_status(const DestinationConfig *config, const EventRecord *event, const MessageFacts *facts,
                        Message *message, GError **error)
{
    g_auto(CommitStatus) status = {0};
    if (!commit_status_of(event, &status))
        return fail(error, "event", "it says nothing about a commit");
    g_auto(GStrv) tokens = read_secrets(config, error);
    g_clear_pointer(&message->body, g_free);
    if (!tokens ||
        !commit_status_request(config, &status, facts->location, &message->url, &message->body, error))
        return false;
    bool is_gitlab = config->kind == DESTINATION_GITLAB;
    g_autoptr(GStrvBuilder) headers = g_strv_builder_new();
    g_autofree char *token =
        g_strdup_printf(is_gitlab ? "PRIVATE-TOKEN: %s" : "Authorization: Bearer %s", tokens[0]);
    g_strv_builder_add(headers, token);
    if (!is_gitlab) {
        g_strv_builder_add(headers, "Accept: application/vnd.github+json");
        g_strv_builder_add(headers, "X-GitHub-Api-Version: 2022-11-28");
    }
    message->headers = g_strv_builder_end(headers);
    return true;
}

bool message_make(const DestinationConfig *config, const EventRecord *event, const MessageFacts *facts,
                  int64_t at_s, Message *ret_message, GError **error)
{
    g_auto(Message)
        message = {.id = message_id(facts->installation, event->sequence), .type = event_name(event)};
    bool is_made = true;
    message.body = config->event_source
                       ? eventbridge_body(event, &(EventbridgeFacts){.source = config->event_source,
                                                                     .id = message.id,
                                                                     .job = facts->job})
                       : event_body(event, facts, &message);
    switch (config->kind) {
    case DESTINATION_WEBHOOK: is_made = make_webhook(config, at_s, &message, error); break;
    case DESTINATION_GITHUB:
    case DESTINATION_GITLAB: is_made = make_status(config, event, facts, &message, error); break;
    case DESTINATION_EXEC: break;
    }
    if (!is_made)
        return false;
    *ret_message = message;
    message = (Message){0};
    return true;
}
