/* peer.h: who asked, as the transport put it into the request ("peer"), where a key sees some queues only. */
#pragma once
#include "reconciler/api/job_lookup.h"

/* Whether who asked may see what is of this queue. NULL: of none that is known. */
bool call_sees_queue(const Call *call, const char *queue);
/* The first of the jobs that is of a queue which who asked may not see, as text; NULL: there is none. What is
 * not in memory has ended, and is not looked at. */
const char *call_hidden_job(const Call *call, const World *world, const JobLookup *lookup,
                            char ret_text[JOB_NAME_TEXT]);
/* Who that is, for people: "anna (uid 1000)", "ci (key MUSTER…)", "anna (SUBJECT, by oidc)"; new string. */
char *peer_text(const json_t *peer);
