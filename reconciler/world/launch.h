/* launch.h: plain words about launches that the world, the store and every provider share. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* One request to a provider to start an attempt (invariant 2); random, never reused. */
#define LAUNCH_TOKEN_BYTES 16
typedef struct {
    uint8_t bytes[LAUNCH_TOKEN_BYTES];
} LaunchToken;

/* For hash tables. */
static inline guint launch_token_hash(gconstpointer token)
{
    guint hash; /* tokens are random */
    memcpy(&hash, token, sizeof hash);
    return hash;
}

static inline gboolean launch_token_same(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, LAUNCH_TOKEN_BYTES) == 0;
}

#define LAUNCH_TOKEN_TEXT (2 * LAUNCH_TOKEN_BYTES + 1) /* hexadecimal */
static inline void launch_token_text(const LaunchToken *token, char ret_hex[LAUNCH_TOKEN_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < LAUNCH_TOKEN_BYTES; i++) {
        ret_hex[2 * i] = digits[token->bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[token->bytes[i] & 15];
    }
    ret_hex[LAUNCH_TOKEN_TEXT - 1] = '\0';
}

/* What launch_token_text() wrote; text may be NULL. False: it is no token. */
static inline bool launch_token_from_text(const char *text, LaunchToken *ret_token)
{
    if (!text || strlen(text) != LAUNCH_TOKEN_TEXT - 1)
        return false;
    for (size_t i = 0; i < LAUNCH_TOKEN_BYTES; i++) {
        int high = g_ascii_xdigit_value(text[2 * i]), low = g_ascii_xdigit_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_token->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

typedef enum {
    END_EXITED,
    END_SIGNALLED,
    END_TIMEOUT, /* the attempt's timeout */
    END_STOPPED, /* we asked for it */
    END_OOM      /* killed for its memory limit */
} EndCause;
