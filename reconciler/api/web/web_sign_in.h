/* web_sign_in.h: the page for who has not signed in: how one gets in. */
#pragma once
#include "reconciler/api/web/web.h"
#include "reconciler/api/web/web_config.h"

typedef struct {
    const char *why;         /* one is not in; NULL: nothing went wrong */
    bool is_by_proxy;        /* a proxy names who asks */
    const WebProvider *oidc; /* NULL: none */
} WebSignIn;

/* answer is called before it returns. */
void sign_in_answer(const WebSignIn *page, unsigned status, WebAnswerFunc answer, void *data);
