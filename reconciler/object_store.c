/* object_store.c: see object_store.h. */
#include "reconciler/object_store.h"
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reconciler/aws_session.h"
#include "reconciler/provider/aws/aws_request.h"

#define ONE_PUT_MAX  ((int64_t)5 << 30)
#define ANSWER_MAX   ((size_t)64 << 10)
#define CONNECT_MS   10000L
#define STALL_S      60L /* without STALL_BYTES a second for so long it is given up */
#define STALL_BYTES  1024L
#define EMPTY_DIGEST "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* ---- places ---- */

void object_place_clear(ObjectPlace *place)
{
    g_clear_pointer(&place->bucket, g_free);
    g_clear_pointer(&place->key, g_free);
}

bool object_place_parse(const char *text, ObjectPlace *ret_place, GError **error)
{
    const char *bucket = g_str_has_prefix(text, "s3://") ? text + strlen("s3://") : NULL;
    const char *slash = bucket ? strchr(bucket, '/') : NULL;
    size_t len = slash ? (size_t)(slash - bucket) : 0;
    bool is_name = len >= 3 && len <= 63 &&
                   strspn(bucket, G_CSET_a_2_z G_CSET_DIGITS ".-") == len; /* S3: bucket naming rules */
    if (is_name && slash[1]) {
        *ret_place = (ObjectPlace){g_strndup(bucket, len), g_strdup(slash + 1)};
        return true;
    }
    g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_BAD_URI,
                "%s: s3://BUCKET/KEY is expected, BUCKET of 3 to 63 small letters, digits, dots and hyphens",
                text);
    return false;
}

char *object_path(const ObjectPlace *place, bool has_bucket)
{
    g_autofree char *key = g_uri_escape_string(place->key, "/", FALSE);
    return has_bucket ? g_strconcat("/", place->bucket, "/", key, NULL) : g_strconcat("/", key, NULL);
}

/* ---- one request ---- */

typedef struct {
    const char *url, *method; /* as it was written, for messages */
    ObjectPlace place;
    AwsSession session;
    AwsCredentials *credentials;
    char *region;
    FILE *file; /* that is sent, or that is filled */
    int64_t bytes;
    char *digest;    /* of what is sent */
    GString *answer; /* where it is no file */
    char *other;     /* the region that the bucket is in, where S3 says that it is another one */
    long status;
} Transfer;

static void transfer_clear(Transfer *transfer)
{
    object_place_clear(&transfer->place);
    if (transfer->file)
        fclose(transfer->file);
    if (transfer->answer)
        g_string_free(transfer->answer, TRUE);
    g_clear_pointer(&transfer->credentials, aws_credentials_unref);
    aws_session_clear(&transfer->session);
    g_free(transfer->region);
    g_free(transfer->digest);
    g_free(transfer->other);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Transfer, transfer_clear)

static bool is_put(const Transfer *transfer)
{
    return strcmp(transfer->method, "PUT") == 0;
}

static size_t take_bytes(char *bytes, size_t size, size_t len, void *data)
{
    Transfer *transfer = data;
    (void)size; /* 1 */
    if (!is_put(transfer) && transfer->status == 200)
        return fwrite(bytes, 1, len, transfer->file);
    if (transfer->answer->len + len <= ANSWER_MAX)
        g_string_append_len(transfer->answer, bytes, (gssize)len);
    return len;
}

static size_t take_header(char *bytes, size_t size, size_t len, void *data)
{
    static const char name[] = "x-amz-bucket-region:";
    Transfer *transfer = data;
    (void)size;
    if (len > 9 && memcmp(bytes, "HTTP/", 5) == 0) {
        const char *blank = memchr(bytes, ' ', len);
        transfer->status = blank ? strtol(blank, NULL, 10) : 0;
    } else if (len > strlen(name) && g_ascii_strncasecmp(bytes, name, strlen(name)) == 0) {
        g_free(transfer->other);
        transfer->other = g_strstrip(g_strndup(bytes + strlen(name), len - strlen(name)));
    }
    return len;
}

