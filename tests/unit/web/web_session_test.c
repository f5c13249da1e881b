#include "reconciler/api/web/web_session.h"
#include <glib.h>
#include <string.h>

static WebUser *user_new(const char *name)
{
    WebUser *user = g_new0(WebUser, 1);
    user->key = (Key){.name = g_strdup(name), .scopes = KEY_READ};
    user->peer = json_pack("{s:s}", "user", name);
    return user;
}

static void test_links(void)
{
    g_autoptr(WebSessions) sessions = web_sessions_new();
    g_autofree char *link = web_link_new(sessions, user_new("anna"), 1000),
                    *late = web_link_new(sessions, user_new("anna"), 1000);
    g_assert_cmpuint(strlen(link), ==, WEB_SECRET_TEXT);
    g_assert_null(web_link_use(sessions, "", 1000));
    g_assert_null(web_session_find(sessions, link, 1000)); /* a link is no session */
    g_autoptr(WebUser) user = web_link_use(sessions, link, 1000 + WEB_LINK_MS - 1);
    g_assert_cmpstr(user->key.name, ==, "anna");
    g_assert_null(web_link_use(sessions, link, 1000 + WEB_LINK_MS - 1)); /* once */
    g_assert_null(web_link_use(sessions, late, 1000 + WEB_LINK_MS));
    g_assert_null(web_link_use(sessions, late, 1000)); /* it is not kept for who turns the clock back */
}

static void test_ends(void)
{
    g_autoptr(WebSessions) sessions = web_sessions_new();
    g_autofree char *idle = web_session_open(sessions, user_new("anna"), 0),
                    *busy = web_session_open(sessions, user_new("bert"), 0),
                    *closed = web_session_open(sessions, user_new("carla"), 0);
    for (int64_t at = 0; at < WEB_SESSION_MS; at += WEB_IDLE_MS / 2)
        g_assert_cmpstr(web_session_find(sessions, busy, at)->key.name, ==, "bert");
    g_assert_null(web_session_find(sessions, busy, WEB_SESSION_MS));
    g_assert_null(web_session_find(sessions, idle, WEB_IDLE_MS));
    g_assert_nonnull(web_session_find(sessions, closed, 1));
    web_session_close(sessions, closed);
    g_assert_null(web_session_find(sessions, closed, 1));
    web_session_close(sessions, closed);
}

static void test_bounds(void)
{
    g_autoptr(WebSessions) sessions = web_sessions_new();
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < WEB_SESSIONS_MAX; i++)
        g_ptr_array_add(texts, web_session_open(sessions, user_new("anna"), i));
    g_assert_nonnull(web_session_find(sessions, texts->pdata[0], WEB_SESSIONS_MAX));
    g_autofree char *one_more = web_session_open(sessions, user_new("bert"), WEB_SESSIONS_MAX + 1);
    g_assert_nonnull(web_session_find(sessions, texts->pdata[0], WEB_SESSIONS_MAX + 1));
    g_assert_null(web_session_find(sessions, texts->pdata[1], WEB_SESSIONS_MAX + 1)); /* the idlest */
    g_assert_nonnull(web_session_find(sessions, texts->pdata[2], WEB_SESSIONS_MAX + 1));
    g_assert_nonnull(web_session_find(sessions, one_more, WEB_SESSIONS_MAX + 1));
}

static void test_tokens(void)
{
    g_autoptr(WebSessions) sessions = web_sessions_new(), others = web_sessions_new();
    g_autofree char *token = web_form_token(sessions, "anna"), *of_another = web_form_token(others, "anna"),
                    *of_bert = web_form_token(sessions, "bert");
    g_assert_true(web_form_token_is(sessions, "anna", token));
    g_assert_false(web_form_token_is(sessions, "bert", token));
    g_assert_false(web_form_token_is(sessions, "anna", of_another));
    g_assert_false(web_form_token_is(sessions, "anna", of_bert));
    g_assert_false(web_form_token_is(sessions, "anna", NULL));
    g_assert_false(web_form_token_is(sessions, "anna", ""));
    token[WEB_SECRET_TEXT - 1] ^= 1;
    g_assert_false(web_form_token_is(sessions, "anna", token));
}

static void test_copy(void)
{
    g_autoptr(WebUser) user = user_new("anna");
    user->key.queues = g_strsplit("fast slow*", " ", -1);
    user->key.is_unprivileged = true;
    g_autoptr(WebUser) copy = web_user_copy(user);
    g_assert_cmpstr(copy->key.name, ==, "anna");
    g_assert_cmpstr(copy->key.queues[1], ==, "slow*");
    g_assert_cmpuint(copy->key.scopes, ==, KEY_READ);
    g_assert_true(copy->key.is_unprivileged);
    g_assert_true(json_equal(copy->peer, user->peer));
}

static bool is_anna(WebUser *user, void *data)
{
    (void)data;
    user->key.scopes = KEY_ADMIN;
    return strcmp(user->key.name, "anna") == 0;
}

static void test_judge(void)
{
    g_autoptr(WebSessions) sessions = web_sessions_new();
    g_autofree char *anna = web_session_open(sessions, user_new("anna"), 0),
                    *bert = web_session_open(sessions, user_new("bert"), 0);
    web_sessions_judge(sessions, is_anna, NULL);
    g_assert_null(web_session_find(sessions, bert, 1));
    g_assert_cmpuint(web_session_find(sessions, anna, 1)->key.scopes, ==, KEY_ADMIN);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/web_session/links", test_links);
    g_test_add_func("/web_session/ends", test_ends);
    g_test_add_func("/web_session/bounds", test_bounds);
    g_test_add_func("/web_session/tokens", test_tokens);
    g_test_add_func("/web_session/copy", test_copy);
    g_test_add_func("/web_session/judge", test_judge);
    return g_test_run();
}
