/* docker_task.c: an attempt as containers: made, named, started in their order, ended together. */
#include "reconciler/provider/docker/docker_gpus.h"
#include "reconciler/provider/docker/docker_internal.h"
#include "reconciler/provider/docker/docker_secret.h"
#include <sys/stat.h>

#define LOG_LATE_MS    10000 /* so long an end waits for what was printed */
#define AGAIN_MS       1000  /* doubles up to AGAIN_MAX_MS */
#define AGAIN_MAX_MS   60000
#define GRACE_MS       30000
#define NOT_KNOWN_CODE 137
#define LATER          G_MAXINT64

/* ---- life ---- */

DockerTask *docker_task_new(DockerProvider *provider, const LaunchToken *token)
{
    DockerTask *task = g_new0(DockerTask, 1);
    task->provider = provider;
    task->token = *token;
    task->pieces = g_ptr_array_new_with_free_func(docker_piece_free);
    task->due_ms = LATER;
    g_hash_table_insert(provider->tasks, &task->token, task);
    return task;
}

void docker_task_free(void *data)
{
    DockerTask *task = data;
    g_ptr_array_unref(task->pieces);
    g_free(task->job_id);
    g_free(task->refusal);
    g_free(task);
}

static DockerPiece *piece_at(const DockerTask *task, guint index)
{
    return task->pieces->pdata[index];
}

/* The one that it is called by. */
static const char *name_of(const DockerTask *task)
{
    return task->pieces->len > 0 ? piece_at(task, 0)->id : NULL;
}

static void tell(DockerTask *task, ProviderEvent *event)
{
    event->token = task->token;
    event->provider_id = name_of(task);
    if (event->type != PROVIDER_EVENT_ACCEPTED && event->type != PROVIDER_EVENT_STARTED) {
        task->step = TASK_OVER;
        task->due_ms = LATER;
    }
    docker_tell(task->provider, event);
}

static void tell_started(DockerTask *task)
{
    for (guint i = 0; i < task->pieces->len && !task->started_ms; i++)
        task->started_ms = piece_at(task, i)->started_ms;
    if (task->is_told || !task->started_ms)
        return;
    ProviderEvent event = {.type = PROVIDER_EVENT_STARTED, .at_ms = task->started_ms};
    task->is_told = true;
    tell(task, &event);
}

/* ---- time: one source for all of them ---- */

static gboolean wake(gpointer data);

static void wake_at(DockerProvider *provider, int64_t due_ms)
{
    if (provider->timer && provider->timer_ms <= due_ms)
        return;
    if (provider->timer)
        g_source_destroy(provider->timer);
    g_clear_pointer(&provider->timer, g_source_unref);
    provider->timer_ms = due_ms;
    provider->timer = docker_after(provider, due_ms - docker_monotonic_ms(provider), wake, provider);
}

static gboolean wake(gpointer data)
{
    DockerProvider *provider = data;
    int64_t now_ms = docker_monotonic_ms(provider), next_ms = LATER;
    g_autoptr(GPtrArray) due = g_ptr_array_new();
    GHashTableIter iter;
    DockerTask *task;
    g_source_destroy(provider->timer);
    g_clear_pointer(&provider->timer, g_source_unref);
    g_hash_table_iter_init(&iter, provider->tasks);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&task)) {
        if (task->due_ms <= now_ms)
            g_ptr_array_add(due, task);
        else
            next_ms = MIN(next_ms, task->due_ms);
    }
    if (next_ms != LATER)
        wake_at(provider, next_ms);
    for (guint i = 0; i < due->len; i++) {
        ((DockerTask *)due->pdata[i])->due_ms = LATER;
        docker_task_step(due->pdata[i]);
    }
    return G_SOURCE_REMOVE;
}

void docker_task_step_at(DockerTask *task, int64_t due_ms)
{
    task->due_ms = MIN(task->due_ms, due_ms);
    wake_at(task->provider, task->due_ms);
}

/* ---- what never started ---- */

