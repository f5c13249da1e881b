/* source.h: a directory, or a commit of a git repository, becomes one snapshot of manifests, whole or not at
 * all. Owns:   ManifestSets are handed out with a reference. Calls:  spec/. Threads: source_load uses a small
 * pool of its own for reading and parsing. Holds:  .musterignore in gitignore syntax; `.muster/` and `.git/`
 * are never read nor watched; symbolic links that leave the source are errors; a file that changes while it
 * is read is read again; an unreadable file or directory is an error: a half-read source is no source
 * (invariant 4). */
#pragma once
#include "spec/manifest.h"

typedef struct {
    const char *path; /* as the user gave it: diagnostics name files relative to the same base; or git+URL… */
    const char *name;      /* --source NAME or NULL */
    const char *provider;  /* --provider or NULL */
    const char *cache_dir; /* DIR/cache of the state directory, or NULL: do not cache. Created when its parent
                              exists */
    unsigned threads;      /* 0: as many as CPUs, at most 4 */
    const GivenValues *values; /* for variables, in place of their defaults; NULL: none */
    /* May be NULL: sees every valid document during the load, from its threads (one with threads = 1), and
     * keeps the cache out. */
    void (*observe)(Kind kind, const Node *root, const char *file, void *observer);
    void *observer;
    /* git only: */
    const char
        *state_dir; /* holds mirrors (DIR/git) and sources.yaml; NULL: the user's cache directory, and none */
    const char
        *commit; /* this one, and no question to the remote where the mirror has it; NULL: what REF names */
    bool is_offline;      /* never asks the remote: what the mirror holds */
    struct RepoTree *git; /* NULL; source_open() opens it: freed by source_options_clear */
    struct SourceTexts
        *texts; /* NULL; source_text() keeps here what it read: freed by source_options_clear */
} SourceOptions;
/* Only what source_text() and source_open() keep; the strings are the caller's. */
void source_options_clear(SourceOptions *options);
/* Settles which commit is read, once for all that is asked of these options: fetches, unless told otherwise
 * (blocks for as long as that takes). Nothing to do for a directory. source_load() does it by itself. */
bool source_open(SourceOptions *options, GError **error);

typedef struct {
    size_t files, files_skipped; /* read; without a document of ours */
    size_t documents_skipped;
    size_t bytes;
    size_t files_cached; /* recognised by content, not parsed */
    char *first_skipped; /* "path:line" or NULL: for the error of a source without any document of ours */
} SourceStatistics;
void source_statistics_clear(SourceStatistics *statistics);

#define SOURCE_ERROR source_error_quark()
GQuark source_error_quark(void);
typedef enum {
    SOURCE_ERROR_UNREADABLE,
    SOURCE_ERROR_EMPTY,
    SOURCE_ERROR_UNSUPPORTED,
    SOURCE_ERROR_LOCATION, /* a git location that is none */
    SOURCE_ERROR_REMOTE,   /* the remote cannot be asked, now: trying again later may do */
    SOURCE_ERROR_REF,      /* no such branch, tag, version or commit */
    SOURCE_ERROR_DAMAGED,  /* what the mirror holds cannot be read: fetching anew mends it */
    SOURCE_ERROR_CANCELLED,
    SOURCE_ERROR_UNVERIFIED /* nobody who is trusted signed it */
} SourceErrorCode;

/* Reads everything. *ret_set is set when the source could be read whole, even with diagnostics (validate
 * shows cross-document faults too); errors in diagnostics mean it must not be applied. False with error: it
 * could not be read. A SOURCE that is a single YAML file is read alone. "-" is standard input. */
bool source_load(SourceOptions *options, ManifestSet **ret_set, SourceStatistics *ret_statistics,
                 DiagnosticList *diagnostics, GError **error);
/* Of the commit that was read: who wrote it (NAME <MAIL>), and who signed it, with which key, where `verify`
 * of sources.yaml wants that. Borrowed from the options until they are cleared or opened anew; NULL: a
 * directory, or not known. */
const char *source_author(const SourceOptions *options);
const char *source_signature(const SourceOptions *options);
/* Identity: name of muster.yaml, else options->name, else the directory's or repository's base name. New
 * string. */
char *source_identity(const SourceOptions *options, const ManifestSet *set);
/* What it would be by the muster.yaml that is there now, without reading anything else; a fault in it is not
 * told. Of a repository that is not opened: by the commit that its mirror holds; the remote is not asked. New
 * string. */
char *source_identity_now(const SourceOptions *options);
/* The text of a file of the source, for carets; the last few are kept, so that a view is valid for the next
 * calls only. Empty when it cannot be read. Signature of ReferenceText; data: SourceOptions. Not for two
 * threads at once. */
View source_text(const char *file, void *options);

/* ---- watching ---- */
typedef struct SourceWatch SourceWatch;
typedef void (*SourceSettled)(void *data);
/* Watches recursively with inotify on the thread-default GMainContext: calls settled once changes have been
 * quiet for settle_ms (10), or after max 10 x settle_ms of steady changes. Renames, new subdirectories,
 * editors that write by rename, overflow (rescan) and a vanished root are handled; the root's coming back
 * too. */
SourceWatch *source_watch_new(const SourceOptions *options, unsigned settle_ms, SourceSettled settled,
                              void *data, GError **error);
void source_watch_free(SourceWatch *watch);
/* Monotonic time of the first event of the changes that settled last; 0: none did. */
int64_t source_watch_changed_us(const SourceWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SourceWatch, source_watch_free)

/* Incremental loading for the daemon: keeps what it parsed (by content) and reads only files that the watch
 * named since. Thread-safe to call from a worker; one call at a time. NULL path list semantics are internal:
 * the watch feeds it. */
typedef struct SourceFollower SourceFollower;
SourceFollower *source_follower_new(const SourceOptions *options);
void source_follower_free(SourceFollower *follower);
/* Of a git location: the commit that the next load reads. */
void source_follower_commit(SourceFollower *follower, const char *commit);
void source_follower_attach(SourceFollower *follower, SourceWatch *watch);
/* Directories outside of the source that the last load read too (its bases; of a commit: their paths in it);
 * borrowed until the next one. */
const GPtrArray *source_follower_bases(const SourceFollower *follower);
/* Something there changed: the next load looks at everything. From any thread. */
void source_follower_doubt(SourceFollower *follower);
bool source_follower_load(SourceFollower *follower, ManifestSet **ret_set, SourceStatistics *ret_statistics,
                          DiagnosticList *diagnostics, GError **error);
/* As source_author() and source_signature(), of the last load; valid until the next. */
const char *source_follower_author(const SourceFollower *follower);
const char *source_follower_signature(const SourceFollower *follower);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SourceFollower, source_follower_free)
