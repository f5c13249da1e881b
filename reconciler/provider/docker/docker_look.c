/* docker_look.c: what is there. The engine tells of what happens; a list tells what that may have left out:
 * at the beginning, after each break, and once a minute. What a list only suggests is looked at by itself. */
#include <string.h>
#include "reconciler/provider/docker/docker_gpus.h"
#include "reconciler/provider/docker/docker_internal.h"
#include "reconciler/provider/docker/docker_reader.h"

#define LIST_MS      60000
#define AGAIN_MS     1000
#define STRANGER_MS  3000  /* between the two looks at what nobody knows */
#define READ_AT_ONCE 16384 /* bytes of a list: more is read beside the loop */

struct DockerLook {
    DockerProvider *provider;
    uint64_t events, list; /* calls; 0: none */
    DockerReader *reader;
    DockerReading *reading; /* of the list; NULL: none */
    DockerLines lines;
    GPtrArray *told;       /* of char*: ids that events told of, to be looked at when the call is left */
    GSource *idle, *timer; /* of these; of the next list */
    uint64_t number;       /* of the list */
    GHashTable *strangers; /* id → itself: what nobody knew in the list before */
    GPtrArray *adoptions;  /* of Adoption*: looks at what an earlier process left, under way */
    GPtrArray *collects;   /* of Collect*: what nobody knows is being ended */
};

typedef struct {
    DockerLook *look;
    uint64_t call;
} Adoption;

typedef struct {
    DockerLook *look;
    char *id, *environment, *volumes;
    uint64_t call;
} Collect;

static void list(DockerLook *look);

/* ---- what happens ---- */

static json_int_t exit_code_of(const json_t *attributes)
{
    const char *code = json_string_value(json_object_get(attributes, "exitCode"));
    if (!code) /* Podman's word */
        code = json_string_value(json_object_get(attributes, "containerExitCode"));
    return code ? g_ascii_strtoll(code, NULL, 10) : 137;
}

static void take_event(View line, void *data)
{
    DockerLook *look = data;
    json_t *event = json_loadb(line.data, line.len, 0, NULL);
    const json_t *actor = json_object_get(event, "Actor");
    const char *id = json_string_value(json_object_get(actor, "ID"));
    const char *action = json_string_value(json_object_get(event, "Action"));
    DockerPiece *piece = id ? g_hash_table_lookup(look->provider->pieces, id) : NULL;
    bool has_died = g_strcmp0(action, "die") == 0 || g_strcmp0(action, "died") == 0;
    bool is_gone = g_strcmp0(action, "destroy") == 0 || g_strcmp0(action, "remove") == 0;
    if (piece && has_died) {
        piece->has_died = true;
        piece->died_code = (int)exit_code_of(json_object_get(actor, "Attributes"));
        piece->died_ms = json_integer_value(json_object_get(event, "timeNano")) / 1000000;
    }
    if (piece && (has_died || is_gone)) {
        piece->is_doubted = true;
        g_ptr_array_add(look->told, g_strdup(id));
    }
    json_decref(event);
}

