#include "reconciler/provider/local/launcher_protocol.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_PER_FRAME ((size_t)(LAUNCHER_FRAME_MAX - 64) / LAUNCHER_TOKEN_BYTES)

/* ---- writing ---- */

void wire_clear(WireBuffer *buffer)
{
    free(buffer->data);
    *buffer = (WireBuffer){0};
}

static void wire_reserve(WireBuffer *buffer, size_t more)
{
    if (buffer->capacity - buffer->len >= more)
        return;
    size_t capacity = buffer->capacity ? buffer->capacity : 1024;
    while (capacity - buffer->len < more)
        capacity *= 2;
    uint8_t *data = realloc(buffer->data, capacity);
    if (!data)
        abort(); /* as GLib does: the next launcher repairs */
    buffer->data = data;
    buffer->capacity = capacity;
}

void wire_append(WireBuffer *buffer, const void *data, size_t len)
{
    if (!len)
        return;
    wire_reserve(buffer, len);
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
}

void wire_consume(WireBuffer *buffer, size_t len)
{
    if (len < buffer->len)
        memmove(buffer->data, buffer->data + len, buffer->len - len);
    buffer->len -= len;
}

void wire_put_u32(WireBuffer *buffer, uint32_t value)
{
    value = htole32(value);
    wire_append(buffer, &value, sizeof value);
}

void wire_put_u64(WireBuffer *buffer, uint64_t value)
{
    value = htole64(value);
    wire_append(buffer, &value, sizeof value);
}

void wire_put_i64(WireBuffer *buffer, int64_t value)
{
    wire_put_u64(buffer, (uint64_t)value);
}

/* The length counts the closing NUL, so 0 means absent and the reader may point into the message. */
void wire_put_text(WireBuffer *buffer, const char *text)
{
    size_t len = text ? strlen(text) + 1 : 0;
    wire_put_u32(buffer, (uint32_t)len);
    wire_append(buffer, text, len);
}

void wire_put_token(WireBuffer *buffer, const Token *token)
{
    wire_append(buffer, token->bytes, sizeof token->bytes);
}

/* ---- reading ---- */

static const uint8_t *wire_get_take(WireReader *reader, size_t len)
{
    if (reader->failed || reader->len < len) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *start = reader->data;
    reader->data += len;
    reader->len -= len;
    return start;
}

uint32_t wire_get_u32(WireReader *reader)
{
    uint32_t value = 0;
    const uint8_t *start = wire_get_take(reader, sizeof value);
    if (start)
        memcpy(&value, start, sizeof value);
    return le32toh(value);
}

uint64_t wire_get_u64(WireReader *reader)
{
    uint64_t value = 0;
    const uint8_t *start = wire_get_take(reader, sizeof value);
    if (start)
        memcpy(&value, start, sizeof value);
    return le64toh(value);
}

int64_t wire_get_i64(WireReader *reader)
{
    return (int64_t)wire_get_u64(reader);
}

const char *wire_get_text(WireReader *reader)
{
    size_t len = wire_get_u32(reader);
    if (!len)
        return NULL;
    const uint8_t *start = wire_get_take(reader, len);
    if (start && memchr(start, '\0', len) != start + len - 1) {
        reader->failed = true;
        return NULL;
    }
    return (const char *)start;
}

Token wire_get_token(WireReader *reader)
{
    Token token = {{0}};
    const uint8_t *start = wire_get_take(reader, sizeof token.bytes);
    if (start)
        memcpy(token.bytes, start, sizeof token.bytes);
    return token;
}

bool wire_get_done(const WireReader *reader)
{
    return !reader->failed && reader->len == 0;
}

/* ---- frames ---- */

size_t frame_begin(WireBuffer *buffer, FrameType type)
{
    size_t mark = buffer->len;
    wire_put_u32(buffer, 0);
    wire_put_u32(buffer, (uint32_t)type);
    return mark;
}

void frame_end(WireBuffer *buffer, size_t mark)
{
    uint32_t len = htole32((uint32_t)(buffer->len - mark - LAUNCHER_HEADER_LEN));
    memcpy(buffer->data + mark, &len, sizeof len);
}

