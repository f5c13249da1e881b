/* aws_pace.c: when each task is worth another look, and which of them one call describes. ECS tells of
 * nothing by itself, a call describes 100 tasks at most, and calls are what is rationed: so tasks are looked
 * at when those of their definition used to start and to end, and a call takes along whatever is due next. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"
#include "reconciler/provider/aws/run_times.h"

#define LEAST_MS       1000 /* between two looks at a task, and between two calls */
#define GAP_MANY_MS    2000 /* between two calls where there are more than MANY tasks */
#define MANY           500
#define GAP_FULL_MS    200  /* where so many are due that a call is full */
#define FEW_MS         1000 /* as long as one call takes all of them, something having changed lately */
#define QUIET_MS       5000 /* nothing having changed for QUIET_AFTER_MS */
#define QUIET_AFTER_MS 20000
#define GUESS_MS                                                                                             \
    1500 /* at most for each call that all of them take, where nothing is known of their run times */
#define KNOWN_MS    6000 /* where something is */
#define MOST_MS     60000
#define DEFINITIONS 4096 /* that are remembered; then all are forgotten */

typedef struct {
    RunTimes *starts, *runs; /* from made to started, from started to ended */
} Known;

typedef struct AwsPace {
    GHashTable *known;             /* task definition's ARN → Known */
    guint tasks;                   /* that were there when a call was made last */
    int64_t called_ms, changed_ms; /* monotonic; 0: not yet */
} Pace;

static void known_free(void *data)
{
    Known *known = data;
    run_times_free(known->starts);
    run_times_free(known->runs);
    g_free(known);
}

static Pace *pace_of(AwsCluster *cluster)
{
    if (!cluster->pace) {
        cluster->pace = g_new0(Pace, 1);
        cluster->pace->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    }
    return cluster->pace;
}

void aws_pace_free(Pace *pace)
{
    if (!pace)
        return;
    g_hash_table_unref(pace->known);
    g_free(pace);
}

/* ---- when it is due ---- */

static Known *known_of(Pace *pace, const char *definition)
{
    Known *known = definition ? g_hash_table_lookup(pace->known, definition) : NULL;
    if (known || !definition)
        return known;
    if (g_hash_table_size(pace->known) >= DEFINITIONS)
        g_hash_table_remove_all(pace->known);
    known = g_new(Known, 1);
    *known = (Known){run_times_new(), run_times_new()};
    g_hash_table_insert(pace->known, g_strdup(definition), known);
    return known;
}

static void learn(const AwsTask *task, Known *known, const TaskState *state)
{
    bool is_start = state->started_ms > 0 && task->step < TASK_STARTED,
         is_end = state->phase == TASK_ENDED && state->end == TASK_END_EXITED;
    if (is_start && state->created_ms > 0)
        run_times_add(known->starts, state->started_ms - state->created_ms);
    if (is_end && state->started_ms > 0 && state->ended_ms > 0)
        run_times_add(known->runs, state->ended_ms - state->started_ms);
}

/* Since when it is in its phase; CLOCK_REALTIME, 0: not known. */
static int64_t since_of(const TaskState *state)
{
    if (state->is_ending)
        return state->stopping_ms;
    return state->phase == TASK_RUNNING ? state->started_ms : state->created_ms;
}

/* Of its phase; NULL: nothing is known. */
static const RunTimes *times_of(const Known *known, const TaskState *state)
{
    if (!known || state->is_ending)
        return NULL;
    return state->phase == TASK_RUNNING ? known->runs : known->starts;
}

/* Its end is told by an event: a look is for what got lost on the way. */
static bool is_told_of(const AwsTask *task, const TaskState *state)
{
    return task->cluster->is_told && state->phase == TASK_RUNNING && !state->is_ending;
}

/* Where nothing is known, whatever has lasted so long is taken to last half as long again. */
static int64_t interval_ms(const AwsTask *task, const Pace *pace, const Known *known, const TaskState *state)
{
    int64_t now_ms = aws_monotonic_ms(task->cluster->provider), real_ms = aws_now_ms(task->cluster->provider),
            calls = (pace->tasks + ECS_DESCRIBE_MAX - 1) / ECS_DESCRIBE_MAX, since_ms = since_of(state),
            wait_ms;
    if (is_told_of(task, state))
        return MOST_MS;
    int64_t age_ms = since_ms > 0 ? MAX(real_ms - since_ms, 0) : 0;
    const RunTimes *times = times_of(known, state);
    bool is_known = times && run_times_next(times, age_ms, &wait_ms);
    if (!is_known)
        wait_ms = age_ms / 2;
    int64_t most_ms = CLAMP(calls * (is_known ? KNOWN_MS : GUESS_MS), QUIET_MS, MOST_MS);
    if (calls <= 1 && now_ms - pace->changed_ms < QUIET_AFTER_MS)
        most_ms = FEW_MS;
    return CLAMP(wait_ms, LEAST_MS, most_ms);
}

