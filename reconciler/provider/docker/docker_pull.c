/* docker_pull.c: images are fetched once for all attempts that wait for them, a few at a time. */
#include <string.h>
#include "reconciler/provider/docker/docker_auth.h"
#include "reconciler/provider/docker/docker_image.h"
#include "reconciler/provider/docker/docker_internal.h"
#include "reconciler/provider/docker/docker_layers.h"

#define PULLS_MAX 3    /* at a time: each is several connections of the engine's */
#define TELL_MS   2000 /* between two words of how far it is */

/* Owned by DockerProvider.pulls, by the image as definitions have it. */
struct DockerFetch {
    DockerProvider *provider;
    char *image;
    GPtrArray *waiting;           /* of DockerPiece* */
    uint64_t call;                /* 0: its turn has not come, or its credentials have not */
    DockerAuthQuestion *question; /* for them; NULL: it is answered, or was not asked */
    DockerLines lines;
    DockerLayers layers;
    char *told;       /* how far it is, as it was told last; NULL: not yet */
    int64_t told_ms;  /* monotonic: when */
    GSource *telling; /* soon; NULL: nothing new */
    char *fault;      /* what the engine said on the way; NULL: nothing bad */
    char *auth_fault; /* why credentials that there may be could not be had; NULL: nothing bad */
};

static void next(DockerProvider *provider);

static void drop_telling(DockerFetch *pull)
{
    if (pull->telling)
        g_source_destroy(pull->telling);
    g_clear_pointer(&pull->telling, g_source_unref);
}

void docker_pull_free(void *data)
{
    DockerFetch *pull = data;
    docker_engine_cancel(pull->provider->engine, pull->call);
    docker_auth_question_free(pull->question);
    docker_lines_clear(&pull->lines);
    docker_layers_clear(&pull->layers);
    drop_telling(pull);
    g_free(pull->told);
    g_ptr_array_unref(pull->waiting);
    g_free(pull->image);
    g_free(pull->fault);
    g_free(pull->auth_fault);
    g_free(pull);
}

/* ---- how far it is ---- */

static char *state_of(const DockerFetch *pull)
{
    g_autofree char *far = docker_layers_text(&pull->layers);
    if (!pull->call && !pull->question)
        return g_strdup_printf("the image %s: its turn to be pulled", pull->image);
    return g_strdup_printf("the image %s is pulled%s%s", pull->image, far ? ": " : "", far ? far : "");
}

static void tell_one(const DockerPiece *piece, const char *text)
{
    const ProviderEvent event = {
        .type = PROVIDER_EVENT_ACCEPTED, .token = piece->task->token, .reason = text};
    if (piece->task->step == TASK_MAKING)
        docker_tell(piece->task->provider, &event);
}

static void tell_all(DockerFetch *pull)
{
    char *text = state_of(pull);
    bool is_news = g_strcmp0(text, pull->told) != 0;
    g_free(pull->told);
    pull->told = text;
    pull->told_ms = docker_monotonic_ms(pull->provider);
    for (guint i = 0; is_news && i < pull->waiting->len; i++)
        tell_one(pull->waiting->pdata[i], text);
}

static gboolean tell_later(gpointer data)
{
    DockerFetch *pull = data;
    drop_telling(pull);
    tell_all(pull);
    return G_SOURCE_REMOVE;
}

static void tell_soon(DockerFetch *pull)
{
    int64_t after_ms = pull->told_ms + TELL_MS - docker_monotonic_ms(pull->provider);
    if (!pull->telling)
        pull->telling = docker_after(pull->provider, MAX(after_ms, 0), tell_later, pull);
}

/* ---- the engine's answer ---- */

/* A fault comes in the middle of an answer that began well. */
static void take_line(View line, void *data)
{
    DockerFetch *pull = data;
    json_t *progress = json_loadb(line.data, line.len, 0, NULL);
    const char *fault = json_string_value(json_object_get(progress, "error"));
    if (fault && !pull->fault)
        pull->fault = g_strndup(fault, 400);
    docker_layers_take(&pull->layers, progress);
    json_decref(progress);
}

static bool take_piece(View bytes, void *data)
{
    DockerFetch *pull = data;
    bool is_good = docker_lines_take(&pull->lines, bytes, take_line, pull);
    tell_soon(pull);
    return is_good;
}

