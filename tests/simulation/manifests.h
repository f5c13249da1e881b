/* manifests.h: what a simulated system is made of: which kinds of things it has follows from its seed, what
 * they are like from the seed and the revision. Holds:  the last revision lets everything end, and nothing
 * stays. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* manifests.c has the table of these: how often, and what they are. */
typedef enum {
    THING_ALWAYS,
    THING_INSTANCES,
    THING_MONEY,
    THING_SHARES,
    THING_TASKS,
    THING_GANGS,
    THING_HOSTS,
    THING_COUNT
} Thing;

typedef struct {
    uint64_t seed;
    unsigned things; /* bits 1 << Thing */
} Scene;

/* What the jobs of a definition are and come to when nothing goes wrong. */
typedef struct {
    const char *name;
    Thing needs;
    const char *queue; /* the only one where it can run; NULL: main or other */
    bool is_gang;      /* a multinode job, whose first node is the main one */
    bool fails;
    int64_t run_ms;
    int first_code, later_code; /* exit codes of the first attempt and of the others */
    int vcpus, memory_mib;
    const char *more; /* members of the spec */
} Definition;

#define DEFINITIONS_MAX 8
#define GANG_NODES      2 /* of every multinode job */

typedef struct {
    int number;
    bool is_last;
    int calm; /* how often all was told again since faults stopped: environments that became INVALID must
                 change */
} Revision;

Scene scene_draw(uint64_t seed);
bool scene_has(const Scene *scene, Thing thing);
const char *scene_what(Thing thing); /* for the log */
/* Those whose needs the scene has; at most DEFINITIONS_MAX. */
size_t scene_definitions(const Scene *scene, const Definition *ret_definitions[DEFINITIONS_MAX]);
/* The YAML documents of one revision; new string. */
char *scene_manifests(const Scene *scene, const Revision *revision);
