#include "reconciler/provider/aws/sigv4.h"
#include <openssl/crypto.h>
#include <string.h>

#define ALGORITHM  "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"

/* ---- texts ---- */

static void append_hex(GString *out, const unsigned char bytes[MAC_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * MAC_BYTES]; /* by hand: printing it was a tenth of what a submission costs */
    for (size_t i = 0; i < MAC_BYTES; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 0xf];
    }
    g_string_append_len(out, text, sizeof text);
}

static void append_digest(GString *out, View text)
{
    unsigned char digest[MAC_BYTES];
    sha256_bytes(&text, 1, digest);
    append_hex(out, digest);
}

void sigv4_time_text(int64_t at_ms, char ret_text[SIGV4_TIME_TEXT])
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(at_ms / 1000);
    g_autofree char *text = at ? g_date_time_format(at, "%Y%m%dT%H%M%SZ") : g_strdup("");
    g_strlcpy(ret_text, text, SIGV4_TIME_TEXT);
}

static int digits(const char *text, size_t len)
{
    int value = 0;
    for (size_t i = 0; i < len; i++) {
        if (!g_ascii_isdigit(text[i]))
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

int64_t sigv4_time_parse(const char *text)
{
    if (!text || strlen(text) != SIGV4_TIME_TEXT - 1 || text[8] != 'T' || text[15] != 'Z')
        return 0;
    int year = digits(text, 4), month = digits(text + 4, 2), day = digits(text + 6, 2),
        hour = digits(text + 9, 2), minute = digits(text + 11, 2), second = digits(text + 13, 2);
    if (MIN(MIN(MIN(year, month), MIN(day, hour)), MIN(minute, second)) < 0)
        return 0;
    g_autoptr(GDateTime) at = g_date_time_new_utc(year, month, day, hour, minute, second);
    return at ? g_date_time_to_unix(at) * 1000 : 0;
}

/* ---- the canonical request ---- */

static bool is_unreserved(char byte)
{
    return g_ascii_isalnum(byte) || (byte && strchr("-_.~", byte));
}

static void append_byte(GString *out, char byte)
{
    if (is_unreserved(byte))
        g_string_append_c(out, byte);
    else
        g_string_append_printf(out, "%%%02X", (unsigned char)byte);
}

/* Of a query: what is encoded already is taken as it is. */
static void append_encoded(GString *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool is_encoded =
            text[i] == '%' && i + 2 < len && g_ascii_isxdigit(text[i + 1]) && g_ascii_isxdigit(text[i + 2]);
        if (is_encoded) {
            g_string_append_printf(out, "%%%c%c", g_ascii_toupper(text[i + 1]), g_ascii_toupper(text[i + 2]));
            i += 2;
        } else {
            append_byte(out, text[i]);
        }
    }
}

/* Without empty and dot segments, and encoded once more than it is sent: so all services but S3 want it. */
static void append_path(GString *out, const char *path)
{
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    g_auto(GStrv) segments = g_strsplit(path, "/", -1);
    for (char **segment = segments; *segment; segment++) {
        if (strcmp(*segment, "..") == 0 && kept->len > 0)
            g_ptr_array_set_size(kept, (gint)kept->len - 1);
        else if (**segment && strcmp(*segment, ".") != 0 && strcmp(*segment, "..") != 0)
            g_ptr_array_add(kept, *segment);
    }
    for (guint i = 0; i < kept->len; i++) {
        g_string_append_c(out, '/');
        for (const char *byte = kept->pdata[i]; *byte; byte++)
            append_byte(out, *byte);
    }
    if (kept->len == 0 || g_str_has_suffix(path, "/"))
        g_string_append_c(out, '/');
}

static int text_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Pairs by encoded name, then value; = always there. The byte between the two sorts before all others. */
static void append_query(GString *out, const char *query)
{
    g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(query ? query : "", "&", -1);
    for (char **part = parts; *part; part++) {
        const char *equals = strchr(*part, '=');
        size_t len = equals ? (size_t)(equals - *part) : strlen(*part);
        GString *pair = g_string_new(NULL);
        append_encoded(pair, *part, len);
        g_string_append_c(pair, '\1');
        if (equals)
            append_encoded(pair, equals + 1, strlen(equals + 1));
        if (**part)
            g_ptr_array_add(pairs, pair->str);
        g_string_free(pair, **part == '\0');
    }
    g_ptr_array_sort(pairs, text_compare);
    for (guint i = 0; i < pairs->len; i++)
        g_string_append_printf(out, "%s%s", i ? "&" : "", g_strdelimit(pairs->pdata[i], "\1", '='));
}

/* Without blanks around; runs of them inside are one. */
static void append_squeezed(GString *out, const char *value)
{
    gsize start = out->len;
    for (; *value; value++) {
        bool is_blank = *value == ' ' || *value == '\t';
        bool is_after_blank = out->len == start || out->str[out->len - 1] == ' ';
        if (!is_blank)
            g_string_append_c(out, *value);
        else if (!is_after_blank)
            g_string_append_c(out, ' ');
    }
    if (out->len > start && out->str[out->len - 1] == ' ')
        g_string_truncate(out, out->len - 1);
}

/* All of that name in their order, joined by commas. False: none. */
static bool append_value(GString *out, const SigV4Request *request, const char *name)
{
    bool is_found = false;
    for (size_t i = 0; i < request->headers_len; i++) {
        if (g_ascii_strcasecmp(request->headers[i].name, name) != 0)
            continue;
        if (is_found)
            g_string_append_c(out, ',');
        append_squeezed(out, request->headers[i].value);
        is_found = true;
    }
    return is_found;
}

/* signed_headers: lower case, sorted. */
static char *canonical_request(const SigV4Request *request, const char *const *signed_headers)
{
    GString *out = g_string_new(request->method);
    g_autofree char *names = g_strjoinv(";", (char **)(uintptr_t)signed_headers);
    g_string_append_c(out, '\n');
    append_path(out, request->path);
    g_string_append_c(out, '\n');
    append_query(out, request->query);
    g_string_append_c(out, '\n');
    for (const char *const *name = signed_headers; *name; name++) {
        g_string_append_printf(out, "%s:", *name);
        append_value(out, request, *name);
        g_string_append_c(out, '\n');
    }
    g_string_append_printf(out, "\n%s\n", names);
    append_digest(out, request->body);
    return g_string_free(out, FALSE);
}

char *sigv4_canonical_digest(const SigV4Request *request, const char *const *signed_headers)
{
    g_autofree char *text = canonical_request(request, signed_headers);
    GString *out = g_string_new(NULL);
    append_digest(out, view_from(text));
    return g_string_free(out, FALSE);
}

/* ---- keys and signatures ---- */

static void mac_text(const unsigned char *key, size_t key_len, const char *text,
                     unsigned char ret_mac[MAC_BYTES])
{
    const View all = view_from(text);
    mac_sha256((View){(const char *)key, key_len}, &all, 1, ret_mac);
}

static void derive(const char *secret, const char *day, const SigV4Scope *scope,
                   unsigned char ret_key[MAC_BYTES])
{
    g_autofree char *first = g_strconcat("AWS4", secret, NULL);
    mac_text((const unsigned char *)first, strlen(first), day, ret_key);
    mac_text(ret_key, MAC_BYTES, scope->region, ret_key);
    mac_text(ret_key, MAC_BYTES, scope->service, ret_key);
    mac_text(ret_key, MAC_BYTES, TERMINATOR, ret_key);
    OPENSSL_cleanse(first, strlen(first));
}

static const unsigned char *key_for(SigV4Key *key, const char *secret, const char *day,
                                    const SigV4Scope *scope)
{
    const View texts[] = {view_from(secret), VIEW("\n"), view_from(scope->region), VIEW("\n"),
                          view_from(scope->service)};
    unsigned char of[MAC_BYTES];
    sha256_bytes(texts, G_N_ELEMENTS(texts), of);
    if (strcmp(key->day, day) != 0 || memcmp(key->of, of, MAC_BYTES) != 0) {
        derive(secret, day, scope, key->key);
        memcpy(key->of, of, MAC_BYTES);
        g_strlcpy(key->day, day, sizeof key->day);
    }
    return key->key;
}

static void sign(const SigV4Request *request, const char *const *signed_headers, const SigV4Scope *scope,
                 const char *time, const unsigned char key[MAC_BYTES], char ret_signature[2 * MAC_BYTES + 1])
{
    unsigned char mac[MAC_BYTES];
    g_autofree char *digest = sigv4_canonical_digest(request, signed_headers);
    g_autofree char *text = g_strdup_printf(ALGORITHM "\n%s\n%.8s/%s/%s/" TERMINATOR "\n%s", time, time,
                                            scope->region, scope->service, digest);
    g_autoptr(GString) hex = g_string_new(NULL);
    mac_text(key, MAC_BYTES, text, mac);
    append_hex(hex, mac);
    g_strlcpy(ret_signature, hex->str, 2 * MAC_BYTES + 1);
}

/* ---- signing ---- */

/* They belong to a hop or to the client: whoever is on the way may change them. */
static bool is_unsigned(const char *name)
{
    static const char *const names[] = {"authorization",
                                        "connection",
                                        "expect",
                                        "keep-alive",
                                        "proxy-authenticate",
                                        "proxy-authorization",
                                        "te",
                                        "trailer",
                                        "transfer-encoding",
                                        "upgrade",
                                        "user-agent",
                                        "x-amzn-trace-id",
                                        NULL};
    return g_strv_contains(names, name);
}

/* Lower case, sorted, each once; NULL-terminated. */
static GPtrArray *names_of(const SigV4Request *request)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < request->headers_len; i++) {
        g_autofree char *name = g_ascii_strdown(request->headers[i].name, -1);
        if (!is_unsigned(name) && !g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
            g_ptr_array_add(names, g_steal_pointer(&name));
    }
    g_ptr_array_sort(names, text_compare);
    g_ptr_array_add(names, NULL);
    return names;
}

