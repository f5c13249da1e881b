#include "reconciler/provider/local/launcher_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_NAME     "journal"
#define JOURNAL_NEW      "journal.new"
#define RECORD_HEADER    8u
#define COMPACT_MIN_SIZE (256u << 10)

/* ---- reading ---- */

static bool record_parse(const uint8_t *bytes, size_t len, WireReader *ret_body, size_t *ret_size)
{
    WireReader header = {bytes, len, false};
    size_t body_len = wire_get_u32(&header);
    uint32_t crc = wire_get_u32(&header);
    if (header.failed || body_len < sizeof(uint32_t) || body_len > header.len ||
        wire_checksum(header.data, body_len) != crc)
        return false;
    *ret_body = (WireReader){header.data, body_len, false};
    *ret_size = RECORD_HEADER + body_len;
    return true;
}

static bool meta_read(WireReader *body, Journal *state, char ret_boot[JOURNAL_BOOT_ID_LEN])
{
    uint32_t version = wire_get_u32(body);
    uint64_t term = wire_get_u64(body);
    uint32_t complete = wire_get_u32(body);
    const char *boot = wire_get_text(body);
    if (body->failed || version != LAUNCHER_VERSION || !boot || strlen(boot) >= JOURNAL_BOOT_ID_LEN)
        return false;
    state->term = term;
    state->complete = complete != 0;
    memcpy(ret_boot, boot, strlen(boot) + 1);
    return true;
}

static bool record_apply(uint32_t type, WireReader *body, JournalFunc func, void *data, Journal *state)
{
    Report report = {.type = (FrameType)type};
    switch (type) {
    case RECORD_ACCEPT:
        report.token = wire_get_token(body);
        report.at_ms = wire_get_i64(body);
        break;
    case RECORD_DROP: report.token = wire_get_token(body); break;
    case RECORD_TERM: {
        uint64_t term = wire_get_u64(body);
        if (term > state->term)
            state->term = term;
        return wire_get_done(body);
    }
    case RECORD_WHOLE: state->complete = true; return wire_get_done(body);
    default:
        if (!report_read(type, body, &report))
            return false;
        break;
    }
    if (!wire_get_done(body))
        return false;
    func(&report, data);
    return true;
}

size_t journal_parse(const uint8_t *bytes, size_t len, JournalFunc func, void *data, Journal *ret_state,
                     char ret_meta_boot[JOURNAL_BOOT_ID_LEN])
{
    size_t offset = 0, size;
    WireReader body;
    ret_meta_boot[0] = '\0';
    for (; record_parse(bytes + offset, len - offset, &body, &size); offset += size) {
        uint32_t type = wire_get_u32(&body);
        bool sound = offset == 0 ? type == RECORD_META && meta_read(&body, ret_state, ret_meta_boot)
                                 : record_apply(type, &body, func, data, ret_state);
        if (!sound)
            break;
        if (type == RECORD_DROP)
            ret_state->dropped += 4 * size; /* itself and, by and large, the two records that it ends */
    }
    return offset;
}

/* ---- writing ---- */

static int record_write(Journal *journal, const WireBuffer *records)
{
    size_t done = 0;
    while (done < records->len) {
        ssize_t n = write(journal->fd, records->data + done, records->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int error = errno;
            /* A half-written record would hide all that follows it. */
            if (done && ftruncate(journal->fd, (off_t)journal->size) < 0)
                return errno;
            return error;
        }
        done += (size_t)n;
    }
    journal->size += done;
    return 0;
}

static size_t record_begin(WireBuffer *buffer, FrameType type)
{
    size_t mark = buffer->len;
    wire_put_u32(buffer, 0);
    wire_put_u32(buffer, 0);
    wire_put_u32(buffer, (uint32_t)type);
    return mark;
}

static void record_end(WireBuffer *buffer, size_t mark)
{
    size_t len = buffer->len - mark - RECORD_HEADER;
    WireBuffer header = {0};
    wire_put_u32(&header, (uint32_t)len);
    wire_put_u32(&header, wire_checksum(buffer->data + mark + RECORD_HEADER, len));
    memcpy(buffer->data + mark, header.data, RECORD_HEADER);
    wire_clear(&header);
}

static int record_finish(Journal *journal, WireBuffer *buffer, size_t mark)
{
    record_end(buffer, mark);
    int error = record_write(journal, buffer);
    wire_clear(buffer);
    return error;
}

int journal_accept(Journal *journal, const Token *token, int64_t at_ms)
{
    WireBuffer buffer = {0};
    size_t mark = record_begin(&buffer, RECORD_ACCEPT);
    wire_put_token(&buffer, token);
    wire_put_i64(&buffer, at_ms);
    return record_finish(journal, &buffer, mark);
}

