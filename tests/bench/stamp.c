/* stamp.c: a job whose first instruction writes the clock: `stamp FILE` appends CLOCK_REALTIME in
 * nanoseconds. Linked statically by the bench, so that what is measured is muster's path and not the dynamic
 * linker's. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char text[64];
    int len = snprintf(text, sizeof text, "%lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
    int fd = open(argc > 1 ? argv[1] : "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd < 0 || write(fd, text, (size_t)len) != len;
}
