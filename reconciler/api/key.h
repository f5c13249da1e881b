/* key.h: keys for the API over TCP: what each may do, and its secret, sealed under the key file.
 * Owns:   nothing in the world: a key is the setting "key ID", committed like everything else.
 * Calls:  jansson, libcrypto.
 * Holds:  no secret is ever in the state, a backup, a recording or a message: what is kept of it can be
 * opened with the key file only, which is beside the state and in no backup. A limit that is absent allows
 * everything, an empty one nothing, as in a policy (spec/policy.h). */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define KEY_SETTING_PREFIX "key "
#define KEY_ID_PREFIX      "MUSTER"
#define KEY_ID_LEN         20 /* as long as an access key id of AWS: clients check */
#define KEY_SECRET_LEN     40
#define KEY_FILE_NAME      "key-file" /* in the state directory, where --key-file names no other */
#define KEY_FILE_BYTES     32

typedef enum {
    KEY_READ = 1u << 0,     /* look at everything, within the queues of the key */
    KEY_SUBMIT = 1u << 1,   /* submit, cancel and terminate jobs, start pipelines */
    KEY_REGISTER = 1u << 2, /* register and deregister job definitions */
    KEY_ADMIN = 1u << 3     /* everything */
} KeyScope;

typedef struct {
    char *id, *name, *sealed, *created_by;
    unsigned scopes;                                /* of KeyScope, with what they imply */
    char **queues, **shares, **roles, **host_paths; /* NULL: all; "a*" is a prefix */
    bool is_unprivileged;                           /* registers nothing that is privileged */
    int64_t per_second;                             /* requests; 0: as many as it likes */
    int64_t created_ms, expires_ms;                 /* 0: never */
} Key;

void key_clear(Key *key);
/* All of it anew. */
void key_clone(const Key *key, Key *ret_key);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Key, key_clear)

/* "read", "submit" …; 0: none of them. */
unsigned key_scope_from_name(const char *name);
/* "read, submit", without what others imply; new string. */
char *key_scopes_text(unsigned scopes);

/* The setting's value, and what is told of a key (without `sealed`). New references. */
json_t *key_to_json(const Key *key, bool with_sealed);
/* False: it is no key. */
bool key_from_json(const char *id, const json_t *json, Key *ret_key);

bool key_may(const Key *key, unsigned scope);
/* NULL as value: nothing is named, which only a key without that limit may. */
bool key_allows(char *const *limit, const char *value);

/* ---- the key file ---- */
/* 64 hexadecimal digits, readable by nobody but its owner. False with error. */
bool key_file_read(const char *path, unsigned char ret_bytes[KEY_FILE_BYTES], GError **error);
/* Makes it where there is none. */
bool key_file_make(const char *path, GError **error);

/* ---- secrets ---- */
char *key_id_random(void);     /* new string */
char *key_secret_random(void); /* new string; the caller wipes it */
/* AES-256-GCM over the secret, bound to the id; new string. */
char *key_seal(const unsigned char file_key[KEY_FILE_BYTES], const char *id, const char *secret);
/* NULL: it was sealed under another key file, or for another id. The caller wipes it. */
char *key_unseal(const unsigned char file_key[KEY_FILE_BYTES], const char *id, const char *sealed);
void key_secret_free(char *secret); /* wipes it; NULL is fine */
