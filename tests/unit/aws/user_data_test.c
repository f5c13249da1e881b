#include "reconciler/provider/aws/user_data.h"
#include <glib/gstdio.h>
#include <string.h>

static const UserDataPair attributes[] = {{"muster.environment", "spot"}},
                          tags[] = {{"muster/installation", "4f\"1a"}, {"muster/intent", "7c"}};
static const UserDataConfig config = {.cluster = "muster-spot",
                                      .attributes = attributes,
                                      .tags = tags,
                                      .attributes_len = G_N_ELEMENTS(attributes),
                                      .tags_len = G_N_ELEMENTS(tags),
                                      .reserved_memory_mib = 32,
                                      .idle_shutdown_s = 3600};

static char *merge(const char *own)
{
    g_autoptr(GError) error = NULL;
    char *text = user_data_merge(own, &config, &error);
    g_assert_no_error(error);
    return text;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        g_error("\"%s\" is not in:\n%s", part, text);
}

/* What stands between two texts; a new string. */
static char *between(const char *text, const char *after, const char *before)
{
    const char *start = strstr(text, after);
    g_assert_nonnull(start);
    start += strlen(after);
    const char *end = strstr(start, before);
    g_assert_nonnull(end);
    return g_strndup(start, (gsize)(end - start));
}

static void test_alone(void)
{
    g_autofree char *text = merge(NULL), *empty = merge("");
    g_assert_cmpstr(text, ==, empty);
    g_assert_true(g_str_has_prefix(
        text, "Content-Type: multipart/mixed; boundary=\"==MUSTER==\"\nMIME-Version: 1.0\n\n"
              "--==MUSTER==\nContent-Type: text/x-shellscript; charset=\"us-ascii\"\n\n#!/bin/sh\n"));
    g_assert_true(g_str_has_suffix(text, "\n--==MUSTER==--\n"));
    assert_has(text, "\nECS_CLUSTER=muster-spot\n");
    assert_has(text, "\nECS_INSTANCE_ATTRIBUTES={\"muster.environment\":\"spot\"}\n");
    assert_has(
        text,
        "\nECS_CONTAINER_INSTANCE_TAGS={\"muster/installation\":\"4f\\\"1a\",\"muster/intent\":\"7c\"}\n");
    assert_has(text, "\nECS_RESERVED_MEMORY=32\n");
    g_assert_null(strstr(text, "GPU"));
    UserDataConfig gpu = config;
    gpu.is_gpu = true;
    gpu.idle_shutdown_s = 0;
    g_autofree char *other = user_data_merge(NULL, &gpu, NULL);
    assert_has(other, "\nECS_ENABLE_GPU_SUPPORT=true\n");
    g_assert_null(strstr(other, "shutdown"));
}

