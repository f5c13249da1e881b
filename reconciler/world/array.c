/* Array jobs: the children that were never launched are a count and a byte each at most; the live ones have a
 * struct. */
#include "reconciler/world/job.h"

static void ended_range_clear(gpointer data)
{
    g_ref_string_release(((EndedRange *)data)->status_reason);
}

ArrayState *array_new(int32_t size)
{
    ArrayState *array = g_new0(ArrayState, 1);
    array->size = size;
    array->untouched = size;
    array->counts[JOB_PENDING] = size;
    return array;
}

void array_free(World *world, ArrayState *array)
{
    if (!array)
        return;
    for (ChildState *child = NULL; (child = array_live_next(array, 0));)
        child_collapse(world, child);
    g_free(array->live);
    if (array->ranges)
        g_array_unref(array->ranges);
    g_free(array->vector);
    g_free(array->ready);
    g_free(array->ready_after_ms);
    g_free(array);
}

/* ---- looking ---- */

static bool ready_get(const ArrayState *array, int32_t index)
{
    return array->ready && (array->ready[index / 64] >> (index % 64) & 1);
}

JobState array_state(const ArrayState *array, int32_t index)
{
    uint8_t byte = array->vector ? array->vector[index] : 0;
    if (byte)
        return (JobState)((byte & CHILD_STATE_MASK) - 1);
    if (!array->open)
        return JOB_PENDING;
    return !array_gated(array) || ready_get(array, index) ? JOB_RUNNABLE : JOB_PENDING;
}

static int32_t next_ready(const ArrayState *array, int32_t from)
{
    int32_t words = (array->size + 63) / 64;
    for (int32_t word = from / 64; array->ready && word < words; word++) {
        uint64_t bits = array->ready[word];
        if (word == from / 64)
            bits &= ~UINT64_C(0) << (from % 64);
        if (bits)
            return word * 64 + __builtin_ctzll(bits);
    }
    return NOT_A_CHILD;
}

int32_t array_next_fresh(const ArrayState *array, int32_t from)
{
    if (!array->open || array->fresh == 0 || from >= array->size)
        return NOT_A_CHILD;
    if (array_gated(array))
        return next_ready(array, from);
    if (from < array->cursor)
        from = array->cursor;
    if (!array->vector || from >= array->size)
        return from < array->size ? from : NOT_A_CHILD;
    const uint8_t *found = memchr(array->vector + from, 0, (size_t)(array->size - from));
    return found ? (int32_t)(found - array->vector) : NOT_A_CHILD;
}

/* The range that holds index, or NULL: the last one that starts at or before it. */
static const EndedRange *range_find(const ArrayState *array, int32_t index)
{
    guint low = 0, high = array->ranges ? array->ranges->len : 0;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(array->ranges, EndedRange, middle).first <= index)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const EndedRange *range = &g_array_index(array->ranges, EndedRange, low - 1);
    return range->last >= index ? range : NULL;
}

void job_child(const Job *job, int32_t index, ChildView *ret_child)
{
    const ArrayState *array = job->array;
    g_assert(array && index >= 0 && index < array->size);
    const ChildState *child = array_live(array, index);
    if (child) {
        *ret_child =
            (ChildView){child->state,    child->is_cancelled, child->is_terminated, child->status_reason,
                        child->attempts, child->started_ms,   child->stopped_ms,    child->launch};
        return;
    }
    uint8_t byte = array->vector ? array->vector[index] : 0;
    const EndedRange *range = range_find(array, index);
    *ret_child = (ChildView){.state = array->settled ? job->state : array_state(array, index),
                             .is_cancelled = byte & CHILD_CANCELLED,
                             .is_terminated = byte & CHILD_TERMINATED,
                             .status_reason = range ? range->status_reason : NULL,
                             .stopped_ms = range ? range->stopped_ms : 0};
}

int64_t job_runnable_ms(const Job *job, int32_t index)
{
    const ArrayState *array = job->array;
    if (index == NOT_A_CHILD || !array || !array->ready_after_ms)
        return job->runnable_ms;
    return job->runnable_ms + array->ready_after_ms[index];
}

void job_counts(const Job *job, int64_t ret_counts[JOB_STATE_COUNT])
{
    memcpy(ret_counts, job->array->counts, sizeof job->array->counts);
}

/* ---- counts and the vector ---- */

static void counts_move(Job *job, JobState from, JobState to, int64_t len)
{
    g_assert(transition_allowed(SUBJECT_CHILD, from, to));
    job->array->counts[from] -= len;
    job->array->counts[to] += len;
    job->queue->counts[from] -= len;
    job->queue->counts[to] += len;
}

static uint8_t vector_byte(JobState state, bool is_cancelled, bool is_terminated)
{
    return (uint8_t)(((unsigned)state + 1) | (is_cancelled ? CHILD_CANCELLED : 0u) |
                     (is_terminated ? CHILD_TERMINATED : 0u));
}

