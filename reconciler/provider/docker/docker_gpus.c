#include "reconciler/provider/docker/docker_gpus.h"

#define GPUS_MAX 64

uint64_t docker_gpus_pick(uint64_t taken, int wanted)
{
    uint64_t picked = 0;
    for (int i = 0; i < GPUS_MAX && wanted > 0; i++)
        if (!(taken >> i & 1)) {
            picked |= (uint64_t)1 << i;
            wanted--;
        }
    return picked;
}

char *docker_gpus_text(uint64_t gpus)
{
    GString *text = g_string_new(NULL);
    for (int i = 0; i < GPUS_MAX; i++)
        if (gpus >> i & 1)
            g_string_append_printf(text, "%s%d", text->len ? " " : "", i);
    return g_string_free(text, FALSE);
}

uint64_t docker_gpus_parse(const char *text)
{
    uint64_t gpus = 0;
    g_auto(GStrv) numbers = g_strsplit(text ? text : "", " ", -1);
    for (char **number = numbers; *number; number++) {
        guint64 i;
        if (g_ascii_string_to_unsigned(*number, 10, 0, GPUS_MAX - 1, &i, NULL))
            gpus |= (uint64_t)1 << i;
    }
    return gpus;
}
