/* signed_object.c: see signed_object.h. */
#include "reconciler/source/signed_object.h"
#include <string.h>

#define SIGNATURE_HEADER "gpgsig"
#define BEGIN            "-----BEGIN "

static const struct {
    const char *begin, *end;
    SignatureFormat format;
} forms[] = {{"-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----", SIGNATURE_SSH},
             {"-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----", SIGNATURE_OPENPGP},
             {"-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----", SIGNATURE_OTHER},
             {"-----BEGIN SIGNED MESSAGE-----", "-----END SIGNED MESSAGE-----", SIGNATURE_OTHER}};

void signed_object_clear(SignedObject *object)
{
    g_free(object->payload);
    g_free(object->signature);
    g_free(object->tag_name);
    *object = (SignedObject){0};
}

/* ---- lines ---- */

static bool begins(View text, const char *word)
{
    size_t len = strlen(word);
    return text.len >= len && memcmp(text.data, word, len) == 0;
}

/* Takes the next line off rest, without its end. False: no whole line is left. */
static bool take_line(View *rest, View *ret_line)
{
    const char *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    if (!end)
        return false;
    *ret_line = (View){rest->data, (size_t)(end - rest->data)};
    *rest = (View){end + 1, rest->len - ret_line->len - 1};
    return true;
}

static const char *take_header(View *rest, const char *name, View *ret_value)
{
    View line = {0};
    if (!take_line(rest, &line) || !begins(line, name))
        return "has not the headers that git writes, in their order";
    size_t len = strlen(name);
    *ret_value = (View){line.data + len, line.len - len};
    return NULL;
}

/* NAME <MAIL> SECONDS ZONE, of which the seconds count. */
static const char *take_time(View identity, int64_t *ret_time_s)
{
    static const char fault[] = "has no time that can be read";
    const char *close = memrchr(identity.data, '>', identity.len);
    g_autofree char *tail =
        close ? g_strndup(close + 1, identity.len - (size_t)(close + 1 - identity.data)) : NULL;
    char *zone;
    if (!tail || tail[0] != ' ' || !g_ascii_isdigit(tail[1]) || strlen(tail) > 32)
        return fault;
    *ret_time_s = g_ascii_strtoll(tail + 1, &zone, 10);
    bool is_zone = zone[0] == ' ' && (zone[1] == '+' || zone[1] == '-') && strlen(zone + 2) == 4 &&
                   strspn(zone + 2, "0123456789") == 4;
    return is_zone ? NULL : fault;
}

/* ---- the signature ---- */

/* One block of a known form, and nothing behind it but blank lines. */
static const char *take_signature(const GString *text, SignedObject *object)
{
    View rest = {text->str, text->len}, line = {0};
    const char *end = NULL;
    bool is_ended = false;
    if (text->len > SIGNATURE_MAX)
        return "has a signature of more than 64 KiB";
    object->format = SIGNATURE_OTHER;
    object->signature = g_strndup(text->str, text->len);
    while (take_line(&rest, &line)) {
        if (is_ended && line.len)
            return "has something behind its signature";
        for (size_t i = 0; !end && i < G_N_ELEMENTS(forms); i++)
            if (view_is(line, forms[i].begin)) {
                object->format = forms[i].format;
                end = forms[i].end;
                line = VIEW("");
            }
        if (!end)
            return NULL; /* a form that nobody knows is not read further */
        if (begins(line, BEGIN))
            return "has several signatures";
        is_ended |= view_is(line, end);
    }
    return is_ended && rest.len == 0 ? NULL : "has a signature that breaks off";
}

static const char *check_text(View text)
{
    if (text.len > SIGNED_OBJECT_MAX)
        return "is larger than 4 MiB";
    return text.len && memchr(text.data, '\0', text.len) ? "holds a NUL" : NULL;
}

/* ---- commits ---- */

typedef struct {
    GString *payload, *signature;
    bool is_signature; /* the header that goes on is that */
    bool has_header;   /* after those that each commit has */
} Headers;

