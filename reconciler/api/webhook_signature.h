/* webhook_signature.h: the check of a webhook's signature, in the form that its headers say.
 * Owns:   nothing.
 * Calls:  OpenSSL's libcrypto.
 * Holds:  every secret is tried whatever the one before it gave; nothing of the body is understood. */
#pragma once
#include "reconciler/api/webhook.h"

typedef enum { FORM_GITHUB, FORM_GITLAB, FORM_GITEA, FORM_PLAIN, FORM_COUNT } WebhookForm;

typedef struct {
    WebhookForm form;
    const char *event;    /* of GITHUB and GITEA; may be NULL */
    const char *delivery; /* may be NULL */
    unsigned char key[WEBHOOK_KEY_BYTES];
} WebhookSigned;

/* NULL: it is good, and *ret_signed is set. Else why not: a constant. *ret_signed.form is set where
 * webhook_is_signed(). */
const char *webhook_signature_fault(const WebhookRequest *request, WebhookSigned *ret_signed);