static void withdraw(DockerTask *task, char *refusal)
{
    g_free(task->refusal);
    task->refusal = refusal;
    task->step = TASK_WITHDRAWING;
}

void docker_task_refuse(DockerTask *task, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    withdraw(task, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

/* Proven never to have started once nothing is left that somebody could start. What is being made just now is
 * waited for. */
static void withdraw_step(DockerTask *task)
{
    bool is_left = false;
    for (guint i = 0; i < task->pieces->len; i++) {
        DockerPiece *piece = piece_at(task, i);
        docker_pull_drop(piece);
        is_left |= piece->call != 0;
        if (piece->call || !piece->id || piece->state == PIECE_GONE)
            continue;
        is_left = true;
        if (docker_monotonic_ms(task->provider) >= task->ending_ms) {
            docker_piece_remove(piece);
            task->ending_ms = docker_monotonic_ms(task->provider) +
                              MIN((int64_t)AGAIN_MS << MIN(task->tries++, 10), AGAIN_MAX_MS);
        } else {
            docker_task_step_at(task, task->ending_ms);
        }
    }
    if (is_left)
        return;
    ProviderEvent event = {.type = PROVIDER_EVENT_REFUSED, .reason = task->refusal};
    tell(task, &event);
}

/* ---- its making ---- */

/* One after the other: where the second cannot be made, the first has cost little. */
static void make_step(DockerTask *task)
{
    for (guint i = 0; i < task->pieces->len; i++) {
        DockerPiece *piece = piece_at(task, i);
        if (piece->call || piece->is_pulling)
            return;
        if (!piece->id) {
            docker_piece_make(piece);
            return;
        }
    }
    ProviderEvent event = {.type = PROVIDER_EVENT_ACCEPTED};
    task->step = TASK_MADE;
    tell(task, &event);
}

void docker_task_named(DockerTask *task)
{
    if (task->step == TASK_MADE)
        task->step = TASK_RUNNING;
    docker_task_step(task);
}

/* ---- the order in which they start ---- */

static const DockerPiece *find_piece(const DockerTask *task, const char *name)
{
    for (guint i = 0; i < task->pieces->len; i++)
        if (g_strcmp0(piece_at(task, i)->name, name) == 0)
            return piece_at(task, i);
    return NULL;
}

typedef enum { DEPENDENCY_HOLDS, DEPENDENCY_WAITS, DEPENDENCY_NEVER } DependencyState;

static DependencyState look_at_dependency(const DockerPiece *on, DockerUntil until)
{
    bool is_over = !on || on->state == PIECE_FAILED || on->state == PIECE_GONE;
    bool has_ended = on && on->state == PIECE_ENDED;
    if (is_over)
        return DEPENDENCY_NEVER;
    switch (until) {
    case DOCKER_UNTIL_START: return on->started_ms ? DEPENDENCY_HOLDS : DEPENDENCY_WAITS;
    case DOCKER_UNTIL_COMPLETE: return has_ended ? DEPENDENCY_HOLDS : DEPENDENCY_WAITS;
    case DOCKER_UNTIL_SUCCESS:
        return !has_ended ? DEPENDENCY_WAITS : on->exit_code == 0 ? DEPENDENCY_HOLDS : DEPENDENCY_NEVER;
    }
    return DEPENDENCY_NEVER;
}

/* It gives up once the other one has run for its startTimeout. Source: ECS, "ContainerDefinition". */
static bool is_given_up(const DockerPiece *piece, const DockerPiece *on)
{
    DockerTask *task = piece->task;
    int64_t left_ms = on->started_ms + on->start_timeout_ms - docker_now_ms(task->provider);
    if (on->start_timeout_ms <= 0 || !on->started_ms)
        return false;
    if (left_ms > 0)
        docker_task_step_at(task, docker_monotonic_ms(task->provider) + left_ms);
    return left_ms <= 0;
}

static void start_never(DockerPiece *piece, const char *on, const char *why)
{
    piece->state = PIECE_FAILED;
    piece->error = g_strdup_printf("CannotStartContainerError: container %s waits for %s, which %s",
                                   piece->name, on, why);
}

static void start_in_turn(DockerPiece *piece)
{
    const DockerTask *task = piece->task;
    for (guint i = 0; piece->depends_on && i < piece->depends_on->len; i++) {
        const DockerDependency *on = &g_array_index(piece->depends_on, DockerDependency, i);
        const DockerPiece *other = find_piece(task, on->container);
        DependencyState state = look_at_dependency(other, on->until);
        if (state == DEPENDENCY_WAITS && is_given_up(piece, other))
            start_never(piece, on->container, "did not end within its startTimeout");
        if (state == DEPENDENCY_NEVER)
            start_never(piece, on->container, "ended otherwise");
        if (state != DEPENDENCY_HOLDS)
            return;
    }
    docker_piece_start(piece);
}

/* ---- its end ---- */

static bool is_over(const DockerPiece *piece)
{
    return piece->state == PIECE_ENDED || piece->state == PIECE_FAILED || piece->state == PIECE_GONE;
}

static bool has_started(const DockerTask *task)
{
    for (guint i = 0; i < task->pieces->len; i++)
        if (piece_at(task, i)->started_ms)
            return true;
    return false;
}

/* The rest ends with an essential one, and with any that is not as it was asked for. */
static bool is_ending(const DockerTask *task)
{
    for (guint i = 0; i < task->pieces->len; i++) {
        const DockerPiece *piece = piece_at(task, i);
        if (is_over(piece) && (piece->is_essential || piece->state != PIECE_ENDED))
            return true;
    }
    return task->is_stopping || task->is_missing;
}

/* One that ended by itself says how the attempt did: the first that failed, else the first. */
static const DockerPiece *telling_piece(const DockerTask *task)
{
    const DockerPiece *first = NULL;
    for (guint i = 0; i < task->pieces->len; i++) {
        const DockerPiece *piece = piece_at(task, i);
        bool is_told = piece->state == PIECE_FAILED || (piece->state == PIECE_ENDED && piece->is_essential &&
                                                        (!piece->is_terminated || task->is_stopping));
        if (is_told && (piece->state == PIECE_FAILED || piece->exit_code != 0))
            return piece;
        if (is_told && !first)
            first = piece;
    }
    return first;
}

static bool was_removed(const DockerTask *task)
{
    for (guint i = 0; i < task->pieces->len; i++)
        if (piece_at(task, i)->state == PIECE_GONE)
            return true;
    return task->is_missing;
}

static bool was_terminated(const DockerTask *task)
{
    for (guint i = 0; i < task->pieces->len; i++)
        if (piece_at(task, i)->is_terminated)
            return true;
    return false;
}

/* An attempt whose time was over while nobody looked, and that failed then. */
static bool is_late(const DockerTask *task, const DockerPiece *piece)
{
    bool is_past = task->timeout_ms > 0 && piece->ended_ms - task->started_ms >= task->timeout_ms;
    return (task->is_late && was_terminated(task)) || (is_past && piece->exit_code != 0);
}

static int64_t last_end_ms(const DockerTask *task)
{
    int64_t ended_ms = 0;
    for (guint i = 0; i < task->pieces->len; i++)
        ended_ms = MAX(ended_ms, piece_at(task, i)->ended_ms);
    return ended_ms ? ended_ms : docker_now_ms(task->provider);
}

static void tell_end(DockerTask *task)
{
    const DockerPiece *piece = telling_piece(task);
    if (was_removed(task) || !piece) {
        ProviderEvent lost = {.type = PROVIDER_EVENT_LOST, .at_ms = last_end_ms(task)};
        tell(task, &lost);
        return;
    }
    ProviderEvent event = {.type = PROVIDER_EVENT_ENDED,
                           .at_ms = last_end_ms(task),
                           .started_ms = task->started_ms,
                           .exit_code = piece->state == PIECE_ENDED ? piece->exit_code : NOT_KNOWN_CODE,
                           .reason = piece->error};
    if (is_late(task, piece))
        event.cause = END_TIMEOUT;
    else if (task->is_stopping && was_terminated(task))
        event.cause = END_STOPPED;
    else
        event.cause = piece->is_oom ? END_OOM : END_EXITED;
    tell(task, &event);
}

/* ---- while it runs ---- */

static void end_piece(DockerPiece *piece)
{
    DockerTask *task = piece->task;
    int64_t kill_ms = task->ending_ms + (piece->stop_ms ? piece->stop_ms : GRACE_MS);
    bool is_patient = docker_monotonic_ms(task->provider) < kill_ms;
    if (!piece->is_terminated) {
        piece->is_terminated = true;
        docker_piece_kill(piece, "SIGTERM");
    } else if (is_patient) {
        docker_task_step_at(task, kill_ms);
    } else if (!piece->is_killed) {
        piece->is_killed = true;
        docker_piece_kill(piece, "SIGKILL");
    }
}

static void piece_step(DockerPiece *piece, bool ending)
{
    if (piece->call)
        return;
    if (piece->is_doubted && !is_over(piece)) {
        docker_piece_look(piece);
        return;
    }
    switch (piece->state) {
    case PIECE_UNMADE:
    case PIECE_FAILED:
    case PIECE_GONE: return;
    case PIECE_MADE:
        if (!ending && piece->is_unsure)
            docker_piece_prove(piece);
        else if (!ending)
            start_in_turn(piece);
        return;
    case PIECE_RUNS:
        docker_follow_begin(piece);
        if (ending)
            end_piece(piece);
        return;
    case PIECE_ENDED: docker_follow_finish(piece); return;
    }
}

/* Of an attempt that is ending, what was not started never is. */
static bool is_all_over(const DockerTask *task, bool ending)
{
    for (guint i = 0; i < task->pieces->len; i++) {
        const DockerPiece *piece = piece_at(task, i);
        bool is_idle = ending && !piece->call && !piece->is_doubted &&
                       (piece->state == PIECE_MADE || piece->state == PIECE_UNMADE);
        if (!is_over(piece) && !is_idle)
            return false;
    }
    return true;
}

static bool is_all_logged(const DockerTask *task)
{
    for (guint i = 0; i < task->pieces->len; i++) {
        const DockerPiece *piece = piece_at(task, i);
        if (piece->state == PIECE_ENDED && !docker_follow_is_done(piece->log))
            return false;
    }
    return true;
}

static void watch_time(DockerTask *task)
{
    int64_t left_ms = task->started_ms + task->timeout_ms - docker_now_ms(task->provider);
    if (task->timeout_ms <= 0 || !task->started_ms || task->is_stopping)
        return;
    if (left_ms > 0) {
        docker_task_step_at(task, docker_monotonic_ms(task->provider) + left_ms);
        return;
    }
    task->is_late = task->is_stopping = true;
}

/* The first error of those that did not start. */
static char *start_error(const DockerTask *task)
{
    for (guint i = 0; i < task->pieces->len; i++)
        if (piece_at(task, i)->error)
            return g_strdup(piece_at(task, i)->error);
    return NULL;
}

static void over_step(DockerTask *task)
{
    int64_t now_ms = docker_monotonic_ms(task->provider);
    if (!has_started(task) && !task->is_missing) {
        task->ending_ms = 0;
        withdraw(task, start_error(task));
        withdraw_step(task);
        return;
    }
    task->ended_ms = task->ended_ms ? task->ended_ms : now_ms;
    if (is_all_logged(task) || now_ms >= task->ended_ms + LOG_LATE_MS)
        tell_end(task);
    else
        docker_task_step_at(task, task->ended_ms + LOG_LATE_MS);
}

static void run_step(DockerTask *task)
{
    watch_time(task);
    bool ending = is_ending(task);
    if (ending && !task->ending_ms)
        task->ending_ms = docker_monotonic_ms(task->provider);
    for (guint i = 0; i < task->pieces->len; i++)
        piece_step(piece_at(task, i), ending);
    tell_started(task);
    bool was_ending = ending;
    ending = is_ending(task);
    if (is_all_over(task, ending))
        over_step(task);
    else if (ending && !was_ending) /* one gave up: the others are to be ended */
        docker_task_step_at(task, docker_monotonic_ms(task->provider));
}

void docker_task_step(DockerTask *task)
{
    if (task->step < TASK_RUNNING && task->is_stopping)
        withdraw(task, NULL);
    switch (task->step) {
    case TASK_MAKING: make_step(task); return;
    case TASK_MADE: return;
    case TASK_RUNNING: run_step(task); return;
    case TASK_WITHDRAWING: withdraw_step(task); return;
    case TASK_OVER:
    case TASK_ADOPTING: return;
    }
}

void docker_task_stop(DockerTask *task)
{
    task->is_stopping = true;
    docker_task_step(task);
}

/* ---- begun ---- */

static void set_label(json_t *body, const char *name, const char *value)
{
    json_t *labels = json_object_get(body, "Labels");
    if (!labels) {
        labels = json_object();
        json_object_set_new(body, "Labels", labels);
    }
    json_object_set_new(labels, name, json_string(value));
}

static void set_number_label(json_t *body, const char *name, int64_t value)
{
    char text[24];
    g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, value);
    set_label(body, name, text);
}

/* "NAME:0 OTHER:2". */
static char *dependencies_text(const GArray *depends_on)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; depends_on && i < depends_on->len; i++) {
        const DockerDependency *on = &g_array_index(depends_on, DockerDependency, i);
        g_string_append_printf(text, "%s%s:%d", i ? " " : "", on->container, (int)on->until);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void label(DockerPiece *piece, guint total)
{
    const DockerTask *task = piece->task;
    g_autofree char *depends_on = dependencies_text(piece->depends_on);
    set_number_label(piece->body, LABEL_TIMEOUT, task->timeout_ms);
    set_number_label(piece->body, LABEL_GRACE, piece->stop_ms);
    if (piece->start_timeout_ms)
        set_number_label(piece->body, LABEL_PATIENCE, piece->start_timeout_ms);
    set_label(piece->body, LABEL_LOG, piece->log_path);
    set_number_label(piece->body, LABEL_INDEX, piece->index);
    set_number_label(piece->body, LABEL_TOTAL, total);
    if (task->gpus) {
        g_autofree char *gpus = docker_gpus_text(task->gpus);
        set_label(piece->body, LABEL_GPUS, gpus);
    }
    if (piece->volumes)
        set_label(piece->body, LABEL_VOLUMES, piece->volumes);
    if (*depends_on)
        set_label(piece->body, LABEL_DEPENDS_ON, depends_on);
}

static bool has_essential(const DockerTask *task)
{
    for (guint i = 0; i < task->pieces->len; i++)
        if (piece_at(task, i)->is_essential)
            return true;
    return false;
}

static void add_piece(DockerTask *task, const DockerContainer *container, guint total, const char *log_path)
{
    bool is_first = container->is_essential && !has_essential(task);
    DockerPiece *piece = g_new0(DockerPiece, 1);
    piece->task = task;
    piece->name = g_strdup(container->name);
    piece->container_name = g_strdup(container->container_name);
    piece->image = g_strdup(container->image);
    piece->body = json_incref(container->body);
    piece->is_essential = container->is_essential;
    piece->is_always_pulled = container->pull == DOCKER_PULL_ALWAYS;
    piece->depends_on = container->depends_on ? g_array_ref(container->depends_on) : NULL;
    piece->stop_ms = container->stop_timeout_ms;
    piece->start_timeout_ms = container->start_timeout_ms;
    piece->log_path = is_first ? g_strdup(log_path) : g_strdup_printf("%s.d/%s", log_path, container->name);
    if (container->volumes && *container->volumes)
        piece->volumes = g_strjoinv(" ", container->volumes);
    piece->index = (int)task->pieces->len;
    g_ptr_array_add(task->pieces, piece);
    label(piece, total);
}

static uint64_t gpus_taken(const DockerProvider *provider)
{
    uint64_t taken = 0;
    GHashTableIter iter;
    const DockerTask *task;
    g_hash_table_iter_init(&iter, provider->tasks);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&task))
        taken |= task->step == TASK_OVER ? 0 : task->gpus;
    return taken;
}