/* Buckets whose names have dots are of no certificate: their names stand in the path. */
static char *address_of(const Transfer *transfer, GError **error)
{
    g_auto(AwsSetting) own = aws_settings_endpoint(transfer->session.settings, AWS_S3);
    g_auto(AwsEndpoint) endpoint = {0};
    bool in_path = own.text || strchr(transfer->place.bucket, '.');
    g_autofree char *path = object_path(&transfer->place, in_path);
    g_autofree char *usual =
        own.text ? NULL
                 : aws_endpoint_of(AWS_S3, transfer->region, transfer->session.settings->uses_fips,
                                   transfer->session.settings->uses_dualstack, error);
    if ((!own.text && !usual) || !aws_endpoint_parse(own.text ? own.text : usual, &endpoint, error))
        return NULL;
    if (!endpoint.is_encrypted && !endpoint.is_loopback) {
        g_set_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_BAD_URI,
                    "%s: a backup is not sent over plain http to another machine (%s)", transfer->url,
                    own.text);
        return NULL;
    }
    size_t len = strlen(endpoint.url) - (g_str_has_suffix(endpoint.url, "/") ? 1 : 0);
    return in_path ? g_strdup_printf("%.*s%s", (int)len, endpoint.url, path)
                   : g_strdup_printf("https://%s.%s%s", transfer->place.bucket, endpoint.host, path);
}

static struct curl_slist *headers_of(const Transfer *transfer)
{
    const AwsCredentials *credentials = transfer->credentials;
    struct curl_slist *headers = NULL;
    g_autofree char *digest =
        g_strconcat("x-amz-content-sha256: ", transfer->digest ? transfer->digest : EMPTY_DIGEST, NULL);
    headers = curl_slist_append(headers, digest);
    if (credentials->session_token) {
        g_autofree char *token = g_strconcat("x-amz-security-token: ", credentials->session_token, NULL);
        headers = curl_slist_append(headers, token);
    }
    return headers;
}

/* libcurl's own signing: a well-kept one that does not need the body at hand. */
static CURLcode run_curl(Transfer *transfer, CURL *curl, const char *address)
{
    const AwsCredentials *credentials = transfer->credentials;
    const AwsSettings *settings = transfer->session.settings;
    g_autofree char *signer = g_strdup_printf("aws:amz:%s:s3", transfer->region);
    g_autofree char *user =
        g_strconcat(credentials->access_key_id, ":", credentials->secret_access_key, NULL);
    struct curl_slist *headers = headers_of(transfer);
    curl_easy_setopt(curl, CURLOPT_URL, address);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, signer);
    curl_easy_setopt(curl, CURLOPT_USERPWD, user);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALL_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    if (settings->ca_bundle.text)
        curl_easy_setopt(curl, CURLOPT_CAINFO, settings->ca_bundle.text);
    if (is_put(transfer)) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_READDATA, transfer->file);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)transfer->bytes);
    }
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    explicit_bzero(user, strlen(user));
    return code;
}

/* Text of the element, new; NULL: it is not there. */
static char *element(const char *xml, const char *name)
{
    g_autofree char *open = g_strdup_printf("<%s>", name), *close = g_strdup_printf("</%s>", name);
    const char *begin = strstr(xml, open), *end = begin ? strstr(begin, close) : NULL;
    return end ? g_strndup(begin + strlen(open), (gsize)(end - begin) - strlen(open)) : NULL;
}

static bool fail_answer(const Transfer *transfer, GError **error)
{
    g_autofree char *code = element(transfer->answer->str, "Code"),
                    *message = element(transfer->answer->str, "Message");
    int number = transfer->status == 404   ? G_FILE_ERROR_NOENT
                 : transfer->status == 403 ? G_FILE_ERROR_ACCES
                                           : G_FILE_ERROR_FAILED;
    if (code)
        g_set_error(error, G_FILE_ERROR, number, "%s: %s: %s", transfer->url, code, message ? message : "");
    else
        g_set_error(error, G_FILE_ERROR, number, "%s: S3 answers with HTTP status %ld", transfer->url,
                    transfer->status);
    return false;
}