/* An untouched child gets a byte of its own. */
static void vector_touch(ArrayState *array, int32_t index, uint8_t byte)
{
    if (!array->vector)
        array->vector = g_malloc0((size_t)array->size);
    g_assert(array->vector[index] == 0);
    bool was_fresh = array_state(array, index) == JOB_RUNNABLE;
    array->vector[index] = byte;
    array->untouched--;
    if (was_fresh)
        array->fresh--;
    if (array->ready)
        array->ready[index / 64] &= ~(UINT64_C(1) << (index % 64));
    while (array->cursor < array->size && array->vector[array->cursor])
        array->cursor++;
}

/* The array stands in its group while it has children that can be handed out. */
void array_fresh_changed(World *world, Job *job)
{
    if (job->array->fresh > 0)
        runnable_add(world, &job->private->runnable);
    else
        runnable_remove(world, &job->private->runnable);
    runnable_count(world, &job->private->runnable);
}

/* ---- gates: SEQUENTIAL and N_TO_N ---- */

static bool gate_holds(const Job *job, int32_t index)
{
    const ArrayState *array = job->array;
    if (array->sequential && index > 0 && array_state(array, index - 1) != JOB_SUCCEEDED)
        return false;
    return !array->n_to_n || dependencies_hold(job, index);
}

static void gate_open(Job *job, int32_t index, int64_t now_ms)
{
    ArrayState *array = job->array;
    if (!array->ready) {
        array->ready = g_new0(uint64_t, (size_t)(array->size + 63) / 64);
        array->ready_after_ms = g_new0(uint32_t, (size_t)array->size);
    }
    array->ready_after_ms[index] = (uint32_t)CLAMP(now_ms - job->runnable_ms, 0, UINT32_MAX);
    array->ready[index / 64] |= UINT64_C(1) << (index % 64);
    array->fresh++;
    counts_move(job, JOB_PENDING, JOB_RUNNABLE, 1);
}

void array_gate(World *world, Job *job, int32_t index, int64_t now_ms)
{
    ArrayState *array = job->array;
    if (!array->open || index >= array->size || (array->vector && array->vector[index]) ||
        ready_get(array, index) || !gate_holds(job, index))
        return;
    gate_open(job, index, now_ms);
    array_fresh_changed(world, job);
}

void array_gate_all(World *world, Job *job, int64_t now_ms)
{
    for (int32_t index = 0; index < job->array_size; index++) {
        array_gate(world, job, index, now_ms);
        /* without N_TO_N only the first one behind those that SUCCEEDED can be open */
        if (!job->array->n_to_n && array_state(job->array, index) != JOB_SUCCEEDED)
            break;
    }
}

/* The array's own dependencies hold: its children are spawned, all at once. */
void array_open(World *world, Job *job, int64_t now_ms)
{
    ArrayState *array = job->array;
    if (array->open)
        return;
    array->open = true;
    if (job->runnable_ms == 0)
        job->runnable_ms = now_ms;
    if (array_gated(array)) {
        array_gate_all(world, job, now_ms);
        return;
    }
    if (array->untouched > 0)
        counts_move(job, JOB_PENDING, JOB_RUNNABLE, array->untouched);
    array->fresh = array->untouched;
    array_fresh_changed(world, job);
}

/* ---- children that end without a launch ---- */

static void range_insert(ArrayState *array, const EndedRange *range)
{
    if (!array->ranges) {
        array->ranges = g_array_new(FALSE, FALSE, sizeof(EndedRange));
        g_array_set_clear_func(array->ranges, ended_range_clear);
    }
    guint at = array->ranges->len;
    while (at > 0 && g_array_index(array->ranges, EndedRange, at - 1).first > range->first)
        at--;
    g_array_insert_val(array->ranges, at, *range);
}

static void range_store(World *world, const Job *job, const EndedRange *range)
{
    if (world->silent)
        return;
    batch_put_range(world_batch(world), &(RangeRecord){.sequence = job->sequence,
                                                       .first = range->first,
                                                       .last = range->last,
                                                       .state = JOB_FAILED,
                                                       .is_cancelled = range->is_cancelled,
                                                       .status_reason = view_from(range->status_reason),
                                                       .stopped_ms = range->stopped_ms});
    event_range(world, job, range->first, range->last, "-> FAILED", range->stopped_ms);
}

/* first..last are all untouched; ready tells which were RUNNABLE. */
static void fail_untouched(World *world, Job *job, const EndedRange *range)
{
    ArrayState *array = job->array;
    int64_t fresh_before = array->fresh;
    if (!array->vector)
        array->vector = g_malloc0((size_t)array->size);
    for (int32_t index = range->first; index <= range->last; index++)
        vector_touch(array, index, vector_byte(JOB_FAILED, range->is_cancelled, false));
    int64_t fresh = fresh_before - array->fresh, len = range->last - range->first + 1;
    if (fresh > 0)
        counts_move(job, JOB_RUNNABLE, JOB_FAILED, fresh);
    if (len > fresh)
        counts_move(job, JOB_PENDING, JOB_FAILED, len - fresh);
    range_insert(array, range);
    range_store(world, job, range);
    work_push(world, job, range->first, range->last, JOB_FAILED);
}

