/* launch.h: plain words about launches that the world, the store and every provider share. */
#pragma once
#include <stdint.h>

/* One request to a provider to start an attempt (invariant 2); random, never reused. */
#define LAUNCH_TOKEN_BYTES 16
typedef struct {
    uint8_t bytes[LAUNCH_TOKEN_BYTES];
} LaunchToken;

typedef enum {
    END_EXITED,
    END_SIGNALLED,
    END_TIMEOUT, /* the attempt's timeout */
    END_STOPPED, /* we asked for it */
    END_OOM      /* killed for its memory limit */
} EndCause;
