#include "reconciler/notify/outbox_report.h"

static uint64_t number_of(const json_t *object, const char *name)
{
    return (uint64_t)MAX(json_integer_value(json_object_get(object, name)), 0);
}

bool outbox_state_read(View setting, uint64_t *ret_position, DestinationCounts *ret_counts)
{
    json_t *object = json_loadb(setting.data, setting.len, 0, NULL);
    bool is_one = json_is_integer(json_object_get(object, "position"));
    if (is_one) {
        *ret_position = number_of(object, "position");
        *ret_counts = (DestinationCounts){.delivered = number_of(object, "delivered"),
                                          .given_up = number_of(object, "givenUp"),
                                          .given_up_quietly = number_of(object, "givenUpQuietly"),
                                          .dropped = number_of(object, "dropped")};
    }
    json_decref(object);
    return is_one;
}
