/* seen.c: see seen.h. */
#include "reconciler/api/seen.h"

#define MINUTE_MS 60000
#define SLOTS_MIN 64

static void minute_clear(Seen *seen, struct SeenMinute *minute)
{
    seen->len -= minute->len;
    g_free(minute->slots);
    *minute = (struct SeenMinute){0};
}

void seen_clear(Seen *seen)
{
    for (size_t i = 0; i < SEEN_MINUTES; i++)
        minute_clear(seen, &seen->minutes[i]);
}

/* Where it is, or the free slot for it. */
static uint64_t *slot_of(const struct SeenMinute *minute, uint64_t value)
{
    size_t at = (size_t)value & (minute->slots_len - 1);
    while (minute->slots[at] && minute->slots[at] != value)
        at = (at + 1) & (minute->slots_len - 1);
    return &minute->slots[at];
}

static void minute_grow(struct SeenMinute *minute)
{
    struct SeenMinute larger = {.slots_len = minute->slots_len ? 2 * minute->slots_len : SLOTS_MIN};
    larger.slots = g_new0(uint64_t, larger.slots_len);
    for (size_t i = 0; i < minute->slots_len; i++)
        if (minute->slots[i])
            *slot_of(&larger, minute->slots[i]) = minute->slots[i];
    g_free(minute->slots);
    minute->slots = larger.slots;
    minute->slots_len = larger.slots_len;
}

static void forget_oldest(Seen *seen)
{
    struct SeenMinute *oldest = NULL;
    for (size_t i = 0; i < SEEN_MINUTES; i++) {
        struct SeenMinute *minute = &seen->minutes[i];
        if (minute->len && (!oldest || minute->minute < oldest->minute))
            oldest = minute;
    }
    if (oldest)
        minute_clear(seen, oldest);
}

bool seen_add(Seen *seen, int64_t signed_ms, const char *signature)
{
    int64_t number = signed_ms / MINUTE_MS;
    struct SeenMinute *minute = &seen->minutes[number % SEEN_MINUTES];
    uint64_t value = 0;
    for (size_t i = 0; i < 2 * sizeof value && signature[i]; i++)
        value = value << 4 | (uint64_t)(g_ascii_xdigit_value(signature[i]) & 0xf);
    value += value == 0; /* 0 is a free slot */
    if (minute->minute != number)
        minute_clear(seen, minute);
    minute->minute = number;
    if (seen->len >= SEEN_MAX)
        forget_oldest(seen);
    minute->minute = number; /* it may have been the oldest */
    if (2 * (minute->len + 1) > minute->slots_len)
        minute_grow(minute);
    uint64_t *slot = slot_of(minute, value);
    if (*slot)
        return false;
    *slot = value;
    minute->len++;
    seen->len++;
    return true;
}