/* Ours comes last, so that our cluster counts. */
static void test_single_parts(void)
{
    const struct {
        const char *own, *type;
    } cases[] = {{"#!/bin/bash\necho ECS_CLUSTER=theirs >>/etc/ecs/ecs.config\n", "text/x-shellscript"},
                 {"#cloud-config\nruncmd: [ls]", "text/cloud-config"},
                 {"#cloud-boothook\nls\n", "text/cloud-boothook"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = merge(cases[i].own);
        g_autofree char *part = g_strdup_printf("--==MUSTER==\nContent-Type: %s; charset=\"us-ascii\"\n\n%s",
                                                cases[i].type, cases[i].own);
        assert_has(text, part);
        g_assert_true(strstr(text, part) < strstr(text, "ECS_CLUSTER=muster-spot"));
    }
    g_autofree char *clash = merge("#!/bin/sh\necho --==MUSTER==\n");
    assert_has(clash, "boundary=\"==MUSTER==1==\"");
}

static void test_archives(void)
{
    static const char *const heads[] = {
        "Content-Type: multipart/mixed; boundary=\"B=1\"\nMIME-Version: 1.0\n\n",
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B=1\n\n",
        "content-type: multipart/mixed;\n  BOUNDARY=\"B=1\"\n\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
        g_autofree char *own = g_strconcat(
            heads[i], "--B=1\nContent-Type: text/x-shellscript\n\n#!/bin/sh\nls --B=1--x\n--B=1--\ntail",
            NULL);
        g_autofree char *text = merge(own);
        g_assert_true(g_str_has_prefix(text, heads[i]));
        assert_has(
            text,
            "ls --B=1--x\n--B=1\nContent-Type: text/x-shellscript; charset=\"us-ascii\"\n\n#!/bin/sh\n");
        g_assert_true(g_str_has_suffix(text, "\n--B=1--\n"));
        g_assert_null(strstr(text, "tail"));
    }
    const char *crlf =
        "Content-Type: multipart/mixed; boundary=\"B\"\r\n\r\n--B\r\n\r\n#!/bin/sh\r\n--B--\r\n";
    g_autofree char *text = merge(crlf);
    assert_has(text, "#!/bin/sh\r\n--B\nContent-Type");
}

static void test_refused(void)
{
    const struct {
        const char *own, *why;
    } cases[] = {
        {"\x1f\x8b\x08", "none that can be merged"},
        {"[settings.ecs]\ncluster = \"x\"\n", "none that can be merged"},
        {"<powershell>\n", "none that can be merged"},
        {"Content-Type: multipart/mixed\n\n--B--\n", "names no boundary"},
        {"Content-Type: text/plain\n\nboundary=B\n--B--\n", "names no boundary"},
        {"Content-Type: multipart/mixed; boundary=\"B\"\n\n--B\n\n#!/bin/sh\n", "not closed"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(user_data_merge(cases[i].own, &config, &error));
        g_assert_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_ILLEGAL_SEQUENCE);
        assert_has(error->message, cases[i].why);
    }
}

/* The limit of EC2, to the byte. */
static void test_limit(void)
{
    g_autofree char *least = merge("#!/bin/sh\n");
    size_t room = USER_DATA_MAX - strlen(least);
    g_autofree char *fill = g_strnfill(room - 1, 'x'), *most = g_strconcat("#!/bin/sh\n", fill, "\n", NULL),
                    *more = g_strconcat("#!/bin/sh\n", fill, "x\n", NULL);
    g_autofree char *full = merge(most);
    g_autoptr(GError) error = NULL;
    g_assert_cmpuint(strlen(full), ==, USER_DATA_MAX);
    g_assert_null(user_data_merge(more, &config, &error));
    g_assert_error(error, G_CONVERT_ERROR, G_CONVERT_ERROR_NO_MEMORY);
}

/* ---- what sh makes of it ---- */

static int run_sh(const char *directory, const char *script)
{
    g_autofree char *path = g_build_filename(directory, "script", NULL);
    const char *arguments[] = {"sh", path, NULL};
    int status;
    g_assert_true(g_file_set_contents(path, script, -1, NULL));
    g_assert_true(g_spawn_sync(directory, (char **)(uintptr_t)arguments, NULL, G_SPAWN_SEARCH_PATH, NULL,
                               NULL, NULL, NULL, &status, NULL));
    return status;
}

static void put_program(const char *directory, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(directory, name, NULL),
                    *script = g_strconcat("#!/bin/sh\n", text, "\n", NULL);
    g_assert_true(g_file_set_contents_full(path, script, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0755, NULL));
}

/* Runs the watch over idle time once. tasks: what the agent answers; NULL: it does not. Whether the instance
 * would be ended. */
static bool ends(const char *directory, const char *script, const char *tasks, int64_t idle_s)
{
    g_autofree char *stamp = g_build_filename(directory, "stamp", NULL),
                    *down = g_build_filename(directory, "down", NULL);
    g_autofree char *answer = tasks ? g_strdup_printf("echo '%s'", tasks) : g_strdup("exit 7");
    g_autofree char *mine =
        g_strdup_printf("PATH=%s:$PATH\ntouch -d @$(($(date +%%s) - %" G_GINT64_FORMAT ")) '%s'\n%s",
                        directory, idle_s, stamp, script);
    g_auto(GStrv) parts = g_strsplit(mine, "/run/muster-idle", -1);
    g_autofree char *whole = g_strjoinv(stamp, parts), *shutdown = g_strdup_printf(": >'%s'", down);
    put_program(directory, "curl", answer);
    put_program(directory, "shutdown", shutdown);
    g_unlink(down);
    g_assert_cmpint(run_sh(directory, whole), ==, 0);
    return g_file_test(down, G_FILE_TEST_EXISTS);
}

static void test_idle(void)
{
    g_autofree char *directory = g_dir_make_tmp("user-data-XXXXXX", NULL), *text = merge(NULL);
    g_autofree char *script = between(text, "/usr/local/sbin/muster-idle <<'MUSTER_END'\n", "MUSTER_END\n");
    static const char running[] = "{\"Tasks\":[{\"Arn\":\"a\",\"KnownStatus\":\"STOPPED\"},{\"Arn\":\"b\","
                                  "\"KnownStatus\":\"RUNNING\"}]}";
    static const char stopped[] =
        "{\"Tasks\":[{\"Arn\":\"a\",\"DesiredStatus\":\"RUNNING\",\"KnownStatus\":\"STOPPED\"}]}";
    g_assert_false(ends(directory, script, stopped, 3500));
    g_assert_true(ends(directory, script, stopped, 3700));
    g_assert_true(ends(directory, script, "{\"Tasks\":[]}", 3700));
    g_assert_true(ends(directory, script, NULL, 3700));
    g_assert_false(ends(directory, script, running, 1000000)); /* and its time begins anew */
    g_assert_false(ends(directory, script, "{\"Tasks\":[{\"KnownStatus\":\"PENDING\"}]}", 3700));
    const char *const names[] = {"curl", "shutdown", "stamp", "down", "script"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(directory, names[i], NULL);
        g_unlink(path);
    }
    g_assert_cmpint(g_rmdir(directory), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/user-data/alone", test_alone);
    g_test_add_func("/user-data/single-parts", test_single_parts);
    g_test_add_func("/user-data/archives", test_archives);
    g_test_add_func("/user-data/refused", test_refused);
    g_test_add_func("/user-data/limit", test_limit);
    g_test_add_func("/user-data/idle", test_idle);
    return g_test_run();
}