static bool is_true(const json_t *info, const char *name)
{
    return json_is_true(json_object_get(info, name));
}

static bool is_text(const json_t *info, const char *name, const char *text)
{
    return g_strcmp0(json_string_value(json_object_get(info, name)), text) == 0;
}

/* Containers run as whom their image or definition says, so whoever they are may write there; nobody else of
 * this machine gets that far, as the directory around it is muster's alone. Where somebody made that one for
 * others, too, the workspace stays muster's. What fails the engine tells. */
static void workspace_make(const char *path)
{
    g_autofree char *around = g_path_get_dirname(path);
    struct stat info;
    g_mkdir_with_parents(around, S_IRWXU);
    if (mkdir(path, S_IRWXU) == 0 && stat(around, &info) == 0 && !(info.st_mode & (S_IRWXG | S_IRWXO)))
        chmod(path, S_IRWXU | S_IRWXG | S_IRWXO);
}

void docker_task_start(DockerProvider *provider, const LaunchRequest *request)
{
    const json_t *info = docker_engine_info(provider->engine);
    uint64_t gpus = docker_gpus_pick(gpus_taken(provider), request->gpus);
    g_autofree char *gpus_names = docker_gpus_text(gpus);
    g_auto(GStrv) gpu_ids = g_strsplit(gpus_names, " ", -1);
    const DockerContext context = {.gpu_ids = (const char *const *)gpu_ids,
                                   .gpu_ids_len = g_strv_length(gpu_ids),
                                   .installation = provider->installation,
                                   .queue = request->queue,
                                   .attempt = (unsigned)request->attempt,
                                   .has_memory_limit = is_true(info, "MemoryLimit"),
                                   .has_swap_limit = is_true(info, "SwapLimit"),
                                   .has_swappiness = is_text(info, "CgroupVersion", "1"),
                                   .has_cpu_quota = is_true(info, "CpuCfsQuota"),
                                   .secret = docker_secret_read};
    g_autoptr(GError) error = NULL;
    if (g_hash_table_contains(provider->tasks, &request->token))
        return; /* it is under way */
    g_autoptr(GPtrArray) containers = docker_containers_make(request, &context, &error);
    if (!containers) {
        ProviderEvent event = {
            .type = PROVIDER_EVENT_REFUSED, .token = request->token, .reason = error->message};
        docker_tell(provider, &event);
        return;
    }
    if (request->workspace)
        workspace_make(request->workspace);
    DockerTask *task = docker_task_new(provider, &request->token);
    task->job_id = g_strdup(request->job_id);
    task->timeout_ms = request->timeout_ms;
    task->gpus = gpus;
    for (guint i = 0; i < containers->len; i++)
        add_piece(task, containers->pdata[i], containers->len, request->stdout_path);
    docker_task_step(task);
}

/* ---- found ---- */

static int compare_index(gconstpointer a, gconstpointer b)
{
    const DockerPiece *left = *(DockerPiece *const *)a, *right = *(DockerPiece *const *)b;
    return (left->index > right->index) - (left->index < right->index);
}

void docker_task_adopted(DockerTask *task, const DockerExpected *expected)
{
    bool is_whole = (int)task->pieces->len >= task->total;
    bool is_begun = has_started(task);
    g_ptr_array_sort(task->pieces, compare_index);
    for (guint i = 0; i < task->pieces->len; i++)
        piece_at(task, i)->is_unsure = expected->was_made;
    if (is_begun || expected->was_started || (expected->was_made && !is_whole)) {
        task->step = TASK_RUNNING;
        task->is_missing = !is_whole || !is_begun;
    } else if (!is_whole) {
        withdraw(task, NULL);
    } else {
        ProviderEvent event = {.type = PROVIDER_EVENT_ACCEPTED};
        task->step = TASK_MADE;
        tell(task, &event);
    }
    docker_task_step(task);
}
