/* deliveries.c: see deliveries.h. */
#include "reconciler/api/deliveries.h"
#include <string.h>

bool deliveries_has(const Deliveries *deliveries, const unsigned char key[WEBHOOK_KEY_BYTES])
{
    for (size_t i = 0; i < deliveries->len; i++)
        if (memcmp(deliveries->keys[i], key, WEBHOOK_KEY_BYTES) == 0)
            return true;
    return false;
}

void deliveries_add(Deliveries *deliveries, const unsigned char key[WEBHOOK_KEY_BYTES])
{
    memcpy(deliveries->keys[deliveries->next], key, WEBHOOK_KEY_BYTES);
    deliveries->next = (deliveries->next + 1) % DELIVERIES_KEPT;
    deliveries->len = MIN(deliveries->len + 1, DELIVERIES_KEPT);
}