static void drop(GSource **source)
{
    if (*source)
        g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

static gboolean step_told(gpointer data)
{
    DockerLook *look = data;
    g_autoptr(GPtrArray) told = g_steal_pointer(&look->told);
    look->told = g_ptr_array_new_with_free_func(g_free);
    drop(&look->idle);
    for (guint i = 0; i < told->len; i++) {
        DockerPiece *piece = g_hash_table_lookup(look->provider->pieces, told->pdata[i]);
        if (piece)
            docker_task_step(piece->task);
    }
    return G_SOURCE_REMOVE;
}

static bool take_events(View bytes, void *data)
{
    DockerLook *look = data;
    bool is_good = docker_lines_take(&look->lines, bytes, take_event, look);
    if (look->told->len > 0 && !look->idle)
        look->idle = docker_after(look->provider, 0, step_told, look);
    return is_good;
}

/* It never ends by itself: whoever ended it may have ended, too. */
static void take_events_end(const DockerAnswer *answer, void *data)
{
    DockerLook *look = data;
    look->events = 0;
    docker_engine_doubt(look->provider->engine, answer->error ? answer->error : "its events have ended");
}

/* Of all installations where ours has no name yet: whose token it is tells then. */
static char *filters_of(const DockerLook *look)
{
    const char *installation = look->provider->installation;
    g_autofree char *label =
        installation ? g_strdup_printf(LABEL_INSTALL "=%s", installation) : g_strdup(LABEL_INSTALL);
    return docker_filters(json_pack("{s:[s]}", "label", label));
}

/* From a moment before the list on, by the engine's own clock: nothing happens between the two. */
static void listen(DockerLook *look)
{
    const json_t *info = docker_engine_info(look->provider->engine);
    int64_t since_ms = docker_time_ms(json_string_value(json_object_get(info, "SystemTime")));
    g_autofree char *filters = filters_of(look);
    g_autofree char *since = since_ms ? g_strdup_printf("&since=%" G_GINT64_FORMAT, since_ms / 1000) : NULL;
    g_autofree char *path = g_strdup_printf("/events?filters=%s%s", filters, since ? since : "");
    const DockerCall call = {.method = "GET", .path = path, .turn = DOCKER_TURN_FIRST, .take = take_events};
    docker_lines_clear(&look->lines);
    look->events = docker_engine_call(look->provider->engine, &call, take_events_end, look);
}

/* ---- what an earlier process left ---- */

static void adoption_free(void *data)
{
    Adoption *adoption = data;
    docker_engine_cancel(adoption->look->provider->engine, adoption->call);
    g_free(adoption);
}

static void dependency_clear(void *data)
{
    g_free(((DockerDependency *)data)->container);
}

static GArray *dependencies_of(const char *text)
{
    if (!text)
        return NULL;
    GArray *depends_on = g_array_new(FALSE, TRUE, sizeof(DockerDependency));
    g_auto(GStrv) parts = g_strsplit(text, " ", 0);
    for (char **part = parts; *part; part++) {
        char *colon = strrchr(*part, ':');
        if (!colon)
            continue;
        *colon = '\0';
        DockerDependency on = {g_strdup(*part), (DockerUntil)g_ascii_strtoll(colon + 1, NULL, 10)};
        g_array_append_val(depends_on, on);
    }
    g_array_set_clear_func(depends_on, dependency_clear);
    return depends_on;
}

static int64_t number_of(const json_t *labels, const char *name)
{
    const char *text = docker_label(labels, name);
    return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

static DockerTask *task_of(DockerLook *look, const LaunchToken *token, const json_t *labels)
{
    DockerTask *task = g_hash_table_lookup(look->provider->tasks, token);
    if (task)
        return task;
    task = docker_task_new(look->provider, token);
    task->step = TASK_ADOPTING;
    task->job_id = g_strdup(docker_label(labels, LABEL_JOB));
    task->timeout_ms = number_of(labels, LABEL_TIMEOUT);
    task->total = (int)number_of(labels, LABEL_TOTAL);
    task->gpus = docker_gpus_parse(docker_label(labels, LABEL_GPUS));
    return task;
}

static void adopt(DockerLook *look, const json_t *inspected)
{
    const json_t *labels = json_object_get(json_object_get(inspected, "Config"), "Labels");
    const char *id = json_string_value(json_object_get(inspected, "Id"));
    const char *name = json_string_value(json_object_get(inspected, "Name"));
    LaunchToken token;
    if (!id || !launch_token_from_text(docker_label(labels, LABEL_TOKEN), &token) ||
        !docker_label(labels, LABEL_LOG))
        return;
    DockerPiece *piece = g_hash_table_lookup(look->provider->pieces, id);
    if (!piece) {
        piece = g_new0(DockerPiece, 1);
        piece->task = task_of(look, &token, labels);
        piece->name = g_strdup(docker_label(labels, LABEL_CONTAINER));
        piece->container_name = g_strdup(name && *name == '/' ? name + 1 : name);
        piece->volumes = g_strdup(docker_label(labels, LABEL_VOLUMES));
        piece->log_path = g_strdup(docker_label(labels, LABEL_LOG));
        piece->stop_ms = number_of(labels, LABEL_GRACE);
        piece->start_timeout_ms = number_of(labels, LABEL_PATIENCE);
        piece->is_essential = g_strcmp0(docker_label(labels, LABEL_ESSENTIAL), "false") != 0;
        piece->depends_on = dependencies_of(docker_label(labels, LABEL_DEPENDS_ON));
        piece->index = (int)number_of(labels, LABEL_INDEX);
        g_ptr_array_add(piece->task->pieces, piece);
        docker_piece_name(piece, id);
    }
    docker_piece_seen(piece, inspected);
}

static void adopted(DockerLook *look)
{
    DockerProvider *provider = look->provider;
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    GHashTableIter iter;
    const DockerExpected *one;
    g_hash_table_iter_init(&iter, provider->expected);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&one))
        if (g_hash_table_contains(provider->tasks, &one->token))
            g_ptr_array_add(found, (gpointer)(uintptr_t)one);
    for (guint i = 0; i < found->len; i++) {
        const DockerExpected *expected = found->pdata[i];
        DockerTask *task = g_hash_table_lookup(provider->tasks, &expected->token);
        const DockerExpected as = *expected;
        task->is_stopping |= docker_found(provider, &task->token);
        docker_task_adopted(task, &as);
    }
    docker_observed(provider);
}

