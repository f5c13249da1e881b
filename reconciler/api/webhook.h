/* webhook.h: whether a webhook comes from whom it says, and what it tells: GitHub, GitLab, Gitea or Forgejo,
 * and a plain form of our own.
 * Owns:   a WebhookVerdict owns its texts.
 * Calls:  OpenSSL's libcrypto, jansson, source/location.h. Computes only; may run on any thread.
 * Holds:  nothing of a body is read before its signature is found good. Signatures and tokens are compared in
 * constant time. Which part of a signature is wrong is told to whoever runs muster (reason), never to who
 * sent it. No text holds a secret. Whatever comes, texts are short, printable, and refs and commits are
 * such. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "reconciler/source/location.h"
#include "spec/base/view.h"

#define WEBHOOK_BODY_MAX     ((size_t)4 << 20)
#define WEBHOOK_TOLERANCE_MS ((int64_t)5 * 60 * 1000) /* between a signed time and the clock */
#define WEBHOOK_KEY_BYTES    32

typedef enum {
    WEBHOOK_HUB_SIGNATURE, /* GitHub */
    WEBHOOK_GITHUB_EVENT,
    WEBHOOK_GITHUB_DELIVERY,
    WEBHOOK_GITLAB_TOKEN,
    WEBHOOK_STANDARD_SIGNATURE, /* GitLab's signing token: standardwebhooks.com */
    WEBHOOK_STANDARD_ID,
    WEBHOOK_STANDARD_TIMESTAMP,
    WEBHOOK_GITLAB_DELIVERY,
    WEBHOOK_FORGEJO_SIGNATURE,
    WEBHOOK_FORGEJO_EVENT,
    WEBHOOK_FORGEJO_DELIVERY,
    WEBHOOK_GITEA_SIGNATURE,
    WEBHOOK_GITEA_EVENT,
    WEBHOOK_GITEA_DELIVERY,
    WEBHOOK_PLAIN_SIGNATURE,
    WEBHOOK_PLAIN_TIMESTAMP,
    WEBHOOK_PLAIN_DELIVERY,
    WEBHOOK_HEADERS
} WebhookHeader;
const char *webhook_header_name(WebhookHeader header);

/* Borrowed. */
typedef struct {
    const char *headers[WEBHOOK_HEADERS]; /* NULL: it is not there */
    View body;
    const char *const *secrets; /* NULL-terminated */
    int64_t now_ms;
} WebhookRequest;

typedef enum {
    WEBHOOK_REFUSED, /* not signed as it must be */
    WEBHOOK_BAD,     /* signed, and of no use: reason says why */
    WEBHOOK_PING,    /* a forge tries whether it is heard */
    WEBHOOK_OTHER,   /* something else than a push */
    WEBHOOK_PUSH
} WebhookResult;

typedef struct {
    WebhookResult result;
    const char *form;                     /* "github" …; NULL: no signature was there */
    unsigned char key[WEBHOOK_KEY_BYTES]; /* of a delivery that is signed: the same one has the same */
    char *reason;                         /* of REFUSED and BAD */
    char *delivery; /* what the sender calls it, unsigned but for GitLab's; may be NULL */
    /* of a PUSH: */
    char *ref;            /* refs/… */
    char *commit;         /* 40 digits: of a commit, or of a tag; NULL: the reference was deleted */
    char *repository;     /* "team/jobs"; NULL where the form names none */
    char *default_branch; /* may be NULL */
} WebhookVerdict;

/* Whether there is a signature at all, good or not: without one the body need not be read. */
bool webhook_is_signed(const char *const headers[WEBHOOK_HEADERS]);
void webhook_judge(const WebhookRequest *request, WebhookVerdict *ret_verdict);
void webhook_verdict_clear(WebhookVerdict *verdict);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WebhookVerdict, webhook_verdict_clear)

/* Whether a push is of the repository and the reference that a location names. */
typedef enum { WEBHOOK_FOLLOWED, WEBHOOK_OTHER_REF, WEBHOOK_OTHER_REPOSITORY } WebhookMatch;
WebhookMatch webhook_match(const WebhookVerdict *push, const RepoLocation *location);
