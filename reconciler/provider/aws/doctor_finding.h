/* doctor_finding.h: what the doctor found, and whether what it asked for was answered. Computes only. */
#pragma once
#include <jansson.h>
#include "reconciler/provider/aws/aws_answer.h"

/* NOT_CHECKED: it could not be looked at; never taken for OK. */
typedef enum { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_PROBLEM, DOCTOR_NOT_CHECKED } DoctorStatus;
const char *doctor_status_name(DoctorStatus status); /* "ok", "warning", "failed", "not checked" */

/* Appends {"check", "status", "detail", "cure"} to findings, and returns it, borrowed. cure: what to do;
 * NULL: nothing. */
json_t *doctor_find(json_t *findings, const char *check, DoctorStatus status, const char *cure,
                    const char *format, ...) G_GNUC_PRINTF(5, 6);

/* What came of a question. ABSENT: AWS says that there is no such thing. FAILED: denied, unreachable … */
typedef enum { DOCTOR_UNASKED, DOCTOR_ANSWERED, DOCTOR_ABSENT, DOCTOR_FAILED } DoctorHow;
typedef struct {
    DoctorHow how;
    bool is_denied;
    char *code, *why; /* of ABSENT and FAILED; NULL otherwise */
} DoctorReply;
/* Of an answer that came, or did not. Of several questions with one reply a failure stays. */
void doctor_reply_take(DoctorReply *reply, const AwsAnswer *answer);
void doctor_reply_clear(DoctorReply *reply);
/* Whether it was answered; else the check becomes NOT_CHECKED with the reason. */
bool doctor_was_answered(json_t *findings, const char *check, const DoctorReply *reply);