char *sigv4_authorization(const SigV4Request *request, const SigV4Scope *scope,
                          const AwsCredentials *credentials, int64_t at_ms, SigV4Key *key)
{
    char time[SIGV4_TIME_TEXT], signature[2 * MAC_BYTES + 1];
    g_autoptr(GPtrArray) names = names_of(request);
    g_autofree char *joined = g_strjoinv(";", (char **)names->pdata);
    sigv4_time_text(at_ms, time);
    g_autofree char *day = g_strndup(time, 8);
    sign(request, (const char *const *)names->pdata, scope, time,
         key_for(key, credentials->secret_access_key, day, scope), signature);
    return g_strdup_printf(ALGORITHM " Credential=%s/%s/%s/%s/" TERMINATOR ", SignedHeaders=%s, Signature=%s",
                           credentials->access_key_id, day, scope->region, scope->service, joined, signature);
}

/* ---- checking ---- */

void sigv4_claim_clear(SigV4Claim *claim)
{
    g_clear_pointer(&claim->signed_headers, g_free);
}

/* Cuts the text at its next `cut`; NULL: there is none. */
static char *cut(char **text, char at)
{
    char *start = *text, *end = start ? strchr(start, at) : NULL;
    if (!end)
        return NULL;
    *end = '\0';
    *text = end + 1;
    return start;
}