/* Those that wait take their next step; the next of the same image is a new one. */
static void over(DockerFetch *pull, const char *fault)
{
    DockerProvider *provider = pull->provider;
    g_autoptr(GPtrArray) waiting = g_ptr_array_ref(pull->waiting);
    g_autofree char *why = g_strdup(fault);
    pull->call = 0;
    pull->waiting = g_ptr_array_new();
    g_hash_table_remove(provider->pulls, pull->image);
    for (guint i = 0; i < waiting->len; i++)
        ((DockerPiece *)waiting->pdata[i])->is_pulling = false;
    for (guint i = 0; i < waiting->len; i++)
        docker_piece_pulled(waiting->pdata[i], why);
    next(provider);
}

/* One whose answer was lost is asked for again: what was fetched stays fetched. */
static void take_end(const DockerAnswer *answer, void *data)
{
    DockerFetch *pull = data;
    if (answer->status == 0 && !pull->fault) {
        pull->call = 0;
        return;
    }
    const char *fault = answer->error ? answer->error : pull->fault;
    g_autofree char *why =
        fault ? g_strdup_printf("Error response from daemon: %s%s%s", fault, pull->auth_fault ? "; " : "",
                                pull->auth_fault ? pull->auth_fault : "")
              : NULL;
    over(pull, why);
}

static void ask(DockerFetch *pull, const DockerImage *image, const char *auth)
{
    g_autofree char *query = docker_image_pull_query(image);
    g_autofree char *path = g_strdup_printf("/images/create?%s", query);
    const DockerCall call = {
        .method = "POST", .path = path, .registry_auth = auth, .turn = DOCKER_TURN_NEXT, .take = take_piece};
    docker_lines_clear(&pull->lines);
    docker_layers_clear(&pull->layers);
    pull->call = docker_engine_call(pull->provider->engine, &call, take_end, pull);
    tell_all(pull);
}

/* Without them it is tried as anybody may, as Docker's client does: most images are for all. */
static void take_auth(const char *header, const GError *error, void *data)
{
    DockerFetch *pull = data;
    DockerAuthQuestion *question = g_steal_pointer(&pull->question);
    g_autoptr(DockerImage) image = docker_image_parse(pull->image, NULL);
    g_free(pull->auth_fault);
    pull->auth_fault = error ? g_strdup(error->message) : NULL;
    ask(pull, image, header);
    docker_auth_question_free(question);
}

static void begin(DockerFetch *pull)
{
    const DockerProviderOptions *options = &pull->provider->options;
    g_autoptr(GError) error = NULL;
    g_autoptr(DockerImage) image = docker_image_parse(pull->image, &error);
    if (!image)
        over(pull, error->message);
    else if (image->is_id)
        over(pull, "it is the id of an image that is not there, and an id cannot be pulled");
    else
        pull->question = docker_auth_ask(pull->provider->context, options->variable, options->variable_data,
                                         image->registry, take_auth, pull);
}

static DockerFetch *next_of(DockerProvider *provider)
{
    DockerFetch *pull, *waits = NULL;
    GHashTableIter iter;
    int under_way = 0;
    g_hash_table_iter_init(&iter, provider->pulls);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&pull)) {
        bool is_begun = pull->call || pull->question;
        under_way += is_begun;
        if (!is_begun && pull->waiting->len > 0)
            waits = pull;
    }
    return under_way < PULLS_MAX ? waits : NULL;
}

static void next(DockerProvider *provider)
{
    DockerFetch *pull;
    while (docker_engine_is_up(provider->engine) && (pull = next_of(provider)))
        begin(pull);
}

void docker_pulls_again(DockerProvider *provider)
{
    next(provider);
}

void docker_pull(DockerPiece *piece)
{
    DockerProvider *provider = piece->task->provider;
    DockerFetch *pull = g_hash_table_lookup(provider->pulls, piece->image);
    if (!pull) {
        pull = g_new0(DockerFetch, 1);
        pull->provider = provider;
        pull->image = g_strdup(piece->image);
        pull->waiting = g_ptr_array_new();
        g_hash_table_insert(provider->pulls, pull->image, pull);
    }
    piece->is_pulling = true;
    g_ptr_array_add(pull->waiting, piece);
    next(provider);
    pull = g_hash_table_lookup(provider->pulls, piece->image); /* it may be over */
    if (pull && piece->is_pulling) {
        g_autofree char *text = state_of(pull);
        tell_one(piece, text);
    }
}

/* One that nobody waits for any more goes on: the next attempt has it sooner. */
void docker_pull_drop(DockerPiece *piece)
{
    DockerFetch *pull =
        piece->is_pulling ? g_hash_table_lookup(piece->task->provider->pulls, piece->image) : NULL;
    if (pull)
        g_ptr_array_remove(pull->waiting, piece);
    piece->is_pulling = false;
}
