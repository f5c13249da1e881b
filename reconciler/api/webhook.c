/* webhook.c: what a body that is signed says. */
#include "reconciler/api/webhook.h"
#include <jansson.h>
#include <string.h>
#include "reconciler/api/webhook_signature.h"

#define COMMIT_HEX   40
#define NAME_MAX_LEN 512
#define DELIVERY_MAX 128

static const char *const form_names[FORM_COUNT] = {
    [FORM_GITHUB] = "github", [FORM_GITLAB] = "gitlab", [FORM_GITEA] = "gitea", [FORM_PLAIN] = "plain"};

void webhook_verdict_clear(WebhookVerdict *verdict)
{
    g_free(verdict->reason);
    g_free(verdict->delivery);
    g_free(verdict->ref);
    g_free(verdict->commit);
    g_free(verdict->repository);
    g_free(verdict->default_branch);
    *verdict = (WebhookVerdict){0};
}

static void give_up(WebhookVerdict *verdict, WebhookResult result, const char *reason)
{
    verdict->result = result;
    verdict->reason = g_strdup(reason);
}

/* ---- texts of it ---- */

/* A name that may be shown, compared and handed on. */
static bool is_name(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len == 0 || len > NAME_MAX_LEN)
        return false;
    for (const char *byte = text; *byte; byte++)
        if ((unsigned char)*byte <= ' ' || *byte == 0x7f)
            return false;
    return true;
}

static char *name_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return is_name(text) ? g_strdup(text) : NULL;
}

/* Sets the commit, NULL where the reference was deleted: forges name that by zeros. False: it is none. */
static bool take_commit(WebhookVerdict *verdict, const char *text)
{
    if (!text || strlen(text) != COMMIT_HEX || strspn(text, "0123456789abcdefABCDEF") != COMMIT_HEX)
        return false;
    if (strspn(text, "0") != COMMIT_HEX)
        verdict->commit = g_ascii_strdown(text, COMMIT_HEX);
    return true;
}

static void take_push(WebhookVerdict *verdict, const json_t *body, const char *commit_member)
{
    verdict->ref = name_of(body, "ref");
    if (!verdict->ref || !g_str_has_prefix(verdict->ref, "refs/"))
        give_up(verdict, WEBHOOK_BAD, "its ref is none (refs/heads/…)");
    else if (!take_commit(verdict, json_string_value(json_object_get(body, commit_member))))
        give_up(verdict, WEBHOOK_BAD, "it names no commit by 40 hexadecimal digits");
    else
        verdict->result = WEBHOOK_PUSH;
}

static void take_repository(WebhookVerdict *verdict, const json_t *repository, const char *name_member)
{
    verdict->repository = name_of(repository, name_member);
    verdict->default_branch = name_of(repository, "default_branch");
    if (verdict->result == WEBHOOK_PUSH && !verdict->repository)
        give_up(verdict, WEBHOOK_BAD, "it names no repository");
}

/* ---- the forms ---- */

/* GitHub's, which Gitea and Forgejo send as well; their trial is a push. */
static void take_github(WebhookVerdict *verdict, const json_t *body, const char *event)
{
    if (g_strcmp0(event, "ping") == 0) {
        verdict->result = WEBHOOK_PING;
    } else if (g_strcmp0(event, "push") == 0) {
        take_push(verdict, body, "after");
        take_repository(verdict, json_object_get(body, "repository"), "full_name");
    } else {
        verdict->result = WEBHOOK_OTHER;
    }
}

static void take_gitlab(WebhookVerdict *verdict, const json_t *body)
{
    const char *kind = json_string_value(json_object_get(body, "object_kind"));
    verdict->result = WEBHOOK_OTHER;
    if (g_strcmp0(kind, "push") != 0 && g_strcmp0(kind, "tag_push") != 0)
        return;
    take_push(verdict, body, "after");
    take_repository(verdict, json_object_get(body, "project"), "path_with_namespace");
}

