/* own_file.h: a settings file that belongs to whoever runs muster.
 * Owns:   nothing.
 * Calls:  the file system.
 * Holds:  one that its group or others may write is refused. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "spec/base/diagnostic.h"

#define OWN_FILE_MAX ((size_t)1 << 20)

typedef struct {
    const char *path, *name; /* name: how messages call it; NULL: its path */
    size_t max;              /* bytes; 0: OWN_FILE_MAX */
    bool must_exist;
    const char *why; /* what it could do in other hands, for the message */
} OwnFile;

/* *ret_text (new) stays NULL where no file is there and none must be. False with error
 * (SOURCE_ERROR_UNREADABLE). */
bool own_file_read(const OwnFile *file, char **ret_text, size_t *ret_len, GError **error);
/* What is in one has faults: "WHAT cannot be read:", and each of them (SOURCE_ERROR_UNREADABLE). */
void own_file_broken(DiagnosticList *diagnostics, const char *what, GError **error);
