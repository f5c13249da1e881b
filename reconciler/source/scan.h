/* scan.h: the files of a source directory, in a total order.
 * Owns:   a Scan owns its paths and the descriptor of the root.
 * Calls:  the file system, ignore.h.
 * Holds:  nothing outside the root is ever opened: links are resolved by the kernel below the root only, one
 * that leaves it is an error; each linked file or directory is visited once; what cannot be read is an error.
 */
#pragma once
#include <glib.h>
#include <stdint.h>
#include <sys/stat.h>
#include "reconciler/source/source.h"

#define SCAN_FILES_MAX       1000000u
#define SCAN_DIRECTORY_DEPTH 64
#define SCAN_BYTES_MAX       ((uint64_t)2 << 30)

#define SCAN_ID_BYTES 20

typedef struct {
    char *path;                      /* relative to the root */
    uint64_t bytes;                  /* when it was seen; reading looks again */
    unsigned char id[SCAN_ID_BYTES]; /* of its blob, where the scan is of a commit */
} ScanFile;

/* Called for each directory (relative; "" is the root) before its entries are read, so that a watch added
 * here misses nothing. False with error stops the scan. */
typedef bool (*ScanDirectory)(const char *path, void *data, GError **error);

typedef struct {
    int root;        /* descriptor; -1 for standard input */
    GArray *files;   /* of ScanFile, sorted by path; without muster.yaml at the root */
    bool has_config; /* muster.yaml is there */
    bool is_single;  /* SOURCE is one file */
    uint64_t bytes;
    ScanDirectory directory;
    void *data;
    GHashTable *seen; /* directories and links' targets, by device and inode */
    GHashTable
        *ignores; /* directory: its Ignore*, that of the nearest .musterignore at or above it (NULL: none) */
    GPtrArray *ignores_owned;
    GHashTable *known_links; /* set of the paths of all symbolic links met */
    GPtrArray *links;        /* paths of symbolic links, looked at when all else was seen */
    char *root_path;         /* resolved; ends without a slash */
    /* Of a commit: */
    struct RepoTree *tree; /* borrowed; NULL: a directory */
    unsigned char config_id[SCAN_ID_BYTES];
} Scan;

/* Empty, without a root. */
Scan *scan_new_empty(void);
/* False with error when there are too many now. */
bool scan_add(Scan *scan, const ScanFile *file, GError **error);
void scan_sort(Scan *scan);

/* directory may be NULL. */
Scan *scan_new(const char *path, ScanDirectory directory, void *data, GError **error);
void scan_free(Scan *scan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scan, scan_free)

/* Goes through one directory below the root again, with the rules known from above it; files holds what is
 * there, and nothing else, afterwards. A directory that is gone is no error. */
bool scan_again(Scan *scan, const char *path, GError **error);
/* Whether an entry of a directory that was scanned is none of the source's. */
bool scan_ignores(const Scan *scan, const char *directory, const char *path, bool is_directory);

/* A descriptor of a regular file below root, whose path must hold no link. -1 with error. */
int scan_open(int root, const char *path, struct stat *ret_stat, GError **error);
/* .yaml, .yml, .json */
bool scan_is_manifest_name(const char *name);
#define SCAN_CONFIG_NAME "muster.yaml"
#define SCAN_IGNORE_NAME ".musterignore"
/* .git and .muster, wherever they are */
bool scan_is_never_read(const char *name);
/* All of an open file, at most limit bytes; NULL with error. Ends in a NUL that is not counted. */
char *scan_read_all(int fd, const char *name, size_t limit, size_t *ret_len, GError **error);
/* The same of a file by its path; no pipe is waited for. name: how messages call it. */
char *scan_read_path(const char *path, const char *name, size_t limit, size_t *ret_len, GError **error);
