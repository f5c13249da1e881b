/* log_entry.h: one happening as the daemon's log tells it.
 * Owns:   nothing; an entry's texts are borrowed.
 * Calls:  GLib only. No clock.
 * Holds:  an entry is one line, whatever is in its texts; as JSON it is an object of valid UTF-8. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING, /* something does not get on, or is not as declared, and somebody may have to act */
    LOG_LEVEL_ERROR    /* muster cannot do its work */
} LogLevel;

/* What is known; NULL where it is not. The message says all of it for people. */
typedef struct {
    LogLevel level;
    const char *message;
    const char *source, *revision; /* whose doing it is, or of what it speaks */
    const char *resource;          /* "ComputeEnvironment/NAME" */
    const char *provider;          /* "aws" … */
    const char *destination;       /* of notify.yaml */
} LogEntry;

typedef enum { LOG_FORMAT_TEXT, LOG_FORMAT_JSON } LogFormat;
/* "text", "json"; NULL is text. False: it is neither. */
bool log_format_parse(const char *text, LogFormat *ret_format);
/* TEXT: "2026-11-27T07:13:20.041Z MESSAGE\n". JSON: {"time","level","message",…}: level is info, warning or
 * error. Appended. */
void log_entry_append(GString *out, LogFormat format, const LogEntry *entry, int64_t at_ms);
