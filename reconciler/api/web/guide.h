/* guide.h: the manifests of a first environment, from what a form says.
 * Owns:   nothing that the caller does not get.
 * Calls:  GLib only.
 * Holds:  pure. Whatever a field says becomes one scalar of YAML, quoted where it could be read as anything
 * else: no field adds a member. What the fields mean is judged by the schemas, not here. */
#pragma once
#include <glib.h>

typedef enum { GUIDE_LOCAL, GUIDE_DOCKER, GUIDE_EC2, GUIDE_SPOT, GUIDE_FARGATE, GUIDE_PLACES } GuidePlace;

/* All borrowed; an empty text or NULL leaves its member out. Lists have commas between their items. */
typedef struct {
    GuidePlace place;
    const char *source, *environment, *queue, *definition;
    const char *max_vcpus;
    const char *region, *subnets, *groups, *instance_types, *instance_role, *execution_role;
    const char *image, *command; /* command: as a shell reads it */
    const char *vcpus, *memory_mib;
} GuideFields;

typedef struct {
    const char *name; /* of the file, static */
    char *text;
} GuideFile;
#define GUIDE_FILES 4

void guide_write(const GuideFields *fields, GuideFile ret_files[GUIDE_FILES]);
void guide_clear(GuideFile files[GUIDE_FILES]);
