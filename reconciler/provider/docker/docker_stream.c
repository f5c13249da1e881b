#include "reconciler/provider/docker/docker_stream.h"
#include <string.h>

bool docker_lines_take(DockerLines *lines, View bytes, DockerLine func, void *data)
{
    if (!lines->rest)
        lines->rest = g_string_new(NULL);
    while (bytes.len > 0) {
        const char *end = memchr(bytes.data, '\n', bytes.len);
        size_t len = end ? (size_t)(end - bytes.data) : bytes.len;
        if (lines->rest->len + len > DOCKER_LINE_MAX)
            return false;
        g_string_append_len(lines->rest, bytes.data, (gssize)len);
        if (!end)
            return true;
        if (lines->rest->len > 0)
            func((View){lines->rest->str, lines->rest->len}, data);
        g_string_truncate(lines->rest, 0);
        bytes = (View){end + 1, bytes.len - len - 1};
    }
    return true;
}

void docker_lines_clear(DockerLines *lines)
{
    if (lines->rest)
        g_string_free(lines->rest, TRUE);
    lines->rest = NULL;
}

static bool begin_frame(DockerFrames *frames)
{
    const unsigned char *header = frames->header;
    frames->header_len = 0;
    frames->left =
        (size_t)header[4] << 24 | (size_t)header[5] << 16 | (size_t)header[6] << 8 | (size_t)header[7];
    return header[0] <= 2 && header[1] == 0 && header[2] == 0 && header[3] == 0;
}

bool docker_frames_take(DockerFrames *frames, View bytes, DockerOutput func, void *data)
{
    while (bytes.len > 0) {
        size_t len = MIN(bytes.len, frames->left);
        if (len > 0) {
            func((View){bytes.data, len}, data);
            frames->left -= len;
        } else {
            len = MIN(bytes.len, sizeof frames->header - frames->header_len);
            memcpy(frames->header + frames->header_len, bytes.data, len);
            frames->header_len += len;
            if (frames->header_len == sizeof frames->header && !begin_frame(frames))
                return false;
        }
        bytes = (View){bytes.data + len, bytes.len - len};
    }
    return true;
}
