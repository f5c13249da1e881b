#include <glib.h>
#include <string.h>
#include "reconciler/provider/local/launcher_protocol.h"

static const Token sample_token = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255}};

static LaunchOrder sample_order(void)
{
    static char *argv[] = {(char *)"sh", (char *)"-c", (char *)"", NULL};
    static char *envp[] = {(char *)"A=1", (char *)"B=", NULL};
    return (LaunchOrder){.token = sample_token,
                         .term = 77,
                         .job_id = "id:3",
                         .work_dir = "/w",
                         .stdout_path = "/o",
                         .stderr_path = "/e",
                         .argv = argv,
                         .envp = envp,
                         .vcpus_e4 = 2500,
                         .memory_mib = 64,
                         .timeout_ms = 1,
                         .kill_grace_ms = 2};
}

static WireReader body_of(const WireBuffer *buffer, uint32_t *ret_type)
{
    WireReader body;
    size_t size;
    g_assert_cmpint(frame_parse(buffer->data, buffer->len, ret_type, &body, &size), ==, FRAME_WHOLE);
    g_assert_cmpuint(size, ==, buffer->len);
    return body;
}

static void test_launch(void)
{
    WireBuffer buffer = {0};
    LaunchOrder order = sample_order(), back;
    uint32_t type;
    launch_put(&buffer, &order);
    WireReader body = body_of(&buffer, &type);
    g_assert_cmpuint(type, ==, FRAME_LAUNCH);
    g_assert_true(launch_read(&body, &back));
    g_assert_true(launch_token_equal(&back.token, &order.token));
    g_assert_cmpuint(back.term, ==, 77);
    g_assert_cmpstr(back.job_id, ==, "id:3");
    g_assert_null(back.workspace);
    g_assert_null(back.user);
    g_assert_cmpstr(back.argv[2], ==, "");
    g_assert_null(back.argv[3]);
    g_assert_cmpstr(back.envp[1], ==, "B=");
    g_assert_cmpint(back.memory_mib, ==, 64);
    launch_order_clear(&back);
    wire_clear(&buffer);
}

static void assert_unsound(LaunchOrder order)
{
    WireBuffer buffer = {0};
    LaunchOrder back;
    uint32_t type;
    launch_put(&buffer, &order);
    WireReader body = body_of(&buffer, &type);
    g_assert_false(launch_read(&body, &back));
    wire_clear(&buffer);
}

static void test_launch_unsound(void)
{
    static char *none[] = {NULL};
    LaunchOrder order = sample_order();
    order.work_dir = "relative";
    assert_unsound(order);
    order = sample_order();
    order.stderr_path = NULL;
    assert_unsound(order);
    order = sample_order();
    order.argv = none;
    assert_unsound(order);
    order = sample_order();
    order.timeout_ms = -1;
    assert_unsound(order);
    order = sample_order();
    order.memory_mib = INT64_MAX;
    assert_unsound(order);
}

/* Cut anywhere and with any byte changed, a message is refused or still sound; nothing is read past its end
 * (the copies are exact allocations, for the sanitizers). */
static void test_launch_hostile(void)
{
    WireBuffer buffer = {0};
    LaunchOrder order = sample_order(), back;
    launch_put(&buffer, &order);
    for (size_t len = 0; len < buffer.len - LAUNCHER_HEADER_LEN; len++) {
        g_autofree uint8_t *copy = g_memdup2(buffer.data + LAUNCHER_HEADER_LEN, len);
        WireReader body = {copy, len, false};
        g_assert_false(launch_read(&body, &back));
    }
    for (size_t at = LAUNCHER_HEADER_LEN; at < buffer.len; at++)
        for (unsigned value = 0; value < 256; value += 15) {
            size_t len = buffer.len - LAUNCHER_HEADER_LEN;
            g_autofree uint8_t *copy = g_memdup2(buffer.data + LAUNCHER_HEADER_LEN, len);
            copy[at - LAUNCHER_HEADER_LEN] = (uint8_t)value;
            WireReader body = {copy, len, false};
            if (!launch_read(&body, &back))
                continue;
            g_assert_nonnull(back.argv[0]);
            g_assert_cmpint(back.work_dir[0], ==, '/');
            launch_order_clear(&back);
        }
    wire_clear(&buffer);
}

