/* web_config.h: who may use the web page: web.yaml (schemas/web.json).
 * Owns:   a WebConfig owns what it read.
 * Calls:  spec/, source/own_file.
 * Holds:  who fits no rule gets in nowhere; the first rule that fits counts; a file that others may write is
 * refused, as it says who may do what. */
#pragma once
#include <glib.h>
#include "reconciler/api/web/web_session.h"
#include "reconciler/ports.h"
#include "spec/base/diagnostic.h"

/* Of user, group, email and claim each that is given has to fit; at least one is. Patterns: * stands for any
 * characters. */
typedef struct {
    char *user, *group, *email, *claim, *value;     /* claim: its name; value: what it is or holds */
    unsigned scopes;                                /* of KeyScope, with what they imply */
    char **queues, **shares, **roles, **host_paths; /* as of keys; NULL: all */
    bool is_unprivileged;
} WebRule;

typedef struct {
    char *issuer, *client_id, *secret_file, *ca_file; /* ca_file: NULL: the system's */
    char **scopes;                                    /* that are asked for, openid among them */
    char *user_claim, *groups_claim, *label;          /* label: of the button; NULL: the issuer's host */
} WebProvider;

typedef struct {
    char *url;         /* where browsers find the page, without a slash at its end; NULL: not told */
    GPtrArray *rules;  /* of WebRule*, as they stand in the file */
    WebProvider *oidc; /* NULL: none */
} WebConfig;

WebConfig *web_config_parse(View text, const char *file, DiagnosticList *diagnostics);
/* No file, and must_exist is false: no rules. NULL with error, which names each fault with its place. */
WebConfig *web_config_load(const char *path, bool must_exist, GError **error);
void web_config_free(WebConfig *config); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WebConfig, web_config_free)

/* Neither encrypted nor on this machine, or no address at all. */
bool web_url_is_exposed(const char *url);

/* Who somebody is, as a proxy or a provider says. Borrowed. */
typedef struct {
    const char *user;
    char *const *groups;  /* NULL: none */
    const char *email;    /* that the provider has verified; NULL: none */
    const json_t *claims; /* NULL: none */
    const char *shown;    /* NULL: user */
    const char *subject;  /* what of that one never changes; NULL: user */
    const char *way;      /* "proxy" or "oidc" */
} WebClaims;

/* Who that is here; NULL: no rule fits. New. */
WebUser *web_config_admit(const WebConfig *config, const WebClaims *who);
