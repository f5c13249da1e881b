/* job_event.h: the job of a job.state event, as Batch's own event tells it.
 * Owns:   nothing.
 * Calls:  job_view.h, store/ (reading). No clock; may run off the loop.
 * Holds:  status is the event's; all else is as it is committed now, which may be later. */
#pragma once
#include "reconciler/api/job_view.h"

/* JobDetail with `tags`. Children that ended together without having run are one event: the detail is the
 * first one's, with arrayProperties.lastIndex. New reference; NULL: it is not kept any more, or cannot be
 * read. An OutboxJob. */
json_t *job_event_detail(StoreReader *reader, const EventRecord *event);