FrameState frame_parse(const uint8_t *data, size_t len, uint32_t *ret_type, WireReader *ret_body,
                       size_t *ret_size)
{
    WireReader header = {data, len, false};
    size_t body_len = wire_get_u32(&header);
    uint32_t type = wire_get_u32(&header);
    if (len >= sizeof(uint32_t) && body_len > LAUNCHER_FRAME_MAX)
        return FRAME_TOO_LONG;
    if (header.failed || header.len < body_len)
        return FRAME_PARTIAL;
    *ret_type = type;
    *ret_body = (WireReader){header.data, body_len, false};
    *ret_size = LAUNCHER_HEADER_LEN + body_len;
    return FRAME_WHOLE;
}

/* ---- messages ---- */

void hello_put(WireBuffer *buffer, const Hello *hello)
{
    size_t mark = frame_begin(buffer, FRAME_HELLO);
    wire_put_u32(buffer, hello->magic);
    wire_put_u32(buffer, hello->version);
    wire_put_u64(buffer, hello->term);
    wire_put_u32(buffer, hello->pid);
    wire_put_text(buffer, hello->notice);
    frame_end(buffer, mark);
}

/* What follows the known fields is a later version's and is passed over. */
bool hello_read(WireReader *reader, Hello *ret_hello)
{
    Hello hello = {0};
    hello.magic = wire_get_u32(reader);
    hello.version = wire_get_u32(reader);
    hello.term = wire_get_u64(reader);
    hello.pid = wire_get_u32(reader);
    hello.notice = wire_get_text(reader);
    if (reader->failed || hello.magic != LAUNCHER_MAGIC)
        return false;
    *ret_hello = hello;
    return true;
}

void report_put_body(WireBuffer *buffer, const Report *report)
{
    wire_put_token(buffer, &report->token);
    wire_put_i64(buffer, report->at_ms);
    wire_put_i64(buffer, report->started_ms);
    wire_put_u32(buffer, (uint32_t)report->cause);
    wire_put_u32(buffer, (uint32_t)report->exit_code);
    wire_put_text(buffer, report->reason);
}

void report_put(WireBuffer *buffer, const Report *report)
{
    size_t mark = frame_begin(buffer, report->type);
    report_put_body(buffer, report);
    frame_end(buffer, mark);
}

bool report_read(uint32_t type, WireReader *reader, Report *ret_report)
{
    Report report = {.type = (FrameType)type};
    report.token = wire_get_token(reader);
    report.at_ms = wire_get_i64(reader);
    report.started_ms = wire_get_i64(reader);
    uint32_t cause = wire_get_u32(reader);
    report.exit_code = (int32_t)wire_get_u32(reader);
    report.reason = wire_get_text(reader);
    if (!wire_get_done(reader) || type < FRAME_STARTED || type > FRAME_LOST || cause > CAUSE_OOM)
        return false;
    report.cause = (Cause)cause;
    *ret_report = report;
    return true;
}

static void strings_put(WireBuffer *buffer, char *const *strings)
{
    uint32_t count = 0;
    while (strings[count])
        count++;
    wire_put_u32(buffer, count);
    for (uint32_t i = 0; i < count; i++)
        wire_put_text(buffer, strings[i]);
}

/* NULL when malformed. A string takes at least five bytes, which bounds the array before it is allocated. */
static char **strings_read(WireReader *reader)
{
    size_t count = wire_get_u32(reader);
    if (reader->failed || count > LAUNCHER_STRINGS_MAX || count > reader->len / 5)
        return NULL;
    char **strings = calloc(count + 1, sizeof *strings);
    if (!strings)
        abort();
    for (size_t i = 0; i < count; i++) {
        strings[i] = (char *)(uintptr_t)wire_get_text(reader);
        if (!strings[i]) {
            free(strings);
            return NULL;
        }
    }
    return strings;
}

void launch_put(WireBuffer *buffer, const LaunchOrder *order)
{
    size_t mark = frame_begin(buffer, FRAME_LAUNCH);
    wire_put_token(buffer, &order->token);
    wire_put_u64(buffer, order->term);
    wire_put_i64(buffer, order->vcpus_e4);
    wire_put_i64(buffer, order->memory_mib);
    wire_put_i64(buffer, order->timeout_ms);
    wire_put_i64(buffer, order->kill_grace_ms);
    wire_put_text(buffer, order->job_id);
    wire_put_text(buffer, order->work_dir);
    wire_put_text(buffer, order->workspace);
    wire_put_text(buffer, order->stdout_path);
    wire_put_text(buffer, order->stderr_path);
    wire_put_text(buffer, order->user);
    strings_put(buffer, order->argv);
    strings_put(buffer, order->envp);
    frame_end(buffer, mark);
}

