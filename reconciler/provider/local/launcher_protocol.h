/* launcher_protocol.h: the bytes between reconciler and launcher, and in the launcher's journal.
 * Owns:   WireBuffer owns its bytes; LaunchOrder owns its pointer arrays, its strings live in the message.
 * Calls:  libc only: the launcher holds no GLib.
 * Holds:  every number is little-endian; every read is checked against the end, every count against the bytes
 * that are left, before memory is taken (invariant 9). A frame is u32 length of the body, u32 type, body.
 *         LAUNCHER_VERSION changes when an older launcher would misread; the journal carries it too. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAUNCHER_MAGIC       0x5453554du /* "MUST" */
#define LAUNCHER_VERSION     1u
#define LAUNCHER_FRAME_MAX   (4u << 20)
#define LAUNCHER_HEADER_LEN  8u
#define LAUNCHER_TOKEN_BYTES 16
#define LAUNCHER_TOKEN_HEX   (2 * LAUNCHER_TOKEN_BYTES + 1)
#define LAUNCHER_TOKEN_ENV   "MUSTER_LAUNCH_TOKEN="
#define LAUNCHER_REASON_MAX  1024
#define LAUNCHER_STRINGS_MAX 65536u

/* Numbers are never used again for something else. 1-99 travel, 100 and above stay in the journal. */
typedef enum {
    FRAME_HELLO = 1,    /* both ways; the first of a connection */
    FRAME_DENIED = 2,   /* from the launcher: term too old or version unknown; it hangs up */
    FRAME_LAUNCH = 3,   /* to the launcher */
    FRAME_STOP = 4,     /* to the launcher */
    FRAME_SETTLED = 5,  /* to the launcher: tokens whose records may go */
    FRAME_OBSERVE = 6,  /* to the launcher: expected tokens; answered by a replay, then OBSERVED */
    FRAME_OBSERVED = 7, /* from the launcher */
    FRAME_STARTED = 8,  /* reports, from the launcher; REFUSED, ENDED and LOST stand in the journal too */
    FRAME_REFUSED = 9,
    FRAME_ENDED = 10,
    FRAME_LOST = 11,
    RECORD_META = 100, /* first record of a journal: version, boot id, term, whether records may be missing */
    RECORD_ACCEPT = 101, /* before the spawn */
    RECORD_DROP = 102,   /* settled */
    RECORD_TERM = 103,
    RECORD_WHOLE = 104, /* what was missing has been accounted for: absence proves something again */
} FrameType;

typedef struct {
    uint8_t bytes[LAUNCHER_TOKEN_BYTES];
} Token;

/* Same order as EndCause of provider.h, which needs GLib. */
typedef enum { CAUSE_EXITED, CAUSE_SIGNALLED, CAUSE_TIMEOUT, CAUSE_STOPPED, CAUSE_OOM } Cause;

typedef struct {
    uint8_t *data;
    size_t len, capacity;
} WireBuffer;

typedef struct {
    const uint8_t *data;
    size_t len;
    bool failed; /* sticky: something did not fit; what was read since then is zero */
} WireReader;

/* What became of a launch. */
typedef struct {
    FrameType type; /* STARTED, REFUSED, ENDED or LOST */
    Token token;
    int64_t at_ms, started_ms;
    Cause cause;
    int32_t exit_code;
    const char *reason; /* NULL: none; borrowed */
} Report;

typedef struct {
    Token token;
    uint64_t term;
    const char *job_id, *work_dir, *workspace, *stdout_path, *stderr_path, *user; /* borrowed; NULL: absent */
    char **argv, **envp; /* arrays owned, texts borrowed */
    int64_t vcpus_e4, memory_mib, timeout_ms, kill_grace_ms;
} LaunchOrder;

typedef struct {
    uint32_t magic, version;
    uint64_t term;
    uint32_t pid;       /* from the launcher: its own */
    const char *notice; /* from the launcher: how limits are enforced; borrowed, may be NULL */
} Hello;

void wire_clear(WireBuffer *buffer);
void wire_append(WireBuffer *buffer, const void *data, size_t len);
/* Forgets the first len bytes. */
void wire_consume(WireBuffer *buffer, size_t len);
void wire_put_u32(WireBuffer *buffer, uint32_t value);
void wire_put_u64(WireBuffer *buffer, uint64_t value);
void wire_put_i64(WireBuffer *buffer, int64_t value);
void wire_put_text(WireBuffer *buffer, const char *text); /* NULL is told apart from "" */
void wire_put_token(WireBuffer *buffer, const Token *token);

uint32_t wire_get_u32(WireReader *reader);
uint64_t wire_get_u64(WireReader *reader);
int64_t wire_get_i64(WireReader *reader);
const char *wire_get_text(WireReader *reader); /* NUL-terminated within the message, or NULL */
Token wire_get_token(WireReader *reader);
/* True when nothing failed and nothing is left over. */
bool wire_get_done(const WireReader *reader);

/* frame_begin returns the mark that frame_end needs to write the length. */
size_t frame_begin(WireBuffer *buffer, FrameType type);
void frame_end(WireBuffer *buffer, size_t mark);

typedef enum { FRAME_WHOLE, FRAME_PARTIAL, FRAME_TOO_LONG } FrameState;
/* Looks at the frame at the start of data. FRAME_WHOLE: type and body are set, *ret_size is the whole
 * frame's. */
FrameState frame_parse(const uint8_t *data, size_t len, uint32_t *ret_type, WireReader *ret_body,
                       size_t *ret_size);

void hello_put(WireBuffer *buffer, const Hello *hello);
bool hello_read(WireReader *reader, Hello *ret_hello);
void report_put(WireBuffer *buffer, const Report *report);
/* Fields only, for a journal that frames for itself. */
void report_put_body(WireBuffer *buffer, const Report *report);
bool report_read(uint32_t type, WireReader *reader, Report *ret_report);
void launch_put(WireBuffer *buffer, const LaunchOrder *order);
/* On success the caller frees with launch_order_clear(). */
bool launch_read(WireReader *reader, LaunchOrder *ret_order);
void launch_order_clear(LaunchOrder *order);
void stop_put(WireBuffer *buffer, const Token *token, const char *reason);
/* SETTLED and OBSERVE: any number of tokens; more than fit in a frame become several frames for SETTLED only.
 */
void tokens_put(WireBuffer *buffer, FrameType type, const Token *tokens, size_t len);
/* Reads the count and checks it against the bytes that follow; the tokens are then read one by one. */
bool tokens_read(WireReader *reader, size_t *ret_len);

bool launch_token_equal(const Token *a, const Token *b);
void launch_token_hex(const Token *token, char ret_hex[LAUNCHER_TOKEN_HEX]);
/* False unless text starts with exactly 32 hexadecimal digits followed by NUL. */
bool launch_token_parse(const char *text, Token *ret_token);

/* CRC-32C, the journal's checksum. */
uint32_t wire_checksum(const void *data, size_t len);