static const char *take_other(Headers *headers, View line)
{
    static const char *const once[] = {"tree ", "parent ", "author ", "committer "};
    bool goes_on = begins(line, " ");
    if (goes_on && !headers->has_header)
        return "has not the headers that git writes, in their order";
    for (size_t i = 0; i < G_N_ELEMENTS(once); i++)
        if (begins(line, once[i]))
            return "has a header twice";
    if (begins(line, SIGNATURE_HEADER "-"))
        return "has a signature for other ids (gpgsig-sha256), which this version does not read";
    bool is_begin = begins(line, SIGNATURE_HEADER " ");
    if (is_begin && headers->signature->len)
        return "has several signatures";
    if (!goes_on)
        headers->is_signature = is_begin;
    headers->has_header = true;
    if (headers->is_signature) {
        size_t skip = is_begin ? strlen(SIGNATURE_HEADER " ") : 1;
        g_string_append_len(headers->signature, line.data + skip, (gssize)(line.len - skip));
        g_string_append_c(headers->signature, '\n');
    } else {
        g_string_append_len(headers->payload, line.data, (gssize)line.len);
        g_string_append_c(headers->payload, '\n');
    }
    return NULL;
}

static const char *parse_commit(View text, Headers *headers, SignedObject *object)
{
    View rest = text, value, line;
    const char *fault = take_header(&rest, "tree ", &value);
    while (!fault && begins(rest, "parent "))
        fault = take_header(&rest, "parent ", &value);
    if (!fault)
        fault = take_header(&rest, "author ", &value);
    if (!fault)
        fault = take_header(&rest, "committer ", &value);
    if (!fault)
        fault = take_time(value, &object->time_s);
    g_string_append_len(headers->payload, text.data, (gssize)(text.len - rest.len));
    for (;;) {
        View before = rest;
        if (!fault && !take_line(&rest, &line))
            fault = "has no end of its headers";
        if (!fault && line.len == 0)
            rest = before;
        if (fault || line.len == 0)
            break;
        fault = take_other(headers, line);
    }
    g_string_append_len(headers->payload, rest.data, (gssize)rest.len);
    return !fault && headers->signature->len ? take_signature(headers->signature, object) : fault;
}

const char *signed_commit_parse(View text, SignedObject *ret_object)
{
    g_auto(SignedObject) object = {0};
    const char *fault = check_text(text);
    if (fault)
        return fault;
    Headers headers = {.payload = g_string_new(NULL), .signature = g_string_new(NULL)};
    fault = parse_commit(text, &headers, &object);
    g_string_free(headers.signature, TRUE);
    object.payload_len = headers.payload->len;
    object.payload = g_string_free(headers.payload, FALSE);
    if (fault)
        return fault;
    *ret_object = object;
    object = (SignedObject){0};
    return NULL;
}

/* ---- tags ---- */

static bool is_begin(View line)
{
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++)
        if (view_is(line, forms[i].begin))
            return true;
    return false;
}

static const char *parse_tag_headers(View *rest, SignedObject *object)
{
    View value, line = {0};
    const char *fault = take_header(rest, "object ", &value);
    if (!fault)
        fault = take_header(rest, "type ", &value);
    if (!fault)
        fault = take_header(rest, "tag ", &value);
    if (!fault)
        object->tag_name = g_strndup(value.data, value.len);
    if (!fault && begins(*rest, "tagger ")) {
        fault = take_header(rest, "tagger ", &value);
        if (!fault)
            fault = take_time(value, &object->time_s);
    }
    if (!fault && (!take_line(rest, &line) || line.len))
        fault = "has other headers than git writes";
    return fault;
}

static const char *parse_tag(View text, SignedObject *object)
{
    View rest = text, line;
    const char *fault = parse_tag_headers(&rest, object), *begin = NULL;
    while (!fault && take_line(&rest, &line)) {
        if (!is_begin(line))
            continue;
        if (begin)
            return "has several signatures";
        begin = line.data;
    }
    object->payload_len = begin ? (size_t)(begin - text.data) : text.len;
    object->payload = g_strndup(text.data, object->payload_len);
    if (fault || !begin)
        return fault;
    GString *signature = g_string_new_len(begin, (gssize)(text.len - object->payload_len));
    fault = take_signature(signature, object);
    g_string_free(signature, TRUE);
    return fault;
}

const char *signed_tag_parse(View text, SignedObject *ret_object)
{
    g_auto(SignedObject) object = {0};
    const char *fault = check_text(text);
    if (!fault)
        fault = parse_tag(text, &object);
    if (fault)
        return fault;
    *ret_object = object;
    object = (SignedObject){0};
    return NULL;
}
