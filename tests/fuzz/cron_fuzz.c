/* Cron expressions: no text crashes the parser, faults lie inside the text, and times ascend. */
#include "spec/cron.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t starts[] = {0, INT64_C(1774742400000), INT64_C(1792886400000),
                                     INT64_C(4102444800000)};
    View text = {(const char *)data, size};
    Cron cron;
    CronFault fault = {0};
    if (size > 256)
        return 0; /* the schema's limit */
    if (!cron_parse(text, &cron, &fault)) {
        g_assert(fault.message[0]);
        g_assert(fault.from <= size && fault.len <= size - fault.from);
        return 0;
    }
    g_autoptr(GTimeZone) zone = zone_new("Europe/Berlin");
    for (size_t i = 0; zone && i < G_N_ELEMENTS(starts); i++) {
        int64_t before_ms = starts[i];
        for (int n = 0; n < 5; n++) {
            int64_t next_ms = cron_next(&cron, zone, before_ms);
            if (next_ms == CRON_NEVER)
                break;
            g_assert_cmpint(next_ms, >, before_ms);
            g_assert_cmpint(cron_latest(&cron, zone, before_ms, next_ms), ==, next_ms);
            g_assert_cmpint(cron_latest(&cron, zone, before_ms, next_ms - 1), ==, CRON_NEVER);
            before_ms = next_ms;
        }
    }
    return 0;
}
