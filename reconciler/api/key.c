/* key.c: see key.h. */
#include "reconciler/api/key.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONCE_BYTES 12
#define TAG_BYTES   16

/* ---- scopes ---- */

static const struct {
    const char *name;
    unsigned scope, implies;
} scopes[] = {
    {"read", KEY_READ, 0},
    {"submit", KEY_SUBMIT, KEY_READ},
    {"register", KEY_REGISTER, KEY_READ},
    {"admin", KEY_ADMIN, KEY_READ | KEY_SUBMIT | KEY_REGISTER},
};

unsigned key_scope_from_name(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(scopes); i++)
        if (strcmp(scopes[i].name, name) == 0)
            return scopes[i].scope | scopes[i].implies;
    return 0;
}

static bool is_implied(unsigned all, size_t index)
{
    for (size_t i = 0; i < G_N_ELEMENTS(scopes); i++)
        if (i != index && (all & scopes[i].scope) && (scopes[i].implies & scopes[index].scope))
            return true;
    return false;
}

static GPtrArray *scope_names(unsigned all)
{
    GPtrArray *names = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(scopes); i++)
        if ((all & scopes[i].scope) && !is_implied(all, i))
            g_ptr_array_add(names, (char *)(uintptr_t)scopes[i].name);
    g_ptr_array_add(names, NULL);
    return names;
}

char *key_scopes_text(unsigned all)
{
    g_autoptr(GPtrArray) names = scope_names(all);
    return g_strjoinv(", ", (char **)names->pdata);
}

bool key_may(const Key *key, unsigned scope)
{
    return (key->scopes & scope) == scope;
}

bool key_allows(char *const *limit, const char *value)
{
    if (!limit)
        return true;
    for (; value && *limit; limit++) {
        size_t len = strlen(*limit);
        if (len && (*limit)[len - 1] == '*' ? strncmp(*limit, value, len - 1) == 0
                                            : strcmp(*limit, value) == 0)
            return true;
    }
    return false;
}

void key_clone(const Key *key, Key *ret_key)
{
    *ret_key = *key;
    ret_key->id = g_strdup(key->id);
    ret_key->name = g_strdup(key->name);
    ret_key->sealed = g_strdup(key->sealed);
    ret_key->created_by = g_strdup(key->created_by);
    ret_key->queues = g_strdupv(key->queues);
    ret_key->shares = g_strdupv(key->shares);
    ret_key->roles = g_strdupv(key->roles);
    ret_key->host_paths = g_strdupv(key->host_paths);
}

/* ---- as JSON ---- */

static json_t *list_of(char *const *texts)
{
    json_t *array = json_array();
    for (; *texts; texts++)
        json_array_append_new(array, json_string(*texts));
    return array;
}

/* False: it is there and no list of texts. */
static bool list_from(const json_t *json, char ***ret_texts)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    const json_t *item;
    size_t i;
    if (!json)
        return true;
    if (!json_is_array(json))
        return false;
    json_array_foreach(json, i, item)
    {
        if (!json_is_string(item))
            return false;
        g_strv_builder_add(builder, json_string_value(item));
    }
    *ret_texts = g_strv_builder_end(builder);
    return true;
}

void key_clear(Key *key)
{
    g_free(key->id);
    g_free(key->name);
    g_free(key->sealed);
    g_free(key->created_by);
    g_strfreev(key->queues);
    g_strfreev(key->shares);
    g_strfreev(key->roles);
    g_strfreev(key->host_paths);
    *key = (Key){0};
}

static const struct {
    const char *name;
    size_t offset;
} limits[] = {
    {"queues", offsetof(Key, queues)},
    {"shareIdentifiers", offsetof(Key, shares)},
    {"roles", offsetof(Key, roles)},
    {"hostPaths", offsetof(Key, host_paths)},
};

static char ***limit_at(const Key *key, size_t i)
{
    return (char ***)(void *)((char *)(uintptr_t)key + limits[i].offset);
}