static bool ask_once(Transfer *transfer, GError **error)
{
    g_autofree char *address = address_of(transfer, error);
    if (!address)
        return false;
    transfer->status = 0;
    g_clear_pointer(&transfer->other, g_free);
    g_string_truncate(transfer->answer, 0);
    rewind(transfer->file);
    CURL *curl = curl_easy_init();
    CURLcode code = run_curl(transfer, curl, address);
    curl_easy_cleanup(curl);
    if (code == CURLE_OK && transfer->status == 200)
        return true;
    if (code != CURLE_OK) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO, "%s: %s", transfer->url, curl_easy_strerror(code));
        return false;
    }
    return fail_answer(transfer, error);
}

/* A bucket is in one region, and S3 says which, where another was asked. */
static bool ask(Transfer *transfer, GError **error)
{
    g_autoptr(GError) fault = NULL;
    if (ask_once(transfer, &fault))
        return true;
    if (transfer->other && g_strcmp0(transfer->other, transfer->region) != 0) {
        g_free(transfer->region);
        transfer->region = g_strdup(transfer->other);
        return ask_once(transfer, error);
    }
    g_propagate_error(error, g_steal_pointer(&fault));
    return false;
}

static bool transfer_open(Transfer *transfer, const char *url, const char *method, GError **error)
{
    AwsSession *session = &transfer->session;
    *transfer = (Transfer){.url = url, .method = method, .answer = g_string_new(NULL)};
    if (!object_place_parse(url, &transfer->place, error) || !aws_session_begin(session, NULL, NULL, error) ||
        !aws_session_needs_region(session, error) || !aws_session_find_credentials(session, NULL, error))
        return false;
    transfer->region = g_strdup(session->settings->region.text);
    transfer->credentials = aws_session_credentials(session, error);
    return transfer->credentials != NULL;
}

/* ---- the two of them ---- */

static bool fail_file(const char *path, int number, GError **error)
{
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(number), "%s: %s", path,
                g_strerror(number));
    return false;
}

static bool digest_file(Transfer *transfer, GError **error)
{
    unsigned char bytes[64 << 10];
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    size_t len;
    while ((len = fread(bytes, 1, sizeof bytes, transfer->file)) > 0) {
        g_checksum_update(checksum, bytes, (gssize)len);
        transfer->bytes += (int64_t)len;
    }
    if (ferror(transfer->file))
        return fail_file(transfer->url, errno, error);
    transfer->digest = g_strdup(g_checksum_get_string(checksum));
    return true;
}

bool object_put(const char *url, int fd, GError **error)
{
    g_auto(Transfer) transfer = {0};
    if (!transfer_open(&transfer, url, "PUT", error))
        return false;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    transfer.file = own >= 0 ? fdopen(own, "r") : NULL;
    if (!transfer.file) {
        int number = errno;
        if (own >= 0)
            close(own);
        return fail_file(url, number, error);
    }
    if (!digest_file(&transfer, error))
        return false;
    if (transfer.bytes <= ONE_PUT_MAX)
        return ask(&transfer, error);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                "%s: it has %" G_GINT64_FORMAT " bytes, and S3 takes 5 GiB in one request: back up to a "
                "file, and copy that with aws s3 cp",
                url, transfer.bytes);
    return false;
}

bool object_get(const char *url, const char *path, GError **error)
{
    g_auto(Transfer) transfer = {0};
    if (!transfer_open(&transfer, url, "GET", error))
        return false;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    transfer.file = fd >= 0 ? fdopen(fd, "w+") : NULL;
    if (!transfer.file)
        return fail_file(path, errno, error);
    bool is_got = ask(&transfer, error);
    if (is_got && (fflush(transfer.file) != 0 || fsync(fd) != 0))
        is_got = fail_file(path, errno, error);
    if (!is_got)
        g_unlink(path);
    return is_got;
}
