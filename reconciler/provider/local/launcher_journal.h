/* launcher_journal.h: what the launcher has accepted and what became of it, in a file that survives it.
 * Owns:   the file STATE/launcher/journal.
 * Calls:  launcher_protocol.h, libc.
 * Holds:  a record is u32 length, u32 CRC-32C, then u32 type and fields. Appending is one write() without
 * fsync: a kill keeps the page cache, and power loss ends the jobs too, which the boot id shows. An append
 * that fails leaves the file as it was. Reading stops at the first record that is cut short or fails its
 * checksum; the journal is then not complete, and absence from it proves nothing until RECORD_WHOLE
 * (invariant 4). */
#pragma once
#include "reconciler/provider/local/launcher_protocol.h"

#define JOURNAL_BOOT_ID_LEN 37

typedef struct Journal {
    int dir_fd; /* borrowed */
    int fd;
    uint64_t term;                     /* the highest seen */
    bool complete;                     /* a launch that has no record was never accepted */
    char boot_id[JOURNAL_BOOT_ID_LEN]; /* of this boot */
    size_t size, dropped;              /* bytes in the file; of them, bytes of records no longer needed */
} Journal;

/* Called for every record in order; the report is borrowed. ACCEPT: only token and at_ms are set, type is
 * RECORD_ACCEPT; DROP likewise. */
typedef void (*JournalFunc)(const Report *record, void *data);

/* Reads and then opens for appending the journal in dir_fd, making it when there is none. 0 or an errno. */
int journal_open(Journal *journal, int dir_fd, JournalFunc func, void *data);
void journal_close(Journal *journal);

/* Each returns 0 or an errno; on failure nothing was recorded. */
int journal_accept(Journal *journal, const Token *token, int64_t at_ms);
int journal_report(Journal *journal, const Report *report);
int journal_drop(Journal *journal, const Token *tokens, size_t len);
int journal_raise_term(Journal *journal, uint64_t term);
int journal_mark_complete(Journal *journal);

/* True when most of the file is dropped records. */
bool journal_wants_compaction(const Journal *journal);
/* Rewrites the file: each() must call journal_accept() and journal_report() for what is still needed on the
 * journal it is given. The old file stays in use when this fails. */
int journal_compact(Journal *journal, int (*each)(Journal *fresh, void *data), void *data);

/* Parses the bytes of a journal; returns how many are sound. ret_meta_boot is "" when there is no META
 * record. */
size_t journal_parse(const uint8_t *bytes, size_t len, JournalFunc func, void *data, Journal *ret_state,
                     char ret_meta_boot[JOURNAL_BOOT_ID_LEN]);
