/* latency_bench.c: two times that a user of an idle daemon feels, over the socket, without the command line's
 * own start-up.
 *
 *   latency_bench SOCKET start QUEUE DEFINITION STAMP DIR N   first byte of a submission to the job's first
 * instruction latency_bench SOCKET array QUEUE DEFINITION N             first byte of an array of 10,000's
 * submission to its acknowledgement
 *
 * Prints one line: minimum, median, 95th percentile and maximum in microseconds. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "latency_bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "latency_bench: socket path too long\n");
        exit(1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die(path);
    return fd;
}

/* Sends the request and reads one whole answer (by Content-Length). Dies unless it is a 200. */
static void post(int fd, const char *body)
{
    char request[4096], answer[65536];
    int len = snprintf(request, sizeof request,
                       "POST /muster/v1/submit HTTP/1.1\r\nHost: muster\r\nContent-Type: "
                       "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       strlen(body), body);
    if (len < 0 || (size_t)len >= sizeof request || write(fd, request, (size_t)len) != len)
        die("write");
    size_t have = 0;
    for (;;) {
        ssize_t got = read(fd, answer + have, sizeof answer - 1 - have);
        if (got <= 0)
            die("read");
        have += (size_t)got;
        answer[have] = '\0';
        char *end = strstr(answer, "\r\n\r\n");
        char *length = strcasestr(answer, "content-length:");
        if (end && length && have >= (size_t)(end + 4 - answer) + strtoul(length + 15, NULL, 10))
            break;
    }
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "latency_bench: %.*s\n", 400, answer);
        exit(1);
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, int64_t *took_ns, int n)
{
    qsort(took_ns, (size_t)n, sizeof *took_ns, compare);
    printf("%s min %" PRId64 " median %" PRId64 " p95 %" PRId64 " max %" PRId64 " us (%d runs)\n", what,
           took_ns[0] / 1000, took_ns[n / 2] / 1000, took_ns[n * 95 / 100] / 1000, took_ns[n - 1] / 1000, n);
}

/* Waits until the job's own line is in the file: inotify tells, so that waiting costs the job nothing. */
static int64_t stamped(const char *directory, const char *file)
{
    char path[4096], text[64] = "", events[4096];
    snprintf(path, sizeof path, "%s/%s", directory, file);
    int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, directory, IN_CLOSE_WRITE) < 0)
        die("inotify");
    for (;;) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            ssize_t got = read(fd, text, sizeof text - 1);
            close(fd);
            if (got > 0 && text[got - 1] == '\n')
                break;
        }
        if (read(watch, events, sizeof events) < 0)
            die("inotify");
    }
    close(watch);
    return strtoll(text, NULL, 10);
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    bool array = strcmp(argv[2], "array") == 0;
    int n = (int)strtol(argv[array ? 5 : 7], NULL, 10);
    int64_t *took_ns = calloc((size_t)n, sizeof *took_ns);
    int fd = dial(argv[1]);
    char body[2048], file[64];
    for (int i = 0; i < n; i++) {
        snprintf(file, sizeof file, "stamp.%d", i);
        if (array)
            snprintf(body, sizeof body,
                     "{\"jobName\":\"latency\",\"jobQueue\":\"%s\",\"jobDefinition\":\"%s\","
                     "\"arrayProperties\":{\"size\":10000}}",
                     argv[3], argv[4]);
        else
            snprintf(body, sizeof body,
                     "{\"jobName\":\"latency\",\"jobQueue\":\"%s\",\"jobDefinition\":\"%s\","
                     "\"containerOverrides\":{\"command\":[\"%s\",\"%s/%s\"]}}",
                     argv[3], argv[4], argv[5], argv[6], file);
        int64_t begin = now_ns();
        post(fd, body);
        took_ns[i] = (array ? now_ns() : stamped(argv[6], file)) - begin;
        struct timespec pause = {0, 20 * 1000 * 1000}; /* back to idle between two */
        nanosleep(&pause, NULL);
    }
    report(argv[2], took_ns, n);
    free(took_ns);
    close(fd);
    return 0;
}