static bool take_credential(char *text, SigV4Claim *claim)
{
    claim->access_key_id = cut(&text, '/');
    claim->day = cut(&text, '/');
    claim->region = cut(&text, '/');
    claim->service = cut(&text, '/');
    return claim->access_key_id && claim->day && claim->region && claim->service &&
           strcmp(text, TERMINATOR) == 0 && strlen(claim->day) == 8 && digits(claim->day, 8) >= 0;
}

/* Sorted and lower case, as they have to be: else two lists would be one signature. */
static bool take_names(char *text, SigV4Claim *claim)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (char *name; (name = cut(&text, ';'));)
        g_ptr_array_add(names, name);
    g_ptr_array_add(names, text);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        bool is_out_of_order = i > 0 && strcmp(names->pdata[i - 1], name) >= 0;
        if (!*name || is_out_of_order || strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ \t"))
            return false;
    }
    g_ptr_array_add(names, NULL);
    claim->signed_headers = (const char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
    return true;
}

static bool take_signature(char *text, SigV4Claim *claim)
{
    claim->signature = text;
    return strlen(text) == (size_t)2 * MAC_BYTES && strspn(text, "0123456789abcdef") == (size_t)2 * MAC_BYTES;
}

bool sigv4_claim_parse(char *text, SigV4Claim *ret_claim)
{
    static const char *const names[] = {"Credential=", "SignedHeaders=", "Signature="};
    static bool (*const take[])(char *, SigV4Claim *) = {take_credential, take_names, take_signature};
    unsigned found = 0;
    *ret_claim = (SigV4Claim){0};
    if (!g_str_has_prefix(text, ALGORITHM " "))
        return false;
    bool is_good = true;
    for (char *rest = text + strlen(ALGORITHM " "), *part; is_good && rest;) {
        part = cut(&rest, ',');
        if (!part) {
            part = rest;
            rest = NULL;
        }
        g_strstrip(part);
        is_good = false;
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
            if (g_str_has_prefix(part, names[i]) && !(found & 1u << i)) {
                found |= 1u << i;
                is_good = take[i](part + strlen(names[i]), ret_claim);
                break;
            }
    }
    if (is_good && found == 7)
        return true;
    sigv4_claim_clear(ret_claim);
    return false;
}

