/* user_data.h: what an instance is told at its first boot, so that it joins its cluster. Computes only.
 * Source: EC2's limit of 16 KB before base64; cloud-init's formats; the ECS agent's ecs.config; batch:
 * "Launch templates" (user data has to be MIME multi-part there, and is merged with Batch's own). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define USER_DATA_MAX ((size_t)16384) /* bytes, before base64 */

/* An attribute or a tag. */
typedef struct {
    const char *name, *value;
} UserDataPair;

typedef struct {
    const char *cluster;
    const UserDataPair *attributes, *tags; /* of the container instance */
    size_t attributes_len, tags_len;
    int64_t reserved_memory_mib; /* that no task gets */
    bool is_gpu;                 /* the image has GPU support */
    /* Shuts itself down after so long without a task, so that nobody pays for ever for what a dead muster
     * left; 0: never. */
    int64_t idle_shutdown_s;
} UserDataConfig;

/* The user's own data (as it is before base64; NULL or empty: none) with our part behind it, so that our
 * cluster counts: MIME multi-part, a shell script or cloud-config; anything else is refused with the cure.
 * New string. NULL with error (G_CONVERT_ERROR_ILLEGAL_SEQUENCE: not in a form that can be merged;
 * G_CONVERT_ERROR_NO_MEMORY: too long). */
char *user_data_merge(const char *own, const UserDataConfig *config, GError **error);
