#include "reconciler/api/log_window.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void log_window_clear(LogWindow *window)
{
    g_clear_pointer(&window->lines, g_ptr_array_unref);
}

static bool fail(const LogRange *range, GError **error)
{
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: %s", range->path,
                g_strerror(errno));
    return false;
}

/* ret_bytes: what lies between the places, as much as there is. */
static bool read_between(int fd, int64_t from, int64_t to, GByteArray *ret_bytes)
{
    g_byte_array_set_size(ret_bytes, (guint)(to - from));
    guint len = 0;
    while (len < ret_bytes->len) {
        ssize_t got = pread(fd, ret_bytes->data + len, ret_bytes->len - len, from + len);
        if (got < 0 && errno != EINTR)
            return false;
        if (got == 0)
            break;
        len += got > 0 ? (guint)got : 0;
    }
    g_byte_array_set_size(ret_bytes, len);
    return true;
}

static void add_line(LogWindow *window, const char *text, size_t len)
{
    if (len > 0 && text[len - 1] == '\r')
        len--;
    g_ptr_array_add(window->lines, g_utf8_make_valid(text, (gssize)len));
}

/* The place behind the last whole line of the bytes, which begin at `from`; all of them where there is none
 * and nothing more will come. */
static size_t whole_lines(const GByteArray *bytes, bool is_all)
{
    const char *end = bytes->len ? memrchr(bytes->data, '\n', bytes->len) : NULL;
    return is_all ? bytes->len : end ? (size_t)(end - (const char *)bytes->data) + 1 : 0;
}

static void take_forward(const GByteArray *bytes, size_t len, const LogRange *range, LogWindow *window)
{
    const char *text = (const char *)bytes->data;
    for (size_t at = 0; at < len && window->lines->len < range->limit;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line = end ? (size_t)(end - text) - at : len - at;
        add_line(window, text + at, line);
        at += line + (end ? 1 : 0);
        window->to = window->from + (int64_t)at;
    }
}

/* The last lines of the bytes; is_begin: the first of them begins a line. */
static void take_backward(const GByteArray *bytes, size_t len, bool is_begin, const LogRange *range,
                          LogWindow *window)
{
    const char *text = (const char *)bytes->data;
    int64_t base = window->from;
    const char *first_end = is_begin || !len ? NULL : memchr(text, '\n', len);
    size_t least = first_end && (size_t)(first_end - text) + 1 < len ? (size_t)(first_end - text) + 1 : 0;
    g_autoptr(GArray) begins = g_array_new(FALSE, FALSE, sizeof(size_t));
    for (size_t at = least; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        g_array_append_val(begins, at);
        at = end ? (size_t)(end - text) + 1 : len;
    }
    guint skip = begins->len > range->limit ? begins->len - (guint)range->limit : 0;
    window->to = base + (int64_t)len;
    window->from = skip < begins->len ? base + (int64_t)g_array_index(begins, size_t, skip) : window->to;
    for (guint i = skip; i < begins->len; i++) {
        size_t from = g_array_index(begins, size_t, i);
        size_t to = i + 1 < begins->len ? g_array_index(begins, size_t, i + 1) : len;
        add_line(window, text + from, to - from - (to > from && text[to - 1] == '\n' ? 1 : 0));
    }
}

static bool read_file(int fd, const LogRange *range, LogWindow *window)
{
    struct stat stat;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    if (fstat(fd, &stat) < 0)
        return false;
    int64_t size = stat.st_size, at = range->at < 0 ? size : MIN(range->at, size);
    window->from = range->backward ? MAX(at - LOG_WINDOW_BYTES, 0) : at;
    int64_t to = range->backward ? at : MIN(at + LOG_WINDOW_BYTES, size);
    window->to = window->from;
    if (!read_between(fd, window->from, to, bytes))
        return false;
    bool is_full = bytes->len == LOG_WINDOW_BYTES && !memchr(bytes->data, '\n', bytes->len);
    size_t len = whole_lines(bytes, is_full || (range->is_closed && to == size));
    if (range->backward)
        take_backward(bytes, len, window->from == 0, range, window);
    else
        take_forward(bytes, len, range, window);
    return true;
}

bool log_window_read(const LogRange *range, LogWindow *ret_window, GError **error)
{
    *ret_window = (LogWindow){.lines = g_ptr_array_new_with_free_func(g_free)};
    int fd = open(range->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return true;
    bool done = fd >= 0 && read_file(fd, range, ret_window);
    if (!done)
        fail(range, error);
    if (fd >= 0)
        close(fd);
    return done;
}