json_t *key_to_json(const Key *key, bool with_sealed)
{
    g_autoptr(GPtrArray) names = scope_names(key->scopes);
    json_t *json =
        json_pack("{s:s*,s:s*,s:o,s:s*}", "name", key->name, "createdBy", key->created_by, "scopes",
                  list_of((char **)names->pdata), "sealed", with_sealed ? key->sealed : NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++)
        if (*limit_at(key, i))
            json_object_set_new(json, limits[i].name, list_of(*limit_at(key, i)));
    if (key->is_unprivileged)
        json_object_set_new(json, "unprivileged", json_true());
    if (key->per_second)
        json_object_set_new(json, "requestsPerSecond", json_integer(key->per_second));
    if (key->created_ms)
        json_object_set_new(json, "createdAt", json_integer(key->created_ms));
    if (key->expires_ms)
        json_object_set_new(json, "expiresAt", json_integer(key->expires_ms));
    return json;
}

static bool scopes_from(const json_t *list, unsigned *ret_scopes)
{
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        unsigned scope = json_is_string(item) ? key_scope_from_name(json_string_value(item)) : 0;
        if (!scope)
            return false;
        *ret_scopes |= scope;
    }
    return *ret_scopes != 0;
}

bool key_from_json(const char *id, const json_t *json, Key *ret_key)
{
    g_auto(Key) key = {.id = g_strdup(id),
                       .name = g_strdup(json_string_value(json_object_get(json, "name"))),
                       .sealed = g_strdup(json_string_value(json_object_get(json, "sealed"))),
                       .created_by = g_strdup(json_string_value(json_object_get(json, "createdBy"))),
                       .is_unprivileged = json_is_true(json_object_get(json, "unprivileged")),
                       .per_second = json_integer_value(json_object_get(json, "requestsPerSecond")),
                       .created_ms = json_integer_value(json_object_get(json, "createdAt")),
                       .expires_ms = json_integer_value(json_object_get(json, "expiresAt"))};
    if (strlen(id) != KEY_ID_LEN || !g_str_has_prefix(id, KEY_ID_PREFIX) || !key.name || !*key.name ||
        key.per_second < 0 || key.expires_ms < 0 ||
        !scopes_from(json_object_get(json, "scopes"), &key.scopes))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++)
        if (!list_from(json_object_get(json, limits[i].name), limit_at(&key, i)))
            return false;
    *ret_key = key;
    key = (Key){0};
    return true;
}

/* ---- the key file ---- */

static bool file_fail(const char *path, const char *text, GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "key file %s: %s", path, text);
    return false;
}

bool key_file_read(const char *path, unsigned char ret_bytes[KEY_FILE_BYTES], GError **error)
{
    char text[2 * KEY_FILE_BYTES + 2] = "";
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_fail(path, g_strerror(errno), error);
    ssize_t len = read(fd, text, sizeof text - 1);
    int fault = fstat(fd, &facts) < 0 ? errno : 0;
    close(fd);
    if (fault)
        return file_fail(path, g_strerror(fault), error);
    if (facts.st_mode & (S_IRWXG | S_IRWXO))
        return file_fail(path, "others may read it; chmod 600 it, and make the keys anew", error);
    bool is_good = len >= (ssize_t)sizeof text - 2;
    for (size_t i = 0; is_good && i < KEY_FILE_BYTES; i++) {
        int high = g_ascii_xdigit_value(text[2 * i]), low = g_ascii_xdigit_value(text[2 * i + 1]);
        is_good = high >= 0 && low >= 0;
        ret_bytes[i] = (unsigned char)(high * 16 + low);
    }
    OPENSSL_cleanse(text, sizeof text);
    return is_good || file_fail(path, "it does not hold 64 hexadecimal digits", error);
}