static bool launch_sound(const LaunchOrder *order)
{
    const char *const paths[] = {order->work_dir, order->stdout_path, order->stderr_path};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (!paths[i] || paths[i][0] != '/')
            return false;
    if (order->workspace && order->workspace[0] != '/')
        return false;
    return order->job_id && order->argv && order->argv[0] && order->envp && order->vcpus_e4 >= 0 &&
           order->memory_mib >= 0 && order->memory_mib < INT64_MAX >> 20 && order->timeout_ms >= 0 &&
           order->kill_grace_ms >= 0;
}

bool launch_read(WireReader *reader, LaunchOrder *ret_order)
{
    LaunchOrder order = {0};
    order.token = wire_get_token(reader);
    order.term = wire_get_u64(reader);
    order.vcpus_e4 = wire_get_i64(reader);
    order.memory_mib = wire_get_i64(reader);
    order.timeout_ms = wire_get_i64(reader);
    order.kill_grace_ms = wire_get_i64(reader);
    order.job_id = wire_get_text(reader);
    order.work_dir = wire_get_text(reader);
    order.workspace = wire_get_text(reader);
    order.stdout_path = wire_get_text(reader);
    order.stderr_path = wire_get_text(reader);
    order.user = wire_get_text(reader);
    order.argv = strings_read(reader);
    order.envp = order.argv ? strings_read(reader) : NULL;
    if (!wire_get_done(reader) || !launch_sound(&order)) {
        launch_order_clear(&order);
        return false;
    }
    *ret_order = order;
    return true;
}

void launch_order_clear(LaunchOrder *order)
{
    free(order->argv);
    free(order->envp);
    *order = (LaunchOrder){0};
}

void stop_put(WireBuffer *buffer, const Token *token, const char *reason)
{
    size_t mark = frame_begin(buffer, FRAME_STOP);
    wire_put_token(buffer, token);
    wire_put_text(buffer, reason);
    frame_end(buffer, mark);
}

void tokens_put(WireBuffer *buffer, FrameType type, const Token *tokens, size_t len)
{
    do {
        size_t count = len < TOKENS_PER_FRAME ? len : TOKENS_PER_FRAME;
        size_t mark = frame_begin(buffer, type);
        wire_put_u32(buffer, (uint32_t)count);
        if (count)
            wire_append(buffer, tokens->bytes, count * sizeof *tokens);
        frame_end(buffer, mark);
        tokens += count;
        len -= count;
    } while (len);
}

bool tokens_read(WireReader *reader, size_t *ret_len)
{
    size_t len = wire_get_u32(reader);
    if (reader->failed || len != reader->len / LAUNCHER_TOKEN_BYTES || reader->len % LAUNCHER_TOKEN_BYTES)
        return false;
    *ret_len = len;
    return true;
}

/* ---- tokens and checksums ---- */

bool launch_token_equal(const Token *a, const Token *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void launch_token_hex(const Token *token, char ret_hex[LAUNCHER_TOKEN_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < LAUNCHER_TOKEN_BYTES; i++) {
        ret_hex[2 * i] = digits[token->bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[token->bytes[i] & 15];
    }
    ret_hex[2 * LAUNCHER_TOKEN_BYTES] = '\0';
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool launch_token_parse(const char *text, Token *ret_token)
{
    Token token;
    for (size_t i = 0; i < LAUNCHER_TOKEN_BYTES; i++) {
        int high = hex_value(text[2 * i]);
        int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);
        if (low < 0)
            return false;
        token.bytes[i] = (uint8_t)(high * 16 + low);
    }
    if (text[2 * LAUNCHER_TOKEN_BYTES])
        return false;
    *ret_token = token;
    return true;
}

/* Bit by bit: records are a few dozen bytes, and this needs no table to be filled or shared. */
uint32_t wire_checksum(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint32_t crc = ~0u;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
    }
    return ~crc;
}
