/* live_children.c: where an array keeps the children that have a struct: pages by index, each as long as one
 * of its children lives, so that looking one up costs the same however many there are. */
#include "reconciler/world/job.h"

#define PAGE_LEN 64

struct LivePage {
    uint64_t taken;
    ChildState *children[PAGE_LEN];
};

static int32_t pages_len(const ArrayState *array)
{
    return (array->size + PAGE_LEN - 1) / PAGE_LEN;
}

ChildState *array_live(const ArrayState *array, int32_t index)
{
    const LivePage *page = array->live ? array->live[index / PAGE_LEN] : NULL;
    return page ? page->children[index % PAGE_LEN] : NULL;
}

ChildState *array_live_next(const ArrayState *array, int32_t from)
{
    for (int32_t at = from / PAGE_LEN; array->live && at < pages_len(array); at++) {
        const LivePage *page = array->live[at];
        uint64_t taken = page ? page->taken : 0;
        if (at == from / PAGE_LEN)
            taken &= ~UINT64_C(0) << (from % PAGE_LEN);
        if (taken)
            return page->children[__builtin_ctzll(taken)];
    }
    return NULL;
}

void array_live_add(ArrayState *array, ChildState *child)
{
    if (!array->live)
        array->live = g_new0(LivePage *, (size_t)pages_len(array));
    LivePage **page = &array->live[child->index / PAGE_LEN];
    int32_t at = child->index % PAGE_LEN;
    if (!*page)
        *page = g_new0(LivePage, 1);
    g_assert(!(*page)->children[at]);
    (*page)->children[at] = child;
    (*page)->taken |= UINT64_C(1) << at;
}

void array_live_remove(ArrayState *array, const ChildState *child)
{
    LivePage **page = &array->live[child->index / PAGE_LEN];
    int32_t at = child->index % PAGE_LEN;
    (*page)->children[at] = NULL;
    (*page)->taken &= ~(UINT64_C(1) << at);
    if (!(*page)->taken)
        g_clear_pointer(page, g_free);
}