static bool is_signed(const SigV4Claim *claim, const char *name)
{
    g_autofree char *small = g_ascii_strdown(name, -1);
    return g_strv_contains(claim->signed_headers, small);
}

/* What it must cover, so that nothing that matters can be put in on the way. */
static bool covers(const SigV4Request *request, const SigV4Claim *claim)
{
    g_autoptr(GString) scratch = g_string_new(NULL);
    if (!is_signed(claim, "host") || !is_signed(claim, "x-amz-date"))
        return false;
    for (size_t i = 0; i < request->headers_len; i++)
        if (g_ascii_strncasecmp(request->headers[i].name, "x-amz-", 6) == 0 &&
            !is_signed(claim, request->headers[i].name))
            return false;
    for (const char **name = claim->signed_headers; *name; name++)
        if (!append_value(scratch, request, *name))
            return false;
    return true;
}

SigV4Verdict sigv4_verify(const SigV4Request *request, const SigV4Claim *claim, const char *secret,
                          int64_t now_ms, SigV4Key *key)
{
    char right[2 * MAC_BYTES + 1];
    SigV4Key own = {0};
    g_autoptr(GString) time = g_string_new(NULL);
    if (!covers(request, claim))
        return SIGV4_INCOMPLETE;
    append_value(time, request, "x-amz-date");
    int64_t at_ms = sigv4_time_parse(time->str);
    if (at_ms == 0 || at_ms < now_ms - SIGV4_WINDOW_MS || at_ms > now_ms + SIGV4_WINDOW_MS ||
        strncmp(time->str, claim->day, 8) != 0)
        return SIGV4_EXPIRED;
    const SigV4Scope scope = {claim->region, claim->service};
    sign(request, claim->signed_headers, &scope, time->str,
         key_for(key ? key : &own, secret, claim->day, &scope), right);
    OPENSSL_cleanse(&own, sizeof own);
    return CRYPTO_memcmp(right, claim->signature, (size_t)2 * MAC_BYTES) == 0 ? SIGV4_GOOD : SIGV4_MISMATCH;
}