static void take_form(WebhookVerdict *verdict, const WebhookSigned *delivery, const json_t *body)
{
    switch (delivery->form) {
    case FORM_GITHUB:
    case FORM_GITEA: take_github(verdict, body, delivery->event); return;
    case FORM_GITLAB: take_gitlab(verdict, body); return;
    case FORM_PLAIN: take_push(verdict, body, "commit"); return;
    case FORM_COUNT: break;
    }
    g_assert_not_reached();
}

/* From a header: any bytes. */
static void take_delivery(WebhookVerdict *verdict, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    for (size_t i = 0; i < len; i++)
        if (!g_ascii_isgraph(text[i]))
            return;
    if (len > 0 && len <= DELIVERY_MAX)
        verdict->delivery = g_strdup(text);
}

void webhook_judge(const WebhookRequest *request, WebhookVerdict *ret_verdict)
{
    WebhookSigned delivery = {0};
    *ret_verdict = (WebhookVerdict){0};
    const char *fault = webhook_signature_fault(request, &delivery);
    if (webhook_is_signed(request->headers))
        ret_verdict->form = form_names[delivery.form];
    if (fault) {
        give_up(ret_verdict, WEBHOOK_REFUSED, fault);
        return;
    }
    memcpy(ret_verdict->key, delivery.key, sizeof ret_verdict->key);
    take_delivery(ret_verdict, delivery.delivery);
    json_t *body = json_loadb(request->body.data, request->body.len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(body))
        take_form(ret_verdict, &delivery, body);
    else
        give_up(ret_verdict, WEBHOOK_BAD,
                "its body is no JSON object: choose the content type application/json where it is set up");
    json_decref(body);
}

/* ---- whether it is followed ---- */

/* The end of the URL's path, up to a slash or a colon: what stands before it is the server's, and one that is
 * reached by another name, or through a mirror, has the same end. Forges do not tell names apart by case. */
static bool is_of(const RepoLocation *location, const char *repository)
{
    g_autofree char *path = g_strdup(location->url);
    size_t len = strlen(path), name_len = strlen(repository);
    while (len > 0 && path[len - 1] == '/')
        path[--len] = '\0';
    if (g_str_has_suffix(path, ".git"))
        path[len -= strlen(".git")] = '\0';
    if (len <= name_len || g_ascii_strcasecmp(path + len - name_len, repository) != 0)
        return false;
    char before = path[len - name_len - 1];
    return before == '/' || before == ':';
}

static bool is_followed_name(const char *wanted, const char *ref)
{
    static const char *const below[] = {"refs/heads/", "refs/tags/"};
    if (g_str_has_prefix(wanted, "refs/"))
        return strcmp(wanted, ref) == 0;
    for (size_t i = 0; i < G_N_ELEMENTS(below); i++)
        if (g_str_has_prefix(ref, below[i]) && strcmp(ref + strlen(below[i]), wanted) == 0)
            return true;
    return false;
}

/* What HEAD of the remote names is the default branch; where that was not told, any branch may be it. */
static bool is_followed(const RepoLocation *location, const WebhookVerdict *push)
{
    switch (location->want) {
    case REPO_WANT_HEAD:
        return g_str_has_prefix(push->ref, "refs/heads/") &&
               (!push->default_branch ||
                strcmp(push->ref + strlen("refs/heads/"), push->default_branch) == 0);
    case REPO_WANT_NAME: return is_followed_name(location->ref, push->ref);
    case REPO_WANT_SEMVER: return g_str_has_prefix(push->ref, "refs/tags/");
    case REPO_WANT_COMMIT: return false; /* no push changes what it is */
    }
    g_assert_not_reached();
}

WebhookMatch webhook_match(const WebhookVerdict *push, const RepoLocation *location)
{
    if (push->repository && !is_of(location, push->repository))
        return WEBHOOK_OTHER_REPOSITORY;
    return is_followed(location, push) ? WEBHOOK_FOLLOWED : WEBHOOK_OTHER_REF;
}
