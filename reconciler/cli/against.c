#include "reconciler/cli/against.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "reconciler/api/state_publish.h"
#include "reconciler/cli/backend.h"
#include "reconciler/cli/report.h"

#define CONNECT_TIME_MAX_S 10L
#define REDIRECTS_MAX      5L

static bool fail(GError **error, const char *where, const char *why)
{
    g_set_error(error, CLI_ERROR, EXIT_ERROR, "--against %s: %s", where, why);
    return false;
}

static bool is_too_large(const GByteArray *text, size_t more)
{
    return text->len + more > AGAINST_BYTES_MAX;
}

/* ---- files ---- */

static bool read_fd(int fd, const char *where, GByteArray *text, GError **error)
{
    guint8 piece[65536];
    ssize_t got;
    while ((got = read(fd, piece, sizeof piece)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(error, where, g_strerror(errno));
        if (is_too_large(text, (size_t)got))
            return fail(error, where, "larger than a snapshot may be (256 MiB)");
        g_byte_array_append(text, piece, (guint)got);
    }
    return true;
}

static bool read_file(const char *where, GByteArray *text, GError **error)
{
    int fd = open(where, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(error, where, g_strerror(errno));
    bool ok = read_fd(fd, where, text, error);
    close(fd);
    return ok;
}

/* ---- URLs ---- */

static bool is_url(const char *where)
{
    return g_ascii_strncasecmp(where, "http://", 7) == 0 || g_ascii_strncasecmp(where, "https://", 8) == 0;
}

typedef struct {
    GByteArray *text;
    bool is_too_large;
} Download;

static size_t take_piece(char *data, size_t size, size_t count, void *user)
{
    Download *download = user;
    size_t len = size * count;
    download->is_too_large = is_too_large(download->text, len);
    if (download->is_too_large)
        return 0;
    g_byte_array_append(download->text, (const guint8 *)data, (guint)len);
    return len;
}

/* The user's name and password of a URL are not repeated. */
static char *shown_url(const char *where)
{
    const char *host = strstr(where, "://") + 3, *path = host + strcspn(host, "/?#");
    const char *at = memrchr(host, '@', (size_t)(path - host));
    return at ? g_strdup_printf("%.*s%s", (int)(host - where), where, at + 1) : g_strdup(where);
}

static void set_options(CURL *curl, const char *where, Download *download, char *fault)
{
    const char *authorities = g_getenv("SSL_CERT_FILE");
    curl_easy_setopt(curl, CURLOPT_URL, where);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                     g_ascii_strncasecmp(where, "https", 5) == 0 ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIME_MAX_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, AGAINST_TIME_MAX_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "muster/" MUSTER_VERSION);
    if (authorities)
        curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, fault);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_piece);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, download);
}

static bool read_url(const char *where, GByteArray *text, GError **error)
{
    Download download = {.text = text};
    char fault[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    g_assert(curl);
    set_options(curl, where, &download, fault);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    if (code == CURLE_OK)
        return true;
    g_autofree char *shown = shown_url(where);
    if (download.is_too_large)
        return fail(error, shown, "larger than a snapshot may be (256 MiB)");
    return fail(error, shown, *fault ? fault : curl_easy_strerror(code));
}

/* ---- whose it is ---- */

static bool check_installation(const StateSnapshot *snapshot, const AgainstOptions *options, GError **error)
{
    const char *found = state_snapshot_installation(snapshot);
    g_autoptr(GError) cause = NULL;
    g_autofree char *here = installation_read(options->state_dir, &cause);
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    const char *wanted = options->installation ? options->installation : here;
    if (!wanted || strcmp(wanted, found) == 0)
        return true;
    if (options->installation)
        g_set_error(error, CLI_ERROR, EXIT_ERROR,
                    "--against %s: a snapshot of installation %s, not of %s that --installation names",
                    options->where, found, wanted);
    else
        g_set_error(error, CLI_ERROR, EXIT_ERROR,
                    "--against %s: a snapshot of installation %s, but the state in %s is that of %s; plan "
                    "without --against, or name another directory with --state",
                    options->where, found, options->state_dir, wanted);
    return false;
}

char *against_server_text(const char *server, GError **error)
{
    g_autoptr(Backend) backend =
        backend_open(&(BackendOptions){.server = server, .need = BACKEND_READ}, error);
    json_t *answer = backend ? backend_call(backend, "snapshot", NULL, error) : NULL;
    if (!answer)
        return NULL;
    char *text = g_strdup(json_string_value(json_object_get(answer, "snapshot")));
    json_decref(answer);
    if (!text)
        fail(error, server, "the answer holds no snapshot");
    return text;
}

StateSnapshot *against_server(const char *server, GError **error)
{
    g_autofree char *text = against_server_text(server, error);
    StateSnapshot *snapshot = text ? state_snapshot_load(view_from(text), error) : NULL;
    if (text && !snapshot)
        g_prefix_error(error, "--server %s: ", server);
    return snapshot;
}

StateSnapshot *against_load(const AgainstOptions *options, GError **error)
{
    const char *where = options->where;
    g_autoptr(GByteArray) text = g_byte_array_new();
    if (options->installation && !installation_is_valid(view_from(options->installation))) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR,
                    "--installation \"%s\" is not the identity of an installation: %d hex digits, as a "
                    "snapshot's first line has them",
                    options->installation, INSTALLATION_LEN);
        return NULL;
    }
    bool is_read = strcmp(where, "-") == 0 ? read_fd(STDIN_FILENO, where, text, error)
                   : is_url(where)         ? read_url(where, text, error)
                                           : read_file(where, text, error);
    if (!is_read)
        return NULL;
    g_autofree char *shown = is_url(where) ? shown_url(where) : g_strdup(where);
    g_autoptr(StateSnapshot) snapshot =
        state_snapshot_load((View){(const char *)text->data, text->len}, error);
    if (!snapshot) {
        g_prefix_error(error, "--against %s: ", shown);
        return NULL;
    }
    AgainstOptions shown_options = *options;
    shown_options.where = shown;
    return check_installation(snapshot, &shown_options, error) ? g_steal_pointer(&snapshot) : NULL;
}
