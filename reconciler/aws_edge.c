/* aws_edge.c: see aws_edge.h. */
#include "reconciler/aws_edge.h"
#include "reconciler/clock.h"

static int64_t now_ms(void *self)
{
    (void)self;
    return clock_ms();
}

static int64_t monotonic_ms(void *self)
{
    (void)self;
    return clock_us() / 1000;
}

AwsTime aws_edge_time(uint64_t seed)
{
    return (AwsTime){.now_ms = now_ms, .monotonic_ms = monotonic_ms, .seed = seed};
}

const char *aws_edge_variable(const char *name, void *data)
{
    (void)data;
    return g_getenv(name);
}