/* Lost: the engine is asked for all of it again when it answers. Gone meanwhile: it is not there. */
static void take_adoption(const DockerAnswer *answer, void *data)
{
    Adoption *adoption = data;
    DockerLook *look = adoption->look;
    adoption->call = 0;
    if (answer->status == 0)
        return;
    json_t *inspected = answer->error ? NULL : json_loadb(answer->body.data, answer->body.len, 0, NULL);
    if (inspected)
        adopt(look, inspected);
    json_decref(inspected);
    g_ptr_array_remove(look->adoptions, adoption);
    if (look->adoptions->len == 0)
        adopted(look);
}

static void adopt_later(DockerLook *look, const char *id)
{
    g_autofree char *path = g_strdup_printf("/containers/%s/json", id);
    const DockerCall call = {.method = "GET", .path = path, .turn = DOCKER_TURN_FIRST};
    Adoption *adoption = g_new0(Adoption, 1);
    adoption->look = look;
    g_ptr_array_add(look->adoptions, adoption);
    adoption->call = docker_engine_call(look->provider->engine, &call, take_adoption, adoption);
}

/* ---- what nobody knows ---- */

static void collect_free(void *data)
{
    Collect *collect = data;
    docker_engine_cancel(collect->look->provider->engine, collect->call);
    g_free(collect->id);
    g_free(collect->environment);
    g_free(collect->volumes);
    g_free(collect);
}

static void take_collected(const DockerAnswer *answer, void *data)
{
    Collect *collect = data;
    collect->call = 0;
    if (!answer->error) {
        const ProviderEvent event = {
            .type = PROVIDER_EVENT_COLLECTED,
            .provider_id = collect->id,
            .environment = collect->environment,
            .reason = "a container that carries our label and belongs to no job that is known was removed"};
        docker_tell(collect->look->provider, &event);
        docker_volumes_remove(collect->look->provider, collect->volumes);
    }
    g_ptr_array_remove(collect->look->collects, collect);
}

static void collect(DockerLook *look, const DockerListed *listed)
{
    g_autofree char *path = g_strdup_printf("/containers/%s?force=1&v=1", listed->id);
    const DockerCall call = {.method = "DELETE", .path = path, .turn = DOCKER_TURN_LAST};
    Collect *one = g_new0(Collect, 1);
    one->look = look;
    one->id = g_strdup(listed->id);
    one->volumes = g_strdup(listed->volumes);
    one->environment = g_strdup(listed->environment);
    g_ptr_array_add(look->collects, one);
    one->call = docker_engine_call(look->provider->engine, &call, take_collected, one);
}

/* What ended is kept as others are; what may run, or may be started, is seen twice before it is ended. */
static void take_stranger(DockerLook *look, const DockerListed *listed, GHashTable *strangers)
{
    DockerProvider *provider = look->provider;
    if (!provider->installation || g_strcmp0(listed->installation, provider->installation) != 0)
        return; /* another's (invariant 5) */
    if (listed->phase == DOCKER_ENDED) {
        if (!docker_kept_has(provider, listed->id))
            docker_kept_add(provider, listed->id, listed->volumes, 0);
    } else if (listed->phase != DOCKER_GOING && g_hash_table_contains(look->strangers, listed->id)) {
        collect(look, listed);
    } else {
        char *own = g_strdup(listed->id);
        g_hash_table_add(strangers, own);
    }
}

/* ---- the list ---- */

static gboolean list_again(gpointer data)
{
    DockerLook *look = data;
    drop(&look->timer);
    list(look);
    return G_SOURCE_REMOVE;
}

static void list_after(DockerLook *look, int64_t after_ms)
{
    drop(&look->timer);
    look->timer = docker_after(look->provider, after_ms, list_again, look);
}

/* What it says of one of ours is older than what is known by now: it only makes us look. */
static void take_known(DockerPiece *piece, DockerPhase phase, uint64_t number)
{
    bool is_as_known = (phase == DOCKER_CREATED && piece->state == PIECE_MADE) ||
                       (phase == DOCKER_RUNNING && piece->state == PIECE_RUNS);
    piece->seen = number;
    if (is_as_known || piece->state >= PIECE_ENDED)
        return;
    piece->is_doubted = true;
}

