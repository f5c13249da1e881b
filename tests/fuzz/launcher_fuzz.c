/* launcher_fuzz.c: whatever reaches the launcher's socket or lies in its journal. */
#include <string.h>
#include "reconciler/provider/local/launcher_journal.h"
#include "reconciler/provider/local/launcher_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void record_ignore(const Report *record, void *data)
{
    size_t *sum = data;
    *sum += record->reason ? strlen(record->reason) : record->token.bytes[0];
}

static void frame_read(uint32_t type, WireReader body)
{
    LaunchOrder order;
    Report report;
    Hello hello;
    size_t len;
    WireReader again = body;
    if (launch_read(&again, &order))
        launch_order_clear(&order);
    again = body;
    report_read(type, &again, &report);
    again = body;
    hello_read(&again, &hello);
    again = body;
    if (tokens_read(&again, &len))
        for (size_t i = 0; i < len; i++)
            wire_get_token(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Journal state = {0};
    char boot[JOURNAL_BOOT_ID_LEN];
    uint32_t type;
    WireReader body;
    size_t sum = 0, frame;
    journal_parse(data, size, record_ignore, &sum, &state, boot);
    for (size_t at = 0; frame_parse(data + at, size - at, &type, &body, &frame) == FRAME_WHOLE; at += frame)
        frame_read(type, body);
    return 0;
}
