/* web.h: the web page: one request in, one answer out, wherever it came from.
 * Owns:   pages that wait for the answers of operations.
 * Calls:  api/ (operation, access), html.h.
 * Holds:  it knows no connection, no cookie and no password: who asks was found out before, and only what
 * that one may see is asked for, by the operations that everybody uses. Nothing blocks. Everything that is
 * shown was written by somebody else and is escaped (html.h); scripts and styles are our two files, which are
 * in the program. */
#pragma once
#include "reconciler/api/key.h"
#include "reconciler/api/operation.h"

#define WEB_FORM_MAX ((size_t)64 << 10) /* bytes of a form that is posted: the caller refuses more */

typedef struct Web Web;
typedef struct {
    void (*call)(Call *call, void *data); /* takes the call */
    int64_t (*now_ms)(void *data);
    void *data;
} WebOptions;

Web *web_new(const WebOptions *options);
/* Calls must have been answered. */
void web_free(Web *web);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Web, web_free)

/* All borrowed, until answer() is called. */
typedef struct {
    unsigned status;
    const char *const *headers; /* name, value, name …, NULL; with the content's type */
    GBytes *body;               /* empty for one that has none */
} WebAnswer;
typedef void (*WebAnswerFunc)(const WebAnswer *answer, void *data);

/* All borrowed, for the time of web_handle() but where another is told. */
typedef struct {
    const char *method;        /* GET, HEAD or POST; the form's token (csrf) was checked */
    const char *path;          /* decoded: "/", "/queues/fast" */
    const char *query;         /* as it came, without '?'; may be NULL */
    View form;                 /* application/x-www-form-urlencoded, of a POST */
    const char *last_event_id; /* of a stream; may be NULL */

    const json_t *peer;   /* who asks, as access_tell_peer() tells it to operations */
    const Key *key;       /* what that one may do; NULL: everything that scopes allow, of all queues */
    unsigned scopes;      /* of KeyScope */
    const char *name;     /* who asks, as it is shown; NULL: is not shown */
    const char *csrf;     /* goes into each form as "csrf"; NULL: needs none */
    const char *sign_out; /* a path: a button posts to it; NULL: there is none */

    WebAnswerFunc answer; /* once, now or later, on this thread */
    void *data;
} WebRequest;

/* Whether there is something at this path: a page, one of our two files or the stream. */
bool web_has(const char *path);
void web_handle(Web *web, const WebRequest *request);
/* What the style sheet is called, for pages of others (the door): "/assets/…/style.css". Static. */
const char *web_style_path(void);
/* Headers that every page has: no scripts but ours, in no frame, kept by nobody. name, value …, NULL; static.
 */
const char *const *web_page_headers(void);