bool key_file_make(const char *path, GError **error)
{
    unsigned char bytes[KEY_FILE_BYTES];
    char text[2 * KEY_FILE_BYTES + 2];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return errno == EEXIST || file_fail(path, g_strerror(errno), error);
    RAND_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < KEY_FILE_BYTES; i++)
        g_snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    text[2 * KEY_FILE_BYTES] = '\n';
    bool is_written = write(fd, text, sizeof text - 1) == (ssize_t)sizeof text - 1 && fsync(fd) == 0;
    int fault = errno;
    close(fd);
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(text, sizeof text);
    if (is_written)
        return true;
    unlink(path); /* half of one would be a key file that is lost at the next write */
    return file_fail(path, g_strerror(fault), error);
}

/* ---- secrets ---- */

/* Every alphabet has 32 or 64 letters, so that no byte favours one. */
static char *random_text(const char *prefix, size_t len, const char *alphabet)
{
    size_t letters = strlen(alphabet), at = strlen(prefix);
    g_autofree unsigned char *bytes = g_malloc(len);
    char *text = g_malloc0(len + 1);
    RAND_bytes(bytes, (int)len);
    memcpy(text, prefix, at);
    for (; at < len; at++)
        text[at] = alphabet[bytes[at] % letters];
    OPENSSL_cleanse(bytes, len);
    return text;
}

char *key_id_random(void)
{
    return random_text(KEY_ID_PREFIX, KEY_ID_LEN, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
}

char *key_secret_random(void)
{
    return random_text("", KEY_SECRET_LEN,
                       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

void key_secret_free(char *secret)
{
    if (secret)
        OPENSSL_cleanse(secret, strlen(secret));
    g_free(secret);
}

/* nonce, text, tag: as in RFC 5116. is_sealing: in is the secret; else what was sealed, less its nonce and
 * tag, which *tag is. */
static bool gcm(bool is_sealing, const unsigned char *file_key, const char *id, const unsigned char *nonce,
                const unsigned char *in, size_t len, unsigned char *out, unsigned char *tag)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done = 0, is_encrypting = is_sealing ? 1 : 0;
    bool is_good = context &&
                   EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, file_key, nonce, is_encrypting) == 1 &&
                   EVP_CipherUpdate(context, NULL, &done, (const unsigned char *)id, (int)strlen(id)) == 1 &&
                   EVP_CipherUpdate(context, out, &done, in, (int)len) == 1 &&
                   (is_sealing || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1) &&
                   EVP_CipherFinal_ex(context, out + done, &done) == 1 &&
                   (!is_sealing || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1);
    EVP_CIPHER_CTX_free(context);
    return is_good;
}

char *key_seal(const unsigned char file_key[KEY_FILE_BYTES], const char *id, const char *secret)
{
    size_t len = strlen(secret);
    g_autofree unsigned char *bytes = g_malloc(NONCE_BYTES + len + TAG_BYTES);
    RAND_bytes(bytes, NONCE_BYTES);
    bool is_good = gcm(true, file_key, id, bytes, (const unsigned char *)secret, len, bytes + NONCE_BYTES,
                       bytes + NONCE_BYTES + len);
    g_assert(is_good); /* it fails without memory only */
    return g_base64_encode(bytes, NONCE_BYTES + len + TAG_BYTES);
}

char *key_unseal(const unsigned char file_key[KEY_FILE_BYTES], const char *id, const char *sealed)
{
    gsize len = 0;
    g_autofree unsigned char *bytes = g_base64_decode(sealed, &len);
    if (len <= NONCE_BYTES + TAG_BYTES)
        return NULL;
    size_t text_len = len - NONCE_BYTES - TAG_BYTES;
    char *secret = g_malloc0(text_len + 1);
    if (gcm(false, file_key, id, bytes, bytes + NONCE_BYTES, text_len, (unsigned char *)secret,
            bytes + NONCE_BYTES + text_len))
        return secret;
    key_secret_free(secret);
    return NULL;
}
