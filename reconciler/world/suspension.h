/* suspension.h: a source that is not followed for a while: what is new in it is seen, and not carried out.
 * Owns:   nothing in the world: a suspension is the setting "suspension SOURCE". Calls:  jansson. Holds:  it
 * stands until somebody resumes the source or its time is over, whoever hosts the state meanwhile. */
#pragma once
#include "reconciler/world/world.h"

#define SUSPENSION_SETTING    "suspension "
#define SUSPENSION_REASON_MAX 1000 /* bytes */
#define SUSPENSION_LONGEST_MS (366LL * 24 * 60 * 60 * 1000)

typedef struct {
    char *source;
    int64_t since_ms, until_ms; /* until 0: until somebody resumes it */
    char *reason, *actor;       /* actor: the user who asked, as the command tells; may be "" */
} Suspension;
void suspension_free(void *suspension);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Suspension, suspension_free)
/* "until 2026-11-26 02:10:00 UTC: REASON (by root)". New string. */
char *suspension_text(const Suspension *suspension);

/* At once, in place of one that stands; since_ms is set here. WORLD_ERROR_INVALID with error. */
bool source_suspend(World *world, const Suspension *suspension, int64_t now_ms, GError **error);
/* False: it is not suspended. */
bool source_resume(World *world, const char *source, const char *actor, int64_t now_ms);
/* Ends those whose time is over; how many. */
size_t suspension_settle(World *world, int64_t now_ms);
int64_t world_suspension_due_ms(const World *world); /* when the next ends; 0: none does by itself */
/* The one that stands; NULL: the source is not suspended. New. */
Suspension *world_suspension(const World *world, const char *source, int64_t now_ms);
/* All, by source. New array of Suspension, with free function set. */
GPtrArray *world_suspensions(const World *world);
