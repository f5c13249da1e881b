#include "reconciler/provider/local/launcher_attempt.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 256u

static size_t bucket_of_token(const AttemptTable *table, const Token *token)
{
    uint64_t hash; /* tokens are random */
    memcpy(&hash, token->bytes, sizeof hash);
    return (size_t)(hash & (table->buckets - 1));
}

static size_t bucket_of_pid(const AttemptTable *table, pid_t pid)
{
    return (size_t)pid & (table->buckets - 1);
}

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        abort();
    return memory;
}

void attempt_table_init(AttemptTable *table)
{
    *table = (AttemptTable){.buckets = BUCKETS_FIRST};
    table->by_token = zeroed(table->buckets, sizeof *table->by_token);
    table->by_pid = zeroed(table->buckets, sizeof *table->by_pid);
}

void attempt_table_clear(AttemptTable *table)
{
    while (table->first)
        attempt_remove(table, table->first);
    free(table->by_token);
    free(table->by_pid);
    free(table->heap);
    *table = (AttemptTable){0};
}

Attempt *attempt_find(const AttemptTable *table, const Token *token)
{
    Attempt *found = table->by_token[bucket_of_token(table, token)];
    while (found && !launch_token_equal(&found->token, token))
        found = found->next_token;
    return found;
}

Attempt *attempt_find_pid(const AttemptTable *table, pid_t pid)
{
    Attempt *found = pid ? table->by_pid[bucket_of_pid(table, pid)] : NULL;
    while (found && found->pid != pid)
        found = found->next_pid;
    return found;
}

static void link_token(AttemptTable *table, Attempt *attempt)
{
    Attempt **bucket = &table->by_token[bucket_of_token(table, &attempt->token)];
    attempt->next_token = *bucket;
    *bucket = attempt;
}

static void link_pid(AttemptTable *table, Attempt *attempt)
{
    Attempt **bucket = &table->by_pid[bucket_of_pid(table, attempt->pid)];
    attempt->next_pid = *bucket;
    *bucket = attempt;
}

static void table_grow(AttemptTable *table)
{
    free(table->by_token);
    free(table->by_pid);
    table->buckets *= 2;
    table->by_token = zeroed(table->buckets, sizeof *table->by_token);
    table->by_pid = zeroed(table->buckets, sizeof *table->by_pid);
    for (Attempt *attempt = table->first; attempt; attempt = attempt->next) {
        link_token(table, attempt);
        if (attempt->pid)
            link_pid(table, attempt);
    }
}

Attempt *attempt_add(AttemptTable *table, const Token *token)
{
    if (table->len >= table->buckets)
        table_grow(table);
    Attempt *attempt = zeroed(1, sizeof *attempt);
    attempt->token = attempt->report.token = *token;
    attempt->deadline_ms = INT64_MAX;
    attempt->previous = table->last;
    *(table->last ? &table->last->next : &table->first) = attempt;
    table->last = attempt;
    link_token(table, attempt);
    table->len++;
    table->unfinished++;
    return attempt;
}

void attempt_remove(AttemptTable *table, Attempt *attempt)
{
    attempt_set_pid(table, attempt, 0);
    attempt_set_deadline(table, attempt, INT64_MAX);
    Attempt **at = &table->by_token[bucket_of_token(table, &attempt->token)];
    while (*at != attempt)
        at = &(*at)->next_token;
    *at = attempt->next_token;
    *(attempt->previous ? &attempt->previous->next : &table->first) = attempt->next;
    *(attempt->next ? &attempt->next->previous : &table->last) = attempt->previous;
    table->len--;
    if (attempt->state != ATTEMPT_FINAL)
        table->unfinished--;
    attempt_set_reason(attempt, NULL);
    free(attempt->work_dir);
    free(attempt);
}

void attempt_set_pid(AttemptTable *table, Attempt *attempt, pid_t pid)
{
    if (attempt->pid) {
        Attempt **at = &table->by_pid[bucket_of_pid(table, attempt->pid)];
        while (*at != attempt)
            at = &(*at)->next_pid;
        *at = attempt->next_pid;
    }
    attempt->pid = pid;
    if (pid)
        link_pid(table, attempt);
}

/* ---- deadlines: a binary heap ---- */

static void heap_put(AttemptTable *table, size_t at, Attempt *attempt)
{
    table->heap[at] = attempt;
    attempt->heap_at = at;
}

static void heap_settle(AttemptTable *table, size_t at)
{
    Attempt *attempt = table->heap[at];
    for (; at > 1 && table->heap[at / 2]->deadline_ms > attempt->deadline_ms; at /= 2)
        heap_put(table, at, table->heap[at / 2]);
    for (size_t child; (child = 2 * at) <= table->heap_len; at = child) {
        if (child < table->heap_len && table->heap[child + 1]->deadline_ms < table->heap[child]->deadline_ms)
            child++;
        if (table->heap[child]->deadline_ms >= attempt->deadline_ms)
            break;
        heap_put(table, at, table->heap[child]);
    }
    heap_put(table, at, attempt);
}

static void heap_remove(AttemptTable *table, Attempt *attempt)
{
    size_t at = attempt->heap_at;
    Attempt *last = table->heap[table->heap_len--];
    attempt->heap_at = 0;
    if (last == attempt)
        return;
    heap_put(table, at, last);
    heap_settle(table, at);
}

void attempt_set_deadline(AttemptTable *table, Attempt *attempt, int64_t deadline_ms)
{
    attempt->deadline_ms = deadline_ms;
    if (deadline_ms == INT64_MAX) {
        if (attempt->heap_at)
            heap_remove(table, attempt);
        return;
    }
    if (!attempt->heap_at) {
        if (table->heap_len + 2 > table->heap_capacity) {
            table->heap_capacity = table->heap_capacity ? 2 * table->heap_capacity : 64;
            table->heap = reallocarray(table->heap, table->heap_capacity, sizeof *table->heap);
            if (!table->heap)
                abort();
        }
        heap_put(table, ++table->heap_len, attempt);
    }
    heap_settle(table, attempt->heap_at);
}

Attempt *attempt_next_due(const AttemptTable *table)
{
    return table->heap_len ? table->heap[1] : NULL;
}

/* ---- ends ---- */

void attempt_set_reason(Attempt *attempt, const char *reason)
{
    char *copy = reason ? strndup(reason, LAUNCHER_REASON_MAX) : NULL;
    if (reason && !copy)
        abort();
    free((char *)(uintptr_t)attempt->report.reason);
    attempt->report.reason = copy;
}

void attempt_finish(AttemptTable *table, Attempt *attempt, const Report *report)
{
    const char *mine = attempt->report.reason;
    if (report->reason != mine)
        attempt_set_reason(attempt, report->reason);
    mine = attempt->report.reason;
    attempt->report = *report;
    attempt->report.reason = mine;
    attempt_set_deadline(table, attempt, INT64_MAX);
    if (attempt->state != ATTEMPT_FINAL)
        table->unfinished--;
    attempt->state = ATTEMPT_FINAL;
}
