/* docker_piece.c: one container of an attempt, call by call. */
#include <string.h>
#include "reconciler/provider/docker/docker_internal.h"

void docker_piece_free(void *data)
{
    DockerPiece *piece = data;
    DockerProvider *provider = piece->task->provider;
    docker_engine_cancel(provider->engine, piece->call);
    docker_pull_drop(piece);
    docker_follow_free(piece->log);
    if (piece->id)
        g_hash_table_remove(provider->pieces, piece->id);
    if (piece->depends_on)
        g_array_unref(piece->depends_on);
    json_decref(piece->body);
    char *const texts[] = {piece->name,    piece->container_name, piece->image,   piece->id,
                           piece->volumes, piece->error,          piece->log_path};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_free(piece);
}

void docker_piece_name(DockerPiece *piece, const char *id)
{
    GHashTable *pieces = piece->task->provider->pieces;
    if (piece->id)
        g_hash_table_remove(pieces, piece->id);
    g_free(piece->id);
    piece->id = g_strdup(id);
    if (id)
        g_hash_table_insert(pieces, piece->id, piece);
}

static void ask(DockerPiece *piece, const DockerCall *call, DockerDone done)
{
    g_assert(piece->call == 0);
    piece->call = docker_engine_call(piece->task->provider->engine, call, done, piece);
}

/* True: it is lost, and what became of it has to be looked at. */
static bool take(DockerPiece *piece, const DockerAnswer *answer)
{
    piece->call = 0;
    if (answer->status == 0)
        piece->is_doubted = piece->id != NULL;
    return answer->status == 0;
}

/* ---- made ---- */

/* The name carries the token: it was made by a call whose answer was lost. */
static void take_named(const DockerAnswer *answer, void *data)
{
    DockerPiece *piece = data;
    DockerTask *task = piece->task;
    bool is_lost = take(piece, answer);
    json_t *inspected = answer->error ? NULL : json_loadb(answer->body.data, answer->body.len, 0, NULL);
    const json_t *labels = json_object_get(json_object_get(inspected, "Config"), "Labels");
    const char *id = json_string_value(json_object_get(inspected, "Id"));
    const char *install = docker_label(labels, LABEL_INSTALL);
    if (id && g_strcmp0(install, task->provider->installation) == 0) {
        docker_piece_name(piece, id);
        docker_piece_seen(piece, inspected);
    } else if (id) {
        docker_task_refuse(task, "CannotCreateContainerError: the name %s is another's",
                           piece->container_name);
    }
    json_decref(inspected);
    if (!is_lost)
        docker_task_step(task); /* gone meanwhile: it is made then */
}

static void find_named(DockerPiece *piece)
{
    g_autofree char *path = g_strdup_printf("/containers/%s/json", piece->container_name);
    const DockerCall call = {.method = "GET", .path = path, .turn = DOCKER_TURN_FIRST};
    ask(piece, &call, take_named);
}

static void take_made(const DockerAnswer *answer, void *data)
{
    DockerPiece *piece = data;
    DockerTask *task = piece->task;
    if (take(piece, answer))
        return;
    if (answer->status == 409) {
        find_named(piece);
        return;
    }
    if (answer->status == 404 && !piece->was_pulled) {
        docker_pull(piece);
        return;
    }
    json_t *made = answer->error ? NULL : json_loadb(answer->body.data, answer->body.len, 0, NULL);
    const char *id = json_string_value(json_object_get(made, "Id"));
    if (id) {
        docker_piece_name(piece, id);
        piece->state = PIECE_MADE;
    } else {
        docker_task_refuse(task, "%s: Error response from daemon: %s",
                           answer->status == 404 ? "CannotPullContainerError" : "CannotCreateContainerError",
                           answer->error ? answer->error : "it names no container");
    }
    json_decref(made);
    docker_task_step(task);
}

void docker_piece_make(DockerPiece *piece)
{
    if (piece->is_always_pulled && !piece->was_pulled) {
        docker_pull(piece);
        return;
    }
    g_autofree char *path = g_strdup_printf("/containers/create?name=%s", piece->container_name);
    const DockerCall call = {.method = "POST", .path = path, .body = piece->body, .turn = DOCKER_TURN_NEXT};
    ask(piece, &call, take_made);
}

void docker_piece_pulled(DockerPiece *piece, const char *fault)
{
    piece->was_pulled = true;
    if (fault)
        docker_task_refuse(piece->task, "CannotPullContainerError: %s", fault);
    docker_task_step(piece->task);
}

/* ---- started ---- */

#define STARTS_MAX     3 /* of one container, where the engine gives up by itself */
#define START_AGAIN_MS 1000

/* One that was stopped, or is overloaded, misses a time limit of its own parts: the container did not start,
 * and can be started again. */
static bool is_tried_again(DockerPiece *piece, const DockerAnswer *answer)
{
    return answer->status == 500 && strstr(answer->error, "deadline exceeded") &&
           ++piece->start_tries < STARTS_MAX;
}

