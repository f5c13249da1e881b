/* docker_layers_test.c: how far a pull is, from the engine's lines. */
#include "reconciler/provider/docker/docker_layers.h"

/* Single quotes stand for double ones. */
static void take(DockerLayers *layers, const char *text)
{
    g_autofree char *json = g_strdelimit(g_strdup(text), "'", '"');
    json_t *line = json_loads(json, 0, NULL);
    g_assert_nonnull(line);
    docker_layers_take(layers, line);
    json_decref(line);
}

static void expect(const DockerLayers *layers, const char *text)
{
    g_autofree char *found = docker_layers_text(layers);
    g_assert_cmpstr(found, ==, text);
}

static void test_pull(void)
{
    DockerLayers layers = {0};
    expect(&layers, NULL);
    take(&layers, "{'status': 'Pulling from library/busybox', 'id': 'latest'}");
    take(&layers, "{'status': 'Already exists', 'progressDetail': {}, 'id': 'old'}");
    expect(&layers, NULL);
    take(&layers, "{'status': 'Pulling fs layer', 'progressDetail': {}, 'id': 'a'}");
    take(&layers, "{'status': 'Pulling fs layer', 'progressDetail': {}, 'id': 'b'}");
    expect(&layers, NULL);
    take(&layers,
         "{'status': 'Downloading', 'progressDetail': {'current': 500000, 'total': 4000000}, 'id': 'a'}");
    expect(&layers, "0.5 of 4.0 MB");
    take(&layers,
         "{'status': 'Downloading', 'progressDetail': {'current': 1000000, 'total': 6000000}, 'id': 'b'}");
    take(&layers, "{'status': 'Download complete', 'progressDetail': {}, 'id': 'a'}");
    expect(&layers, "5.0 of 10.0 MB");
    take(&layers, "{'status': 'Extracting', 'progressDetail': {'current': 1, 'total': 4000000}, 'id': 'a'}");
    take(&layers, "{'status': 'Download complete', 'progressDetail': {}, 'id': 'b'}");
    expect(&layers, "unpacking, 0 of 2 layers done");
    take(&layers, "{'status': 'Pull complete', 'progressDetail': {}, 'id': 'a'}");
    expect(&layers, "unpacking, 1 of 2 layers done");
    docker_layers_clear(&layers);
    expect(&layers, NULL);
}

/* What comes from outside has a limit. */
static void test_many(void)
{
    DockerLayers layers = {0};
    for (int i = 0; i < 2 * LAYERS_MAX; i++) {
        g_autofree char *line = g_strdup_printf("{'status': 'Pull complete', 'id': '%d'}", i);
        take(&layers, line);
    }
    expect(&layers, "unpacking, 500 of 500 layers done");
    docker_layers_clear(&layers);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/docker/layers", test_pull);
    g_test_add_func("/docker/layers/many", test_many);
    return g_test_run();
}