/* The next stretch of untouched children within from..last; false: none. */
static bool next_untouched(const ArrayState *array, int32_t from, int32_t last, int32_t *ret_first,
                           int32_t *ret_last)
{
    if (from > last)
        return false;
    if (!array->vector) {
        *ret_first = from;
        *ret_last = last;
        return true;
    }
    const uint8_t *first = memchr(array->vector + from, 0, (size_t)(last - from + 1));
    if (!first)
        return false;
    int32_t end = (int32_t)(first - array->vector);
    while (end <= last && array->vector[end] == 0)
        end++;
    *ret_first = (int32_t)(first - array->vector);
    *ret_last = end - 1;
    return true;
}

void array_fail_range(World *world, Job *job, int32_t first, int32_t last, bool cancelled, const char *reason,
                      int64_t now_ms)
{
    ArrayState *array = job->array;
    char *shared = g_ref_string_new(reason ? reason : "");
    EndedRange range = {.is_cancelled = cancelled, .stopped_ms = now_ms};
    int32_t from = MAX(first, array->cursor);
    while (next_untouched(array, from, last, &range.first, &range.last)) {
        range.status_reason = g_ref_string_acquire(shared);
        fail_untouched(world, job, &range);
        from = range.last + 1;
    }
    g_ref_string_release(shared);
    array_fresh_changed(world, job);
    array_settle(world, job, now_ms);
}

/* ---- live children ---- */

static ChildState *child_new(Job *job, int32_t index)
{
    ChildState *child = g_new0(ChildState, 1);
    child->job = job;
    child->index = index;
    child->dirty.data = child;
    child->runnable.job = job;
    child->runnable.index = index;
    array_live_add(job->array, child);
    return child;
}

ChildState *array_begin(World *world, Job *job, int32_t index)
{
    ArrayState *array = job->array;
    g_assert(array_state(array, index) == JOB_RUNNABLE && !(array->vector && array->vector[index]));
    ChildState *child = child_new(job, index);
    child->state = JOB_RUNNABLE;
    child->is_new = true;
    /* While it lives the byte only says "touched"; what it is stands in the struct. */
    vector_touch(array, index, vector_byte(JOB_RUNNABLE, false, false));
    array_fresh_changed(world, job);
    return child;
}

void child_touch(World *world, ChildState *child)
{
    child->job->array->vector[child->index] =
        vector_byte(child->state, child->is_cancelled, child->is_terminated);
    if (child->is_dirty || world_is_quiet(world))
        return;
    child->is_dirty = true;
    g_queue_push_tail_link(&world->dirty_children, &child->dirty);
}

void child_collapse(World *world, ChildState *child)
{
    if (child->is_dirty)
        g_queue_unlink(&world->dirty_children, &child->dirty);
    runnable_remove(world, &child->runnable);
    array_live_remove(child->job->array, child);
    g_free(child->status_reason);
    g_free(child);
}

void child_ended(World *world, ChildState *child, JobState from, int64_t now_ms)
{
    (void)from;
    child->stopped_ms = now_ms;
    work_push(world, child->job, child->index, child->index, child->state);
    array_settle(world, child->job, now_ms);
}

/* The parent ends with the last of its children (batch: "Parent result"). */
void array_settle(World *world, Job *job, int64_t now_ms)
{
    const ArrayState *array = job->array;
    int64_t failed = array->counts[JOB_FAILED];
    if (job_state_final(job->state) || failed + array->counts[JOB_SUCCEEDED] < array->size)
        return;
    if (failed > 0 && !job->status_reason)
        job_set_reason(world, job, "Array Child Job failed");
    job_move(world, job, failed > 0 ? JOB_FAILED : JOB_SUCCEEDED, now_ms);
}

/* ---- coming back ---- */

void array_restore_child(World *world, Job *job, const ChildRecord *record)
{
    ArrayState *array = job->array;
    vector_touch(array, record->index,
                 vector_byte(record->state, record->is_cancelled, record->is_terminated));
    array->counts[JOB_PENDING]--;
    array->counts[record->state]++;
    world->front = MAX(world->front, record->front);
    if (job_state_final(record->state))
        return;
    ChildState *child = child_new(job, record->index);
    child->state = record->state;
    child->is_cancelled = record->is_cancelled;
    child->is_terminated = record->is_terminated;
    child->status_reason = view_dup_or_null(record->status_reason);
    child->attempts = record->attempts;
    child->front = child->runnable.front = record->front;
    child->started_ms = record->started_ms;
    child->stopped_ms = record->stopped_ms;
}

void array_restore_range(World *world, Job *job, const RangeRecord *record)
{
    (void)world;
    ArrayState *array = job->array;
    g_autofree char *reason = view_dup(record->status_reason);
    EndedRange range = {record->first, record->last, record->is_cancelled, g_ref_string_new(reason),
                        record->stopped_ms};
    for (int32_t index = record->first; index <= record->last; index++)
        vector_touch(array, index, vector_byte(record->state, record->is_cancelled, false));
    int32_t len = record->last - record->first + 1;
    array->counts[JOB_PENDING] -= len;
    array->counts[record->state] += len;
    range_insert(array, &range);
}
