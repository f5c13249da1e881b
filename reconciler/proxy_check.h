/* proxy_check.h: which requests muster proxy passes on, and what is told of the others.
 * Owns:   nothing.
 * Calls:  api/remote.h (which operation a request means), spec/sigv4. Computes only.
 * Holds:  nothing is passed but the operations of AWS Batch and GetLogEvents of CloudWatch Logs. No page in a
 * browser can ask for them: a request has to say this machine as its host, to come from no page, and to have
 * the form of one that is signed for AWS, which a page may not send elsewhere. Whose signature it is is not
 * looked at. */
#pragma once
#include "reconciler/api/operation.h"

/* Of a request, as it came; all but method and target may be NULL. Borrowed. */
typedef struct {
    const char *method, *target;
    const char *host, *origin, *authorization, *amz_target, *content_type;
} ProxyQuestion;

/* The form in which the client that asks reads errors: each of AWS's protocols has its own. */
typedef enum { PROXY_FORM_JSON, PROXY_FORM_S3, PROXY_FORM_QUERY, PROXY_FORM_EC2 } ProxyForm;

typedef struct {
    unsigned status;
    const char *type; /* "AccessDeniedException" …; static */
    char *message;    /* owned */
    ProxyForm form;
} ProxyRefusal;
void proxy_refusal_clear(ProxyRefusal *refusal);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProxyRefusal, proxy_refusal_clear)

/* The operation that is passed on; NULL with the refusal. */
const Operation *proxy_check(const ProxyQuestion *question, ProxyRefusal *ret_refusal);
/* Its body, and of which type that is (static); new string. */
char *proxy_refusal_body(const ProxyRefusal *refusal, const char **ret_type);
