/* location.c: see location.h. */
#include "reconciler/source/location.h"
#include <arpa/inet.h>
#include <string.h>
#include "reconciler/source/source.h"
#include "reconciler/source/version.h"

#define PREFIX        "git+"
#define LOCATION_MAX  4096
#define COMMIT_DIGITS 40
#define SEMVER        "semver:"
#define FORM          "git+URL[@REF][:PATH], such as git+https://host/team/jobs.git@main:envs/prod"

static const struct {
    const char *scheme;
    RepoTransport transport;
} transports[] = {{"file://", REPO_TRANSPORT_FILE},
                  {"https://", REPO_TRANSPORT_HTTPS},
                  {"http://", REPO_TRANSPORT_HTTP},
                  {"ssh://", REPO_TRANSPORT_SSH},
                  {"git://", REPO_TRANSPORT_GIT}};

const char *repo_transport_name(RepoTransport transport)
{
    switch (transport) {
    case REPO_TRANSPORT_FILE: return "file";
    case REPO_TRANSPORT_HTTPS: return "https";
    case REPO_TRANSPORT_HTTP: return "http";
    case REPO_TRANSPORT_SSH: return "ssh";
    case REPO_TRANSPORT_GIT: return "git";
    }
    return "";
}

bool repo_location_is(const char *text)
{
    return g_str_has_prefix(text, PREFIX);
}

void repo_location_free(RepoLocation *location)
{
    if (!location)
        return;
    g_free(location->url);
    g_free(location->host);
    g_free(location->directory);
    g_free(location->ref);
    g_free(location->path);
    g_free(location->name);
    g_free(location);
}

static bool G_GNUC_PRINTF(2, 3) refuse(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, SOURCE_ERROR, SOURCE_ERROR_LOCATION, message);
    return false;
}

/* ---- the repository ---- */

static bool is_printable(const char *text)
{
    for (const char *byte = text; *byte; byte++)
        if ((unsigned char)*byte < ' ' || *byte == 0x7f)
            return false;
    return true;
}

static char *name_of(const char *path)
{
    g_autofree char *copy = g_strdup(path);
    size_t len = strlen(copy);
    while (len > 0 && copy[len - 1] == '/')
        copy[--len] = '\0';
    char *slash = strrchr(copy, '/');
    char *name = slash ? slash + 1 : copy;
    g_autofree char *plain = g_uri_unescape_string(name, "/");
    char *base = g_strdup(plain && is_printable(plain) ? plain : name);
    if (strlen(base) > 4 && g_str_has_suffix(base, ".git"))
        base[strlen(base) - 4] = '\0';
    return base;
}

/* user@host:port or [v6]:port. ssh and git both take an argument that begins with a dash for an option. */
static bool take_host(RepoLocation *location, const char *authority, GError **error)
{
    const char *at = strrchr(authority, '@'), *host = at ? at + 1 : authority;
    if (at && memchr(authority, ':', (size_t)(at - authority)))
        return refuse(
            error,
            "a password does not belong into a location, which is shown and stored: name a tokenFile in "
            "sources.yaml of the state directory");
    const char *end = host[0] == '[' ? strchr(host, ']') : host + strcspn(host, ":");
    if (!end)
        return refuse(error, "the address that begins with [ has no ]");
    location->host =
        host[0] == '[' ? g_strndup(host + 1, (gsize)(end - host - 1)) : g_strndup(host, (gsize)(end - host));
    if (authority[0] == '-' || location->host[0] == '-')
        return refuse(error,
                      "a user or host that begins with a dash is refused: it could be taken for an option");
    if (!location->host[0] && location->transport != REPO_TRANSPORT_FILE)
        return refuse(error, "no host is named; the form is " FORM);
    for (const char *byte = location->host; *byte; byte++)
        if (!g_ascii_isalnum(*byte) && !strchr(".-_:%", *byte))
            return refuse(error, "the host holds \"%c\", which no host's name has", *byte);
    return true;
}

