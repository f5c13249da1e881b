#include "spec/cycle.h"

#include <glib.h>

enum { NODE_NEW, NODE_OPEN, NODE_DONE };

typedef struct {
    const uint32_t *first, *targets;
    uint32_t *next;  /* by node: the edge to follow next */
    uint32_t *stack; /* the open nodes, in order */
    size_t depth;
    uint8_t *colour;
    CycleFunc func;
    void *data;
} Search;

static void search_push(Search *search, uint32_t node)
{
    search->colour[node] = NODE_OPEN;
    search->next[node] = search->first[node];
    search->stack[search->depth++] = node;
}

static void cycle_report(const Search *search, uint32_t node)
{
    size_t start = search->depth;
    while (search->stack[start - 1] != node)
        start--;
    search->func(search->stack + start - 1, search->depth - (start - 1), search->data);
}

static void search_from(Search *search, uint32_t node)
{
    search_push(search, node);
    while (search->depth) {
        uint32_t top = search->stack[search->depth - 1];
        if (search->next[top] == search->first[top + 1]) {
            search->colour[top] = NODE_DONE;
            search->depth--;
            continue;
        }
        uint32_t target = search->targets[search->next[top]++];
        if (search->colour[target] == NODE_NEW)
            search_push(search, target);
        else if (search->colour[target] == NODE_OPEN)
            cycle_report(search, target);
    }
}

void cycle_find(size_t len, const uint32_t *first, const uint32_t *targets, CycleFunc func, void *data)
{
    if (!len || first[len] == 0)
        return;
    g_autofree uint32_t *next = g_new(uint32_t, len), *stack = g_new(uint32_t, len);
    g_autofree uint8_t *colour = g_new0(uint8_t, len);
    Search search = {first, targets, next, stack, 0, colour, func, data};
    for (uint32_t node = 0; node < len; node++)
        if (colour[node] == NODE_NEW)
            search_from(&search, node);
}