static void test_frames(void)
{
    WireBuffer buffer = {0};
    uint32_t type = 0;
    WireReader body;
    size_t size;
    stop_put(&buffer, &sample_token, NULL);
    for (size_t len = 0; len < buffer.len; len++)
        g_assert_cmpint(frame_parse(buffer.data, len, &type, &body, &size), ==, FRAME_PARTIAL);
    g_assert_cmpuint(type, ==, 0); /* untouched unless whole */
    buffer.data[3] = 0xff;
    g_assert_cmpint(frame_parse(buffer.data, 4, &type, &body, &size), ==, FRAME_TOO_LONG);
    wire_clear(&buffer);
}

static void test_counts(void)
{
    /* A count is believed only as far as there are bytes for it. */
    WireBuffer buffer = {0};
    size_t len = 0;
    wire_put_u32(&buffer, 0x10000001u); /* times 16 wraps around to 16 in 32 bits */
    wire_put_token(&buffer, &sample_token);
    WireReader body = {buffer.data, buffer.len, false};
    g_assert_false(tokens_read(&body, &len));
    wire_clear(&buffer);
    wire_put_u32(&buffer, 1);
    wire_put_token(&buffer, &sample_token);
    body = (WireReader){buffer.data, buffer.len, false};
    g_assert_true(tokens_read(&body, &len));
    g_assert_cmpuint(len, ==, 1);
    wire_clear(&buffer);
}

static void test_report(void)
{
    WireBuffer buffer = {0};
    Report report = {FRAME_ENDED, sample_token, 5, 4, CAUSE_OOM, 137, "why"}, back;
    uint32_t type;
    report_put(&buffer, &report);
    WireReader body = body_of(&buffer, &type), again = body;
    g_assert_true(report_read(type, &body, &back));
    g_assert_cmpint(back.cause, ==, CAUSE_OOM);
    g_assert_cmpint(back.exit_code, ==, 137);
    g_assert_cmpstr(back.reason, ==, "why");
    g_assert_false(report_read(FRAME_STOP, &again, &back));
    wire_clear(&buffer);
}

static void test_token(void)
{
    char hex[LAUNCHER_TOKEN_HEX];
    Token back;
    launch_token_hex(&sample_token, hex);
    g_assert_cmpstr(hex, ==, "0102030405060708090a0b0c0d0e0fff");
    g_assert_true(launch_token_parse(hex, &back));
    g_assert_true(launch_token_equal(&back, &sample_token));
    g_assert_false(launch_token_parse("0102", &back));
    g_assert_false(launch_token_parse("0102030405060708090a0b0c0d0e0fff0", &back));
    g_assert_false(launch_token_parse("0102030405060708090A0b0c0d0e0fff", &back));
}

static void test_checksum(void)
{
    g_assert_cmphex(wire_checksum("123456789", 9), ==,
                    0xe3069283u); /* the check value of CRC-32C, RFC 3720 */
    g_assert_cmphex(wire_checksum("", 0), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/protocol/launch", test_launch);
    g_test_add_func("/protocol/launch-unsound", test_launch_unsound);
    g_test_add_func("/protocol/launch-hostile", test_launch_hostile);
    g_test_add_func("/protocol/frames", test_frames);
    g_test_add_func("/protocol/counts", test_counts);
    g_test_add_func("/protocol/report", test_report);
    g_test_add_func("/protocol/token", test_token);
    g_test_add_func("/protocol/checksum", test_checksum);
    return g_test_run();
}