static bool take_file(RepoLocation *location, const char *path, GError **error)
{
    if (location->host[0] && strcmp(location->host, "localhost") != 0)
        return refuse(error,
                      "a file location needs an absolute path behind git+file://, such as "
                      "git+file:///srv/git/jobs.git (\"%s\" would be a host)",
                      location->host);
    location->directory = g_uri_unescape_string(path, NULL);
    return location->directory ||
           refuse(error, "the path holds a %% that is not followed by two hexadecimal digits");
}

/* Cuts text at its first `cut`, and gives what stands behind it; NULL: there is none. */
static char *cut_at(char *text, char cut)
{
    char *at = strchr(text, cut);
    if (at)
        *at++ = '\0';
    return at;
}

/* ---- @REF and :PATH ---- */

static bool is_hex(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789abcdefABCDEF") == len;
}

/* git-check-ref-format(1), but for what cannot come here: ':' ends the name. */
static bool is_ref_name(const char *name)
{
    if (!*name || name[0] == '-' || name[0] == '/' || strcmp(name, "@") == 0 || g_str_has_suffix(name, "/") ||
        g_str_has_suffix(name, "."))
        return false;
    if (strstr(name, "..") || strstr(name, "//") || strstr(name, "@{") || strpbrk(name, " ~^?*[\\"))
        return false;
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    for (char **part = parts; *part; part++)
        if (**part == '.' || g_str_has_suffix(*part, ".lock"))
            return false;
    return true;
}

static bool take_ref(RepoLocation *location, const char *ref, GError **error)
{
    if (g_str_has_prefix(ref, SEMVER)) {
        const char *range = ref + strlen(SEMVER);
        g_autofree char *fault = version_range_fault(range);
        location->want = REPO_WANT_SEMVER;
        location->ref = g_strdup(range);
        return !fault || refuse(error, "the range \"%s\": %s; write it as semver:>=1.2 <2, ^1.4, ~1.4 or 1.x",
                                range, fault);
    }
    if (is_hex(ref, COMMIT_DIGITS)) {
        location->want = REPO_WANT_COMMIT;
        location->ref = g_ascii_strdown(ref, -1);
        return true;
    }
    if (is_hex(ref, 64))
        return refuse(error, "this is the commit of a SHA-256 repository, which this version does not read");
    location->want = REPO_WANT_NAME;
    location->ref = g_strdup(ref);
    return is_ref_name(ref) || refuse(error,
                                      "\"%s\" is no name of a branch or tag; an @ that belongs to the "
                                      "repository's path is written %%40",
                                      ref);
}

static bool take_path(RepoLocation *location, const char *path, GError **error)
{
    g_autoptr(GString) clean = g_string_new(NULL);
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    if (path[0] == '/')
        return refuse(error, "the path in the repository begins without a slash: \"%s\"",
                      path + strspn(path, "/"));
    for (char **part = parts; *part; part++) {
        if (!**part || strcmp(*part, ".") == 0)
            continue;
        if (strcmp(*part, "..") == 0)
            return refuse(error, "the path \"%s\" leaves the repository", path);
        if (g_ascii_strcasecmp(*part, ".git") == 0)
            return refuse(error, "the path \"%s\": .git is never read", path);
        g_string_append_printf(clean, "%s%s", clean->len ? "/" : "", *part);
    }
    location->path = g_strdup(clean->str);
    return true;
}

/* rest: the repository's path with what follows it; changed. */
static bool take_rest(RepoLocation *location, char *rest, GError **error)
{
    char *ref = NULL, *path = NULL;
    size_t until = strcspn(rest, "@:");
    if (rest[until] == '@') {
        ref = cut_at(rest, '@');
        if (g_str_has_prefix(ref, SEMVER))
            path = cut_at(ref + strlen(SEMVER), ':');
        else
            path = cut_at(ref, ':');
    } else {
        path = cut_at(rest, ':');
    }
    if (rest[strspn(rest, "/")] == '\0')
        return refuse(error, "no repository is named; the form is " FORM);
    if (strpbrk(rest, "?#"))
        return refuse(error, "? and # have no meaning in a location; the form is " FORM);
    location->name = name_of(rest);
    if (ref && !*ref)
        return refuse(error, "nothing follows the @: name a branch, a tag, a commit or semver:RANGE");
    return (!ref || take_ref(location, ref, error)) && take_path(location, path ? path : "", error);
}

