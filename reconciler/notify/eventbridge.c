#include "reconciler/notify/eventbridge.h"
#include <string.h>
#include "reconciler/world/event_json.h"

/* Where a message says nothing of them: those of the ARNs that this installation gives. */
#define NO_REGION  "us-east-1"
#define NO_ACCOUNT "000000000000"

/* Of 32 hexadecimal digits that are the id's: version 8, "custom". */
static char *uuid_of(const char *id)
{
    g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, id, -1);
    return g_strdup_printf("%.8s-%.4s-8%.3s-a%.3s-%.12s", hex, hex + 8, hex + 13, hex + 17, hex + 20);
}

static char *time_text(int64_t at_ms)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(at_ms / 1000);
    return at ? g_date_time_format(at, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("1970-01-01T00:00:00Z");
}

/* Part of "arn:aws:batch:REGION:ACCOUNT:job/…". New string. */
static char *arn_part(const char *arn, guint part, const char *otherwise)
{
    g_auto(GStrv) parts = arn ? g_strsplit(arn, ":", 6) : NULL;
    return g_strdup(parts && g_strv_length(parts) > part && *parts[part] ? parts[part] : otherwise);
}

/* Its job is not kept any more: what the event itself says. */
static json_t *bare_detail(const EventRecord *event)
{
    json_t *detail = event_json(event);
    const char *space = memchr(event->subject.data, ' ', event->subject.len);
    if (space)
        json_object_set_new(
            detail, "jobId",
            json_stringn(space + 1, event->subject.len - (size_t)(space + 1 - event->subject.data)));
    return detail;
}

char *eventbridge_body(const EventRecord *event, const EventbridgeFacts *facts)
{
    bool is_job = view_is(event->type, "job.state");
    const char *arn = json_string_value(json_object_get(facts->job, "jobArn"));
    g_autofree char *uuid = uuid_of(facts->id), *at = time_text(event->at_ms),
                    *region = arn_part(arn, 3, NO_REGION), *account = arn_part(arn, 4, NO_ACCOUNT);
    json_t *resources = json_array();
    if (arn)
        json_array_append_new(resources, json_string(arn));
    json_t *detail = facts->job ? json_deep_copy(facts->job)
                     : is_job   ? bare_detail(event)
                                : event_json(event);
    json_t *body =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:o}", "version", "0", "id", uuid, "detail-type",
                  is_job ? "Batch Job State Change" : "Muster Event", "source", facts->source, "account",
                  account, "time", at, "region", region, "resources", resources, "detail", detail);
    char *text = json_dumps(body, JSON_COMPACT), *copy = g_strdup(text);
    free(text);
    json_decref(body);
    return copy;
}
