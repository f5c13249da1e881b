#include "reconciler/provider/docker/docker_image.h"
#include <string.h>

#define REGISTRY      "docker.io"
#define REGISTRY_OLD  "index.docker.io"
#define FOLDER        "library/"
#define TAG           "latest"
#define NAME_MAX_LEN  255 /* of host and path */
#define TAG_MAX       128
#define ID_DIGITS     64
#define DIGEST_DIGITS 32 /* at least, of what is not sha256 */
#define SHA256        "sha256:"

G_DEFINE_QUARK(docker - image - error - quark, docker_image_error)

void docker_image_free(DockerImage *image)
{
    if (!image)
        return;
    g_free(image->name);
    g_free(image->registry);
    g_free(image->repository);
    g_free(image->tag);
    g_free(image->digest);
    g_free(image);
}

static bool refuse(GError **error, const char *text, const char *why)
{
    g_set_error(error, DOCKER_IMAGE_ERROR, DOCKER_IMAGE_ERROR_SYNTAX, "image \"%.*s\": %s", DOCKER_IMAGE_MAX,
                text, why);
    return false;
}

/* ---- words ---- */

static bool is_hex(const char *text, size_t min)
{
    size_t len = strspn(text, "0123456789abcdef");
    return len >= min && text[len] == '\0';
}

static bool is_small(char byte)
{
    return g_ascii_islower(byte) || g_ascii_isdigit(byte);
}

/* Letters and digits, between them one of ". _ __" or any number of "-". */
static bool is_component(const char *text, size_t len)
{
    size_t i = 0;
    if (len == 0 || !is_small(text[0]) || !is_small(text[len - 1]))
        return false;
    while (i < len) {
        size_t run = 0;
        while (i + run < len && !is_small(text[i + run]))
            run++;
        bool is_dashes = run > 0 && strspn(text + i, "-") >= run;
        bool is_two = run == 2 && strncmp(text + i, "__", 2) == 0;
        bool is_one = run == 1 && (text[i] == '.' || text[i] == '_');
        if (run > 0 && !is_dashes && !is_two && !is_one)
            return false;
        i += run ? run : 1;
    }
    return true;
}

static bool is_path(const char *text)
{
    for (;;) {
        size_t len = strcspn(text, "/");
        if (!is_component(text, len))
            return false;
        if (!text[len])
            return true;
        text += len + 1;
    }
}

static bool is_port(const char *text)
{
    size_t len = strspn(text, "0123456789");
    return len > 0 && len <= 5 && text[len] == '\0';
}

/* HOST[:PORT] */
static bool is_host(const char *text)
{
    size_t len = strcspn(text, ":"), label = 0;
    for (size_t i = 0; i <= len; i++) {
        bool is_end = i == len || text[i] == '.';
        if (!is_end && !g_ascii_isalnum(text[i]) && text[i] != '-')
            return false;
        if (is_end && (label == 0 || text[i - 1] == '-' || text[i - label] == '-'))
            return false;
        label = is_end ? 0 : label + 1;
    }
    return !text[len] || is_port(text + len + 1);
}

static bool is_tag(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        bool is_word = g_ascii_isalnum(text[i]) || text[i] == '_';
        if (!is_word && (i == 0 || (text[i] != '.' && text[i] != '-')))
            return false;
    }
    return len > 0 && len <= TAG_MAX;
}

static bool is_digest(const char *text)
{
    const char *digits = strchr(text, ':');
    if (g_str_has_prefix(text, SHA256))
        return strlen(digits + 1) == ID_DIGITS && is_hex(digits + 1, ID_DIGITS);
    if (!digits || !g_ascii_isalpha(text[0]))
        return false;
    for (const char *byte = text; byte < digits; byte++)
        if (!g_ascii_isalnum(*byte) && !strchr("-_+.", *byte))
            return false;
    return is_hex(digits + 1, DIGEST_DIGITS);
}

/* ---- parts ---- */

/* An id of an image, as the engine lists it; its short form could be a name, and is taken for one. */
static bool take_id(DockerImage *image, const char *text)
{
    const char *digits = g_str_has_prefix(text, SHA256) ? text + strlen(SHA256) : text;
    image->is_id = strlen(digits) == ID_DIGITS && is_hex(digits, ID_DIGITS);
    if (image->is_id)
        image->name = g_strconcat(SHA256, digits, NULL);
    return image->is_id;
}

/* What stands before the first / is a host if it could be no folder of docker.io. */
static bool has_host(const char *name, size_t len)
{
    return name[len] == '/' &&
           (memchr(name, '.', len) || memchr(name, ':', len) || strncmp(name, "localhost/", len + 1) == 0);
}

static bool take_name(DockerImage *image, const char *text, const char *name, GError **error)
{
    size_t len = strcspn(name, "/");
    bool is_given = has_host(name, len);
    g_autofree char *host = is_given ? g_strndup(name, len) : g_strdup(REGISTRY);
    const char *path = is_given ? name + len + 1 : name;
    if (!is_host(host))
        return refuse(error, text, "its registry is no host");
    bool is_hub = strcmp(host, REGISTRY) == 0 || strcmp(host, REGISTRY_OLD) == 0;
    image->registry = g_strdup(is_hub ? REGISTRY : host);
    image->repository =
        g_strconcat(image->registry, "/", is_hub && !strchr(path, '/') ? FOLDER : "", path, NULL);
    if (!is_path(path))
        return refuse(
            error, text,
            "a name has small letters and digits, with . _ __ or - between them, and / between its parts");
    return strlen(image->repository) <= NAME_MAX_LEN || refuse(error, text, "the name is too long");
}

static bool take_parts(DockerImage *image, const char *text, GError **error)
{
    g_autofree char *name = g_strdup(text);
    char *digest = strchr(name, '@');
    if (digest) {
        *digest++ = '\0';
        image->digest = g_strdup(digest);
        if (!is_digest(digest))
            return refuse(error, text, "after @ stands no digest (sha256: and 64 digits)");
    }
    char *last = strrchr(name, '/'), *tag = strchr(last ? last : name, ':');
    if (tag) {
        *tag++ = '\0';
        image->tag = g_strdup(tag);
        if (!is_tag(tag))
            return refuse(error, text, "a tag has letters, digits and _ . -, 128 at most");
    }
    if (!image->tag && !image->digest)
        image->tag = g_strdup(TAG);
    return take_name(image, text, name, error);
}

DockerImage *docker_image_parse(const char *text, GError **error)
{
    g_autoptr(DockerImage) image = g_new0(DockerImage, 1);
    if (strlen(text) > DOCKER_IMAGE_MAX) {
        refuse(error, text, "it is too long");
        return NULL;
    }
    if (take_id(image, text))
        return g_steal_pointer(&image);
    if (!take_parts(image, text, error))
        return NULL;
    /* Beside a digest a tag says nothing. */
    image->name = image->digest ? g_strconcat(image->repository, "@", image->digest, NULL)
                                : g_strconcat(image->repository, ":", image->tag, NULL);
    return g_steal_pointer(&image);
}

char *docker_image_pull_query(const DockerImage *image)
{
    if (image->is_id)
        return NULL;
    g_autofree char *from = g_uri_escape_string(image->repository, NULL, FALSE),
                    *tag = g_uri_escape_string(image->digest ? image->digest : image->tag, NULL, FALSE);
    return g_strdup_printf("fromImage=%s&tag=%s", from, tag);
}

char *docker_image_canonical(const char *text)
{
    g_autoptr(DockerImage) image = docker_image_parse(text, NULL);
    return image ? g_steal_pointer(&image->name) : NULL;
}
