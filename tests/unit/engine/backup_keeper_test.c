/* Where backups go: names of files and objects. */
#include "reconciler/backup_keeper.h"
#include "reconciler/object_store.h"

#define AT_MS 1768478400123 /* 2026-01-15T12:00:00.123Z */

static void name_is(const char *place, bool is_directory, const char *expected)
{
    g_autofree char *name = backup_name(place, is_directory, AT_MS);
    g_assert_cmpstr(name, ==, expected);
}

static void test_names(void)
{
    name_is("/srv/one.db", false, "/srv/one.db");
    name_is("/srv", true, "/srv/muster-20260115T120000Z.db");
    name_is("/srv/", false, "/srv/muster-20260115T120000Z.db");
    name_is("s3://lab/state.db", false, "s3://lab/state.db");
    name_is("s3://lab/a/", false, "s3://lab/a/muster-20260115T120000Z.db");
}

static void test_places(void)
{
    static const char *const bad[] = {"lab/x",      "s3://",        "s3://lab",     "s3://lab/",
                                      "s3://Lab/x", "s3://la/x",    "s3://l_b/x",   "S3://lab/x",
                                      "s3:/lab/x",  "s3://lab?x/y", "s3://lab .a/x"};
    g_auto(ObjectPlace) place = {0};
    g_assert_true(object_place_parse("s3://lab.backup-1/a b/ü+=&%.db", &place, NULL));
    g_assert_cmpstr(place.bucket, ==, "lab.backup-1");
    g_assert_cmpstr(place.key, ==, "a b/ü+=&%.db");
    g_autofree char *in_path = object_path(&place, true), *in_host = object_path(&place, false);
    g_assert_cmpstr(in_path, ==, "/lab.backup-1/a%20b/%C3%BC%2B%3D%26%25.db");
    g_assert_cmpstr(in_host, ==, "/a%20b/%C3%BC%2B%3D%26%25.db");
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        ObjectPlace none = {0};
        g_autoptr(GError) error = NULL;
        g_assert_false(object_place_parse(bad[i], &none, &error));
        g_assert_nonnull(strstr(error->message, "s3://BUCKET/KEY is expected"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/backup/names", test_names);
    g_test_add_func("/backup/places", test_places);
    return g_test_run();
}
