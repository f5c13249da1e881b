/* floor_bench.c: the physical limits that the benches are held against, as bare as they come.
 *
 *   floor_bench yaml FILE       libyaml's event loop over the file's bytes, one thread, nothing done with the
 *                               events: seconds
 *   floor_bench yaml @LIST      the same over all files that LIST names, one a line
 *   floor_bench spawn N P       posix_spawn of N x /bin/true, P at a time: processes per second
 *   floor_bench sync FILE N     write of 4 KiB and fdatasync, N times: flushes per second */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <yaml.h>

extern char **environ;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "floor_bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static size_t parse_events(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0)
        die(path);
    char *text = malloc((size_t)info.st_size + 1);
    size_t have = 0;
    while (have < (size_t)info.st_size) {
        ssize_t got = read(fd, text + have, (size_t)info.st_size - have);
        if (got <= 0)
            die(path);
        have += (size_t)got;
    }
    close(fd);
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        die("libyaml");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, have);
    size_t events = 0;
    for (int done = 0; !done; events++) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            fprintf(stderr, "floor_bench: %s: %s\n", path, parser.problem);
            exit(1);
        }
        done = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    free(text);
    return events;
}

static size_t parse_listed(const char *list)
{
    FILE *in = fopen(list, "re");
    char *path = NULL;
    size_t size = 0, events = 0;
    if (!in)
        die(list);
    for (ssize_t len; (len = getline(&path, &size, in)) > 0;) {
        path[len - 1] = '\0';
        events += parse_events(path);
    }
    free(path);
    fclose(in);
    return events;
}

static void spawn_loop(int total, int at_once)
{
    char name[] = "/bin/true", *argv[] = {name, NULL};
    int running = 0;
    for (int started = 0; started < total || running > 0;) {
        if (started < total && running < at_once) {
            pid_t child;
            if (posix_spawn(&child, name, NULL, NULL, argv, environ) != 0)
                die("posix_spawn");
            started++;
            running++;
        } else {
            if (wait(NULL) < 0)
                die("wait");
            running--;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    double begin = now_s();
    if (strcmp(argv[1], "yaml") == 0) {
        size_t events = argv[2][0] == '@' ? parse_listed(argv[2] + 1) : parse_events(argv[2]);
        printf("%.3f s %zu events\n", now_s() - begin, events);
    } else if (strcmp(argv[1], "spawn") == 0 && argc == 4) {
        int total = (int)strtol(argv[2], NULL, 10);
        spawn_loop(total, (int)strtol(argv[3], NULL, 10));
        printf("%.1f /s\n", total / (now_s() - begin));
    } else if (strcmp(argv[1], "sync") == 0 && argc == 4) {
        int total = (int)strtol(argv[3], NULL, 10), fd = open(argv[2], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        char page[4096] = {0};
        for (int i = 0; i < total; i++)
            if (pwrite(fd, page, sizeof page, (off_t)i * 4096) != sizeof page || fdatasync(fd) != 0)
                die(argv[2]);
        printf("%.1f /s\n", total / (now_s() - begin));
        close(fd);
    } else {
        return 2;
    }
    return 0;
}
