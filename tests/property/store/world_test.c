/* What a world writes is what the store gives back: after any commit a fresh world from the database acts as
 * the one that wrote it. MUSTER_SEEDS sets how many. */
#include <glib/gstdio.h>
#include "reconciler/store/store.h"
#include "tests/support/world_cloud_random.h"

#define STEPS 250

typedef struct {
    char *dir;
    Store *store;
} Disk;

static Disk disk_new(void)
{
    GError *error = NULL;
    Disk disk = {.dir = g_dir_make_tmp("muster-world-XXXXXX", &error)};
    g_assert_no_error(error);
    disk.store = store_open(disk.dir, NULL, &error);
    g_assert_no_error(error);
    return disk;
}

static void disk_remove(Disk *disk)
{
    store_free(disk->store);
    GDir *dir = g_dir_open(disk->dir, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(disk->dir, name, NULL);
        (void)g_unlink(path);
    }
    if (dir)
        g_dir_close(dir);
    (void)g_rmdir(disk->dir);
    g_free(disk->dir);
}

static void commit_all(RandomWorld *random, Disk *disk)
{
    Batch *batch = world_take_batch(random->world);
    if (!batch)
        return;
    GError *error = NULL;
    store_wait(disk->store, store_commit(disk->store, batch, random->now_ms), &error);
    g_assert_no_error(error);
}

static void restart(RandomWorld *random, Disk *disk)
{
    g_autoptr(GError) error = NULL;
    commit_all(random, disk);
    World *fresh = world_new(1, PROVIDER_LOCAL);
    g_autoptr(StoreReader) reader = store_reader_open(disk->dir, &error);
    bool loaded =
        reader && store_reader_load(reader, &world_sink, fresh, &error) && world_loaded(fresh, &error);
    g_assert_no_error(error);
    g_assert_true(loaded);
    instance_local(fresh, FIXTURE_MACHINE);
    world_check(fresh);
    g_autofree char *before = world_dump(random->world), *after = world_dump(fresh);
    if (strcmp(before, after) != 0)
        g_error("a restart changes\n%sinto\n%s", before, after);
    g_assert_false(world_is_dirty(fresh));
    world_free(random->world);
    random->world = fresh;
}

static void live(uint64_t seed)
{
    Disk disk = disk_new();
    RandomWorld *random = random_world_new(seed);
    world_set_final_lookup(random->world, NULL, NULL);
    cloud_random_add_resources(random);
    for (int i = 0; i < STEPS; i++) {
        random->now_ms += (int64_t)random_below(random, 3);
        uint64_t choice = random_below(random, 100);
        if (choice < 90)
            cloud_random_step(random, choice);
        else if (choice < 96)
            commit_all(random, &disk);
        else
            restart(random, &disk);
    }
    restart(random, &disk);
    random_world_free(random);
    disk_remove(&disk);
}

static void test_round_trips(void)
{
    const char *wanted = g_getenv("MUSTER_SEEDS");
    uint64_t seeds = wanted ? g_ascii_strtoull(wanted, NULL, 10) : 10;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        g_test_message("seed %" PRIu64, seed);
        live(seed);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/round-trips", test_round_trips);
    return g_test_run();
}