void aws_pace_seen(AwsTask *task, const TaskState *state)
{
    Pace *pace = pace_of(task->cluster);
    Known *known = known_of(pace, task->run_arn);
    int64_t now_ms = aws_monotonic_ms(task->cluster->provider);
    bool is_start = state->phase == TASK_RUNNING && task->step < TASK_STARTED;
    if (is_start || state->phase == TASK_ENDED)
        pace->changed_ms = now_ms;
    if (known)
        learn(task, known, state);
    task->due_ms = now_ms + interval_ms(task, pace, known, state);
}

/* ---- who is next ---- */

/* The tasks of a cluster, in one pass: how many, how many of them are due, and those that are due first, as a
 * heap with the last of these on top. */
typedef struct {
    AwsTask *tasks[ECS_DESCRIBE_MAX];
    guint len;
    guint all, due;
    int64_t first_ms;
} Queue;

static bool is_before(const AwsTask *left, const AwsTask *right)
{
    if (left->due_ms != right->due_ms)
        return left->due_ms < right->due_ms;
    return memcmp(&left->token, &right->token, sizeof left->token) < 0;
}

static void swap(Queue *queue, guint a, guint b)
{
    AwsTask *task = queue->tasks[a];
    queue->tasks[a] = queue->tasks[b];
    queue->tasks[b] = task;
}

static void rise(Queue *queue, guint at)
{
    for (; at > 0 && is_before(queue->tasks[(at - 1) / 2], queue->tasks[at]); at = (at - 1) / 2)
        swap(queue, at, (at - 1) / 2);
}

static void sink(Queue *queue)
{
    for (guint at = 0, child; (child = 2 * at + 1) < queue->len; at = child) {
        if (child + 1 < queue->len && is_before(queue->tasks[child], queue->tasks[child + 1]))
            child++;
        if (!is_before(queue->tasks[at], queue->tasks[child]))
            return;
        swap(queue, at, child);
    }
}

static void queue_add(Queue *queue, AwsTask *task, int64_t now_ms)
{
    queue->all++;
    queue->due += task->due_ms <= now_ms;
    queue->first_ms = MIN(queue->first_ms, task->due_ms);
    if (queue->len < ECS_DESCRIBE_MAX) {
        queue->tasks[queue->len++] = task;
        rise(queue, queue->len - 1);
    } else if (is_before(task, queue->tasks[0])) {
        queue->tasks[0] = task;
        sink(queue);
    }
}

static void queue_fill(Queue *queue, const AwsCluster *cluster, int64_t now_ms)
{
    GHashTableIter iter;
    AwsTask *task;
    *queue = (Queue){.first_ms = G_MAXINT64};
    g_hash_table_iter_init(&iter, cluster->provider->tasks);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&task))
        if (task->cluster == cluster && task->arn && task->step != TASK_OVER)
            queue_add(queue, task, now_ms);
}

/* How long the first has to wait: for its time, and for others to fill the call. */
static int64_t wait_of(const Pace *pace, const Queue *queue, int64_t now_ms)
{
    int64_t gap_ms = queue->due >= ECS_DESCRIBE_MAX ? GAP_FULL_MS
                     : queue->all > MANY            ? GAP_MANY_MS
                                                    : LEAST_MS;
    return MAX(MAX(queue->first_ms, pace->called_ms + gap_ms) - now_ms, 0);
}

int64_t aws_pace_pick(AwsCluster *cluster, GPtrArray *arns)
{
    Pace *pace = pace_of(cluster);
    int64_t now_ms = aws_monotonic_ms(cluster->provider);
    Queue queue;
    queue_fill(&queue, cluster, now_ms);
    int64_t wait_ms = queue.all == 0 ? G_MAXINT64 : wait_of(pace, &queue, now_ms);
    g_ptr_array_set_size(arns, 0);
    if (wait_ms > 0)
        return wait_ms;
    for (guint i = 0; i < queue.len; i++)
        g_ptr_array_add(arns, g_strdup(queue.tasks[i]->arn));
    pace->tasks = queue.all;
    pace->called_ms = now_ms;
    return 0;
}