int journal_report(Journal *journal, const Report *report)
{
    WireBuffer buffer = {0};
    size_t mark = record_begin(&buffer, report->type);
    report_put_body(&buffer, report);
    return record_finish(journal, &buffer, mark);
}

int journal_drop(Journal *journal, const Token *tokens, size_t len)
{
    WireBuffer buffer = {0};
    for (size_t i = 0; i < len; i++) {
        size_t mark = record_begin(&buffer, RECORD_DROP);
        wire_put_token(&buffer, &tokens[i]);
        record_end(&buffer, mark);
    }
    size_t bytes = buffer.len;
    int error = record_write(journal, &buffer);
    wire_clear(&buffer);
    if (!error)
        journal->dropped += 4 * bytes;
    return error;
}

int journal_raise_term(Journal *journal, uint64_t term)
{
    if (term <= journal->term)
        return 0;
    WireBuffer buffer = {0};
    size_t mark = record_begin(&buffer, RECORD_TERM);
    wire_put_u64(&buffer, term);
    int error = record_finish(journal, &buffer, mark);
    if (!error)
        journal->term = term;
    return error;
}

int journal_mark_complete(Journal *journal)
{
    if (journal->complete)
        return 0;
    WireBuffer buffer = {0};
    size_t mark = record_begin(&buffer, RECORD_WHOLE);
    int error = record_finish(journal, &buffer, mark);
    if (!error)
        journal->complete = true;
    return error;
}

static int meta_write(Journal *journal)
{
    WireBuffer buffer = {0};
    size_t mark = record_begin(&buffer, RECORD_META);
    wire_put_u32(&buffer, LAUNCHER_VERSION);
    wire_put_u64(&buffer, journal->term);
    wire_put_u32(&buffer, journal->complete);
    wire_put_text(&buffer, journal->boot_id);
    return record_finish(journal, &buffer, mark);
}

/* ---- the file ---- */

static int boot_id_read(char ret_id[JOURNAL_BOOT_ID_LEN])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    ssize_t n = read(fd, ret_id, JOURNAL_BOOT_ID_LEN - 1);
    close(fd);
    if (n != JOURNAL_BOOT_ID_LEN - 1)
        return EIO;
    ret_id[n] = '\0';
    return 0;
}

/* What the file says becomes state and calls of func; a file that is missing, torn or from another boot is
 * not complete. */
static int journal_load(Journal *journal, JournalFunc func, void *data)
{
    struct stat info;
    if (fstat(journal->fd, &info) < 0)
        return errno;
    journal->complete = false;
    if (!info.st_size)
        return 0;
    size_t len = (size_t)info.st_size;
    uint8_t *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, journal->fd, 0);
    if (bytes == MAP_FAILED)
        return errno;
    char boot[JOURNAL_BOOT_ID_LEN];
    size_t sound = journal_parse(bytes, len, func, data, journal, boot);
    munmap(bytes, len);
    if (sound < len || strcmp(boot, journal->boot_id) != 0)
        journal->complete = false;
    journal->size = sound;
    return 0;
}

int journal_open(Journal *journal, int dir_fd, JournalFunc func, void *data)
{
    *journal = (Journal){.dir_fd = dir_fd, .fd = -1};
    int error = boot_id_read(journal->boot_id);
    if (error)
        return error;
    journal->fd = openat(dir_fd, JOURNAL_NAME, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (journal->fd < 0)
        return errno;
    error = journal_load(journal, func, data);
    if (error) {
        journal_close(journal);
        return error;
    }
    return 0;
}

void journal_close(Journal *journal)
{
    if (journal->fd >= 0)
        close(journal->fd);
    journal->fd = -1;
}

bool journal_wants_compaction(const Journal *journal)
{
    return journal->size > COMPACT_MIN_SIZE && journal->dropped > journal->size / 2;
}

int journal_compact(Journal *journal, int (*each)(Journal *fresh, void *data), void *data)
{
    Journal fresh = *journal;
    fresh.size = fresh.dropped = 0;
    fresh.fd = openat(journal->dir_fd, JOURNAL_NEW, O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fresh.fd < 0)
        return errno;
    int error = meta_write(&fresh);
    if (!error)
        error = each(&fresh, data);
    if (!error && renameat(fresh.dir_fd, JOURNAL_NEW, fresh.dir_fd, JOURNAL_NAME) < 0)
        error = errno;
    if (error) {
        journal_close(&fresh);
        unlinkat(journal->dir_fd, JOURNAL_NEW, 0);
        return error;
    }
    journal_close(journal);
    *journal = fresh;
    return 0;
}
