/* docker_kept.c: containers that ended stay for a while, so that somebody may look into them: the newest
 * KEPT_MAX, for KEPT_MS. What they printed is kept elsewhere. */
#include "reconciler/provider/docker/docker_internal.h"

#define KEPT_MAX 20
#define KEPT_MS  ((int64_t)10 * 60 * 1000)

typedef struct {
    DockerProvider *provider;
    char *id, *volumes;
    int64_t until_ms; /* monotonic */
    GSource *timer;   /* of the oldest only */
    uint64_t call;
} DockerKept;

static void look(DockerProvider *provider);

static void kept_free(void *data)
{
    DockerKept *kept = data;
    if (kept->timer)
        g_source_destroy(kept->timer);
    g_clear_pointer(&kept->timer, g_source_unref);
    docker_engine_cancel(kept->provider->engine, kept->call);
    g_free(kept->id);
    g_free(kept->volumes);
    g_free(kept);
}

/* One that cannot be removed is found by the next list. */
static void take_removed(const DockerAnswer *answer, void *data)
{
    DockerKept *kept = data;
    kept->call = 0;
    if (!answer->error)
        docker_volumes_remove(kept->provider, kept->volumes);
    g_queue_remove(&kept->provider->kept, kept);
    kept_free(kept);
}

static void remove_it(DockerKept *kept)
{
    g_autofree char *path = g_strdup_printf("/containers/%s?v=1&force=1", kept->id);
    const DockerCall call = {.method = "DELETE", .path = path, .turn = DOCKER_TURN_LAST};
    kept->call = docker_engine_call(kept->provider->engine, &call, take_removed, kept);
}

static gboolean look_again(gpointer data)
{
    DockerKept *kept = data;
    g_source_destroy(kept->timer);
    g_clear_pointer(&kept->timer, g_source_unref);
    look(kept->provider);
    return G_SOURCE_REMOVE;
}

static void look(DockerProvider *provider)
{
    int64_t now_ms = docker_monotonic_ms(provider);
    guint left = g_queue_get_length(&provider->kept);
    for (GList *at = provider->kept.head; at; at = at->next, left--) {
        DockerKept *kept = at->data;
        if (kept->call)
            continue;
        if (left > KEPT_MAX || kept->until_ms <= now_ms) {
            remove_it(kept);
            continue;
        }
        if (!kept->timer)
            kept->timer = docker_after(provider, kept->until_ms - now_ms, look_again, kept);
        return; /* those behind it are younger */
    }
}

static void ignore(const DockerAnswer *answer, void *data)
{
    (void)answer; /* in use yet, or gone */
    (void)data;
}

void docker_volumes_remove(DockerProvider *provider, const char *volumes)
{
    g_auto(GStrv) names = g_strsplit(volumes ? volumes : "", " ", -1);
    for (char **name = names; *name; name++) {
        g_autofree char *path = g_strdup_printf("/volumes/%s", *name);
        const DockerCall call = {.method = "DELETE", .path = path, .turn = DOCKER_TURN_LAST};
        if (**name)
            docker_engine_call(provider->engine, &call, ignore, NULL);
    }
}

void docker_kept_add(DockerProvider *provider, const char *id, const char *volumes, int64_t ended_ms)
{
    DockerKept *kept = g_new0(DockerKept, 1);
    int64_t age_ms = ended_ms ? MAX(docker_now_ms(provider) - ended_ms, 0) : 0;
    kept->provider = provider;
    kept->id = g_strdup(id);
    kept->volumes = g_strdup(volumes);
    kept->until_ms = docker_monotonic_ms(provider) + KEPT_MS - MIN(age_ms, KEPT_MS);
    g_queue_push_tail(&provider->kept, kept);
    look(provider);
}

bool docker_kept_has(const DockerProvider *provider, const char *id)
{
    for (const GList *at = provider->kept.head; at; at = at->next)
        if (g_str_equal(((const DockerKept *)at->data)->id, id))
            return true;
    return false;
}

void docker_kept_clear(DockerProvider *provider)
{
    g_queue_clear_full(&provider->kept, kept_free);
}
