/* lanes.c: see lanes.h. */
#include "spec/base/lanes.h"

void lanes_init(Lanes *lanes)
{
    lanes->free_from = g_array_new(FALSE, FALSE, sizeof(int64_t));
}

void lanes_clear(Lanes *lanes)
{
    g_clear_pointer(&lanes->free_from, g_array_unref);
}

guint lanes_take(Lanes *lanes, int64_t start_ms, int64_t end_ms, guint most)
{
    GArray *free_from = lanes->free_from;
    guint lane = 0;
    while (lane < free_from->len && lane < most && g_array_index(free_from, int64_t, lane) > start_ms)
        lane++;
    if (lane == free_from->len)
        g_array_append_val(free_from, end_ms);
    else
        g_array_index(free_from, int64_t, lane) = MAX(g_array_index(free_from, int64_t, lane), end_ms);
    return lane;
}

guint lanes_len(const Lanes *lanes)
{
    return lanes->free_from->len;
}
