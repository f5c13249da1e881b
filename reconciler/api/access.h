/* access.h: what a key may do. Computes only. */
#pragma once
#include "reconciler/api/key.h"
#include "reconciler/api/operation.h"

/* What an operation needs, as a KeyScope. */
unsigned access_scope(const Operation *operation);
/* NULL: the key may do it, as far as the request tells; else why not, as AWS words it. request: NULL for
 * bodies of lines, whose jobs body holds. New string. What only the state tells (the queue of a job) is the
 * operation's to check, by call_may_see(). */
char *access_refusal(const Key *key, const Operation *operation, const json_t *request, View body);

/* It is checked by the schema member by member: who asks is not put into it. */
bool access_is_submission(const Operation *operation);
/* Puts who asks into a request that is recorded, and what was said of that goes: {"key", "user", "queues"?}.
 */
void access_tell_peer(const Key *key, json_t *request);
