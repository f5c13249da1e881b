/* doctor_finding.c: see doctor_finding.h. */
#include "reconciler/provider/aws/doctor_finding.h"
#include <string.h>
#include "spec/base/glob.h"

const char *doctor_status_name(DoctorStatus status)
{
    switch (status) {
    case DOCTOR_OK: return "ok";
    case DOCTOR_WARNING: return "warning";
    case DOCTOR_PROBLEM: return "failed";
    case DOCTOR_NOT_CHECKED: return "not checked";
    }
    g_assert_not_reached();
}

json_t *doctor_find(json_t *findings, const char *check, DoctorStatus status, const char *cure,
                    const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *detail = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    json_t *finding =
        json_pack("{s:s,s:s,s:s}", "check", check, "status", doctor_status_name(status), "detail", detail);
    if (cure)
        json_object_set_new(finding, "cure", json_string(cure));
    json_array_append_new(findings, finding);
    return finding;
}

static bool has_one_of(const char *code, const char *const *patterns)
{
    for (; *patterns; patterns++)
        if (glob_matches(*patterns, view_from(code)))
            return true;
    return false;
}

/* Source: the error lists of EC2, IAM, SSM, ECR, EFS and Service Quotas. */
static bool is_absent(const char *code)
{
    static const char *const patterns[] = {
        "*NotFound", "*NotFoundException", "NoSuch*", "InvalidPlacementGroup.Unknown", "Invalid*.Malformed",
        NULL};
    return has_one_of(code, patterns);
}

static bool is_denied(const char *code)
{
    static const char *const patterns[] = {"AccessDenied*", "UnauthorizedOperation", "NotAuthorized*", NULL};
    return has_one_of(code, patterns);
}

void doctor_reply_take(DoctorReply *reply, const AwsAnswer *answer)
{
    if (reply->how == DOCTOR_FAILED || reply->how == DOCTOR_ABSENT)
        return;
    if (!answer->error) {
        reply->how = DOCTOR_ANSWERED;
        return;
    }
    reply->code = g_strdup(answer->error->code);
    reply->why = aws_error_text(answer->error);
    reply->is_denied = is_denied(reply->code);
    reply->how = is_absent(reply->code) ? DOCTOR_ABSENT : DOCTOR_FAILED;
}

void doctor_reply_clear(DoctorReply *reply)
{
    g_free(reply->code);
    g_free(reply->why);
    *reply = (DoctorReply){0};
}

bool doctor_was_answered(json_t *findings, const char *check, const DoctorReply *reply)
{
    if (reply->how != DOCTOR_ANSWERED)
        doctor_find(findings, check, DOCTOR_NOT_CHECKED, NULL, "%s",
                    reply->why ? reply->why : "it was not asked");
    return reply->how == DOCTOR_ANSWERED;
}