static void take_started(const DockerAnswer *answer, void *data)
{
    DockerPiece *piece = data;
    if (take(piece, answer)) {
        piece->is_unsure = true;
        return;
    }
    if (!answer->error) {
        piece->state = PIECE_RUNS;
        piece->started_ms = docker_now_ms(piece->task->provider);
    } else if (answer->status == 404 && strstr(answer->error, "No such container")) {
        piece->state = PIECE_GONE;
    } else if (is_tried_again(piece, answer)) {
        DockerProvider *provider = piece->task->provider;
        docker_note(provider, "job %s: its container is started again, as the engine said: %s",
                    piece->task->job_id, answer->error);
        docker_task_step_at(piece->task, docker_monotonic_ms(provider) + START_AGAIN_MS);
        return;
    } else {
        piece->state = PIECE_FAILED;
        piece->error =
            g_strdup_printf("CannotStartContainerError: Error response from daemon: %s", answer->error);
    }
    docker_task_step(piece->task);
}

void docker_piece_start(DockerPiece *piece)
{
    g_autofree char *path = g_strdup_printf("/containers/%s/start", piece->id);
    const DockerCall call = {.method = "POST", .path = path, .turn = DOCKER_TURN_FIRST};
    ask(piece, &call, take_started);
}

/* ---- whether it was ---- */

#define PROOF_S 3 /* its making is told within so long */

static void take_proof(const DockerAnswer *answer, void *data)
{
    DockerPiece *piece = data;
    if (take(piece, answer))
        return;
    piece->is_unsure = false;
    if (answer->error || answer->body.len == 0 || !strstr(answer->body.data, piece->id))
        piece->task->is_missing = true;
    docker_task_step(piece->task);
}

void docker_piece_prove(DockerPiece *piece)
{
    int64_t since_s = piece->made_ms / 1000;
    g_autofree char *filters =
        docker_filters(json_pack("{s:[s],s:[s]}", "container", piece->id, "event", "create"));
    g_autofree char *path =
        g_strdup_printf("/events?since=%" G_GINT64_FORMAT "&until=%" G_GINT64_FORMAT "&filters=%s", since_s,
                        since_s + PROOF_S, filters);
    const DockerCall call = {.method = "GET", .path = path, .turn = DOCKER_TURN_FIRST};
    ask(piece, &call, take_proof);
}

/* ---- looked at ---- */

void docker_piece_seen(DockerPiece *piece, const json_t *inspected)
{
    DockerState state;
    if (!docker_state_read(inspected, &state))
        return;
    piece->made_ms = state.made_ms;
    switch (state.phase) {
    case DOCKER_CREATED: piece->state = piece->started_ms ? PIECE_GONE : PIECE_MADE; return;
    case DOCKER_RUNNING:
        piece->state = PIECE_RUNS;
        piece->started_ms = state.started_ms;
        return;
    case DOCKER_ENDED:
        piece->state = PIECE_ENDED;
        piece->started_ms = state.started_ms;
        piece->ended_ms = state.finished_ms;
        piece->exit_code = state.exit_code;
        piece->is_oom = state.is_oom && state.exit_code != 0;
        return;
    case DOCKER_GOING: piece->state = PIECE_GONE; return;
    }
}

/* Removed: how it ended is known where it was told before, and was not the removal itself. */
static void take_gone(DockerPiece *piece)
{
    bool is_known = piece->has_died && piece->died_code != 137 && piece->state == PIECE_RUNS;
    piece->state = is_known ? PIECE_ENDED : PIECE_GONE;
    piece->exit_code = piece->died_code;
    piece->ended_ms = piece->died_ms;
}

static void take_look(const DockerAnswer *answer, void *data)
{
    DockerPiece *piece = data;
    if (take(piece, answer))
        return;
    json_t *inspected = answer->error ? NULL : json_loadb(answer->body.data, answer->body.len, 0, NULL);
    if (answer->status == 404)
        take_gone(piece);
    else if (inspected)
        docker_piece_seen(piece, inspected);
    json_decref(inspected);
    docker_task_step(piece->task);
}

void docker_piece_look(DockerPiece *piece)
{
    g_autofree char *path = g_strdup_printf("/containers/%s/json", piece->id);
    const DockerCall call = {.method = "GET", .path = path, .turn = DOCKER_TURN_FIRST};
    piece->is_doubted = false;
    ask(piece, &call, take_look);
}

/* ---- ended ---- */

/* What does not run any more is not killed: 409, or 404. */
static void take_killed(const DockerAnswer *answer, void *data)
{
    DockerPiece *piece = data;
    if (take(piece, answer))
        return;
    piece->is_doubted = answer->error != NULL;
    docker_task_step(piece->task);
}

void docker_piece_kill(DockerPiece *piece, const char *signal)
{
    g_autofree char *path = g_strdup_printf("/containers/%s/kill?signal=%s", piece->id, signal);
    const DockerCall call = {.method = "POST", .path = path, .turn = DOCKER_TURN_FIRST};
    ask(piece, &call, take_killed);
}

/* 409: it is being removed already. */
static void take_removed(const DockerAnswer *answer, void *data)
{
    DockerPiece *piece = data;
    if (take(piece, answer))
        return;
    bool is_gone = !answer->error || answer->status == 404 || answer->status == 409;
    if (is_gone) {
        piece->state = PIECE_GONE;
        docker_volumes_remove(piece->task->provider, piece->volumes);
    } else {
        docker_note(piece->task->provider, "container %s cannot be removed: %s", piece->container_name,
                    answer->error);
    }
    docker_task_step(piece->task);
}

void docker_piece_remove(DockerPiece *piece)
{
    g_autofree char *path = g_strdup_printf("/containers/%s?force=1&v=1", piece->id);
    const DockerCall call = {.method = "DELETE", .path = path, .turn = DOCKER_TURN_FIRST};
    ask(piece, &call, take_removed);
}
