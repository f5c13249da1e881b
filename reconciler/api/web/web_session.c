/* web_session.c: see web_session.h. */
#include "reconciler/api/web/web_session.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

typedef struct {
    WebUser *user;
    int64_t opened_ms, used_ms;
} Entry;

struct WebSessions {
    GHashTable *sessions, *links; /* digest → Entry* */
    unsigned char secret[WEB_SECRET_BYTES];
};

static void entry_free(void *data)
{
    Entry *entry = data;
    web_user_free(entry->user);
    g_free(entry);
}

WebUser *web_user_copy(const WebUser *user)
{
    WebUser *copy = g_new0(WebUser, 1);
    key_clone(&user->key, &copy->key);
    copy->key_id = g_strdup(user->key_id);
    copy->peer = json_deep_copy(user->peer);
    copy->claims = user->claims ? json_deep_copy(user->claims) : NULL;
    return copy;
}

void web_user_free(WebUser *user)
{
    if (!user)
        return;
    g_free(user->key_id);
    key_clear(&user->key);
    json_decref(user->peer);
    json_decref(user->claims);
    g_free(user);
}

/* ---- secrets ---- */

static char *text_of(const unsigned char *bytes, size_t len)
{
    GString *text = g_string_sized_new(2 * len);
    for (size_t i = 0; i < len; i++)
        g_string_append_printf(text, "%02x", bytes[i]);
    return g_string_free(text, FALSE);
}

char *web_secret_random(void)
{
    unsigned char bytes[WEB_SECRET_BYTES];
    int done = RAND_bytes(bytes, sizeof bytes);
    g_assert(done == 1);
    char *text = text_of(bytes, sizeof bytes);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return text;
}

/* What was stolen of it opens nothing, and comparing it tells nothing of the text. */
static char *digest_of(const char *text)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

char *web_form_token(const WebSessions *sessions, const char *of)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const unsigned char *done = HMAC(EVP_sha256(), sessions->secret, sizeof sessions->secret,
                                     (const unsigned char *)of, strlen(of), bytes, &len);
    g_assert(done);
    return text_of(bytes, len);
}

bool web_form_token_is(const WebSessions *sessions, const char *of, const char *given)
{
    g_autofree char *token = web_form_token(sessions, of);
    return given && strlen(given) == strlen(token) && CRYPTO_memcmp(given, token, strlen(token)) == 0;
}

/* ---- sessions and links ---- */

WebSessions *web_sessions_new(void)
{
    WebSessions *sessions = g_new0(WebSessions, 1);
    int done = RAND_bytes(sessions->secret, sizeof sessions->secret);
    g_assert(done == 1);
    sessions->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    sessions->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    return sessions;
}

void web_sessions_free(WebSessions *sessions)
{
    if (!sessions)
        return;
    OPENSSL_cleanse(sessions->secret, sizeof sessions->secret);
    g_hash_table_unref(sessions->sessions);
    g_hash_table_unref(sessions->links);
    g_free(sessions);
}

static bool is_over(const Entry *entry, int64_t idle_ms, int64_t most_ms, int64_t now_ms)
{
    return now_ms - entry->used_ms >= idle_ms || now_ms - entry->opened_ms >= most_ms;
}

static void make_room(GHashTable *entries, guint max)
{
    GHashTableIter iter;
    gpointer digest, value;
    const char *oldest = NULL;
    int64_t oldest_ms = 0;
    if (g_hash_table_size(entries) < max)
        return;
    g_hash_table_iter_init(&iter, entries);
    while (g_hash_table_iter_next(&iter, &digest, &value)) {
        const Entry *entry = value;
        if (oldest && entry->used_ms >= oldest_ms)
            continue;
        oldest = digest;
        oldest_ms = entry->used_ms;
    }
    g_hash_table_remove(entries, oldest);
}

static char *add(GHashTable *entries, guint max, WebUser *user, int64_t now_ms)
{
    Entry *entry = g_new0(Entry, 1);
    char *text = web_secret_random();
    *entry = (Entry){user, now_ms, now_ms};
    make_room(entries, max);
    g_hash_table_insert(entries, digest_of(text), entry);
    return text;
}

char *web_link_new(WebSessions *sessions, WebUser *user, int64_t now_ms)
{
    return add(sessions->links, WEB_LINKS_MAX, user, now_ms);
}

WebUser *web_link_use(WebSessions *sessions, const char *text, int64_t now_ms)
{
    g_autofree char *digest = digest_of(text);
    Entry *entry = g_hash_table_lookup(sessions->links, digest);
    WebUser *user = NULL;
    if (!entry)
        return NULL;
    if (!is_over(entry, WEB_LINK_MS, WEB_LINK_MS, now_ms))
        user = g_steal_pointer(&entry->user);
    g_hash_table_remove(sessions->links, digest);
    return user;
}

char *web_session_open(WebSessions *sessions, WebUser *user, int64_t now_ms)
{
    return add(sessions->sessions, WEB_SESSIONS_MAX, user, now_ms);
}

WebUser *web_session_find(WebSessions *sessions, const char *text, int64_t now_ms)
{
    g_autofree char *digest = digest_of(text);
    Entry *entry = g_hash_table_lookup(sessions->sessions, digest);
    if (!entry)
        return NULL;
    if (is_over(entry, WEB_IDLE_MS, WEB_SESSION_MS, now_ms)) {
        g_hash_table_remove(sessions->sessions, digest);
        return NULL;
    }
    entry->used_ms = now_ms;
    return entry->user;
}

void web_session_close(WebSessions *sessions, const char *text)
{
    g_autofree char *digest = digest_of(text);
    g_hash_table_remove(sessions->sessions, digest);
}

typedef struct {
    bool (*stays)(WebUser *user, void *data);
    void *data;
} Judge;

static gboolean is_out(gpointer digest, gpointer value, gpointer data)
{
    const Judge *judge = data;
    const Entry *entry = value;
    (void)digest;
    return !judge->stays(entry->user, judge->data);
}

void web_sessions_judge(WebSessions *sessions, bool (*stays)(WebUser *user, void *data), void *data)
{
    g_hash_table_foreach_remove(sessions->sessions, is_out, &(Judge){stays, data});
}