static void take_item(DockerLook *look, const DockerListed *listed, GHashTable *strangers)
{
    DockerProvider *provider = look->provider;
    DockerPiece *piece = g_hash_table_lookup(provider->pieces, listed->id);
    if (piece)
        take_known(piece, listed->phase, look->number);
    else if (g_hash_table_contains(provider->expected, &listed->token))
        adopt_later(look, listed->id);
    else if (!g_hash_table_contains(provider->tasks, &listed->token))
        take_stranger(look, listed, strangers);
}

/* Not in the list, and it was there before it was asked for. */
static void doubt_missing(DockerLook *look)
{
    GHashTableIter iter;
    DockerPiece *piece;
    g_hash_table_iter_init(&iter, look->provider->pieces);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&piece))
        if (piece->seen + 1 == look->number && piece->state != PIECE_UNMADE && piece->state < PIECE_ENDED)
            piece->is_doubted = true;
}

static void step_all(DockerLook *look)
{
    g_autoptr(GPtrArray) tasks = g_ptr_array_new();
    GHashTableIter iter;
    DockerTask *task;
    g_hash_table_iter_init(&iter, look->provider->tasks);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&task))
        g_ptr_array_add(tasks, task);
    for (guint i = 0; i < tasks->len; i++)
        docker_task_step(tasks->pdata[i]);
}

static void refuse_list(DockerLook *look, const char *why)
{
    docker_note(look->provider, "containers cannot be listed: %s", why);
    list_after(look, AGAIN_MS);
}

static void take_read(const DockerList *read, void *data)
{
    DockerLook *look = data;
    look->reading = NULL;
    if (!read) {
        refuse_list(look, "the answer is no list");
        return;
    }
    GHashTable *strangers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < read->items->len; i++)
        take_item(look, &g_array_index(read->items, DockerListed, i), strangers);
    g_hash_table_unref(look->strangers);
    look->strangers = strangers;
    doubt_missing(look);
    list_after(look, g_hash_table_size(strangers) > 0 ? STRANGER_MS : LIST_MS);
    if (look->adoptions->len == 0)
        adopted(look);
    step_all(look);
}

/* Lost: it is asked for again when the engine answers again. */
static void take_list(const DockerAnswer *answer, void *data)
{
    DockerLook *look = data;
    look->list = 0;
    if (answer->status == 0)
        return;
    if (answer->error) {
        refuse_list(look, answer->error);
    } else if (answer->body.len > READ_AT_ONCE) {
        look->reading = docker_reader_read(look->reader, answer->body, take_read, look);
    } else {
        g_autoptr(DockerList) read = docker_list_read(answer->body);
        take_read(read, look);
    }
}

/* Those that are known by now are to be in it. */
static void list(DockerLook *look)
{
    GHashTableIter iter;
    DockerPiece *piece;
    g_autofree char *filters = filters_of(look);
    g_autofree char *path = g_strdup_printf("/containers/json?all=1&filters=%s", filters);
    const DockerCall call = {.method = "GET", .path = path, .turn = DOCKER_TURN_FIRST};
    look->number++;
    g_hash_table_iter_init(&iter, look->provider->pieces);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&piece))
        piece->seen = look->number - 1;
    look->list = docker_engine_call(look->provider->engine, &call, take_list, look);
}

/* ---- life ---- */

void docker_look_end(DockerLook *look)
{
    DockerEngine *engine = look->provider->engine;
    docker_engine_cancel(engine, look->events);
    docker_engine_cancel(engine, look->list);
    look->events = look->list = 0;
    docker_reading_cancel(g_steal_pointer(&look->reading));
    drop(&look->timer);
    g_ptr_array_set_size(look->adoptions, 0);
    g_hash_table_remove_all(look->strangers);
}

void docker_look_begin(DockerLook *look)
{
    docker_look_end(look);
    listen(look);
    list(look);
}

DockerLook *docker_look_new(DockerProvider *provider)
{
    DockerLook *look = g_new0(DockerLook, 1);
    look->provider = provider;
    look->reader = docker_reader_new(provider->context);
    look->told = g_ptr_array_new_with_free_func(g_free);
    look->strangers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    look->adoptions = g_ptr_array_new_with_free_func(adoption_free);
    look->collects = g_ptr_array_new_with_free_func(collect_free);
    return look;
}

void docker_look_free(DockerLook *look)
{
    docker_look_end(look);
    docker_reader_free(look->reader);
    drop(&look->idle);
    docker_lines_clear(&look->lines);
    g_ptr_array_unref(look->told);
    g_hash_table_unref(look->strangers);
    g_ptr_array_unref(look->adoptions);
    g_ptr_array_unref(look->collects);
    g_free(look);
}