/* ---- the two forms ---- */

static bool parse_url(RepoLocation *location, const char *scheme, const char *rest, GError **error)
{
    size_t len = strcspn(rest, "/");
    g_autofree char *authority = g_strndup(rest, len), *path = g_strdup(rest + len);
    if (!take_host(location, authority, error) || !take_rest(location, path, error))
        return false;
    if (location->transport == REPO_TRANSPORT_FILE && !take_file(location, path, error))
        return false;
    bool is_file = location->transport == REPO_TRANSPORT_FILE;
    location->url = g_strdup_printf("%s%s%s", scheme, is_file ? "" : authority, path);
    return true;
}

/* [user@]host:path */
static bool parse_scp(RepoLocation *location, const char *text, GError **error)
{
    const char *colon = strchr(text, ':');
    g_autofree char *authority = g_strndup(text, (gsize)(colon - text)), *path = g_strdup(colon + 1);
    location->transport = REPO_TRANSPORT_SSH;
    if (path[0] == '-')
        return refuse(error, "a path that begins with a dash is refused: it could be taken for an option");
    if (!take_host(location, authority, error) || !take_rest(location, path, error))
        return false;
    location->url = g_strdup_printf("%s:%s", authority, path);
    return true;
}

static bool is_scp(const char *text)
{
    size_t colon = strcspn(text, ":"), slash = strcspn(text, "/");
    return colon > 0 && text[colon] == ':' && colon < slash && !g_str_has_prefix(text + colon, "://") &&
           !g_str_has_prefix(text + colon, "::");
}

static bool parse(RepoLocation *location, const char *text, GError **error)
{
    if (!is_printable(text))
        return refuse(error, "it holds a control character");
    for (size_t i = 0; i < G_N_ELEMENTS(transports); i++)
        if (g_str_has_prefix(text, transports[i].scheme)) {
            location->transport = transports[i].transport;
            return parse_url(location, transports[i].scheme, text + strlen(transports[i].scheme), error);
        }
    if (is_scp(text))
        return parse_scp(location, text, error);
    const char *end = strstr(text, ":");
    if (end)
        return refuse(
            error,
            "\"%.*s\" is no transport that is allowed: file, https, ssh, http and git are; the form is " FORM,
            (int)(end - text), text);
    return refuse(error, "no URL follows git+; the form is " FORM);
}

RepoLocation *repo_location_parse(const char *text, GError **error)
{
    g_autoptr(RepoLocation) location = g_new0(RepoLocation, 1);
    g_autoptr(GError) fault = NULL;
    if (strlen(text) > LOCATION_MAX) {
        refuse(error, "the location is longer than %d bytes", LOCATION_MAX);
        return NULL;
    }
    if (parse(location, text + strlen(PREFIX), &fault))
        return g_steal_pointer(&location);
    /* A password may be in it: then it is not repeated. */
    bool is_secret = strstr(fault->message, "password") != NULL;
    g_propagate_prefixed_error(error, g_steal_pointer(&fault), "%s: ", is_secret ? "git location" : text);
    return NULL;
}

bool repo_location_set_ref(RepoLocation *location, const char *ref, GError **error)
{
    g_clear_pointer(&location->ref, g_free);
    return take_ref(location, ref, error);
}

bool repo_location_is_loopback(const RepoLocation *location)
{
    struct in_addr address;
    if (inet_pton(AF_INET, location->host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
    return strcmp(location->host, "localhost") == 0 || strcmp(location->host, "::1") == 0;
}
