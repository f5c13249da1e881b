#include "reconciler/provider/docker/docker_image.h"
#include <string.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* What Docker's own reference parser makes of them. */
static void test_canonical(void)
{
    static const struct {
        const char *text, *name, *registry, *query;
    } cases[] = {
        {"busybox", "docker.io/library/busybox:latest", "docker.io",
         "fromImage=docker.io%2Flibrary%2Fbusybox&tag=latest"},
        {"busybox:1.36", "docker.io/library/busybox:1.36", "docker.io",
         "fromImage=docker.io%2Flibrary%2Fbusybox&tag=1.36"},
        {"biocontainers/bwa:v0.7.17_cv1", "docker.io/biocontainers/bwa:v0.7.17_cv1", "docker.io",
         "fromImage=docker.io%2Fbiocontainers%2Fbwa&tag=v0.7.17_cv1"},
        {"index.docker.io/library/debian", "docker.io/library/debian:latest", "docker.io",
         "fromImage=docker.io%2Flibrary%2Fdebian&tag=latest"},
        {"docker.io/debian:12", "docker.io/library/debian:12", "docker.io",
         "fromImage=docker.io%2Flibrary%2Fdebian&tag=12"},
        {"localhost/app", "localhost/app:latest", "localhost", "fromImage=localhost%2Fapp&tag=latest"},
        {"localhost:5000/a/b:t", "localhost:5000/a/b:t", "localhost:5000",
         "fromImage=localhost%3A5000%2Fa%2Fb&tag=t"},
        {"local/app", "docker.io/local/app:latest", "docker.io",
         "fromImage=docker.io%2Flocal%2Fapp&tag=latest"},
        {"public.ecr.aws/docker/library/debian:12-slim", "public.ecr.aws/docker/library/debian:12-slim",
         "public.ecr.aws", "fromImage=public.ecr.aws%2Fdocker%2Flibrary%2Fdebian&tag=12-slim"},
        {"busybox@sha256:" HEX64, "docker.io/library/busybox@sha256:" HEX64, "docker.io",
         "fromImage=docker.io%2Flibrary%2Fbusybox&tag=sha256%3A" HEX64},
        {"busybox:1.36@sha256:" HEX64, "docker.io/library/busybox@sha256:" HEX64, "docker.io",
         "fromImage=docker.io%2Flibrary%2Fbusybox&tag=sha256%3A" HEX64},
        {"a.b/x__y/z--w.v", "a.b/x__y/z--w.v:latest", "a.b", "fromImage=a.b%2Fx__y%2Fz--w.v&tag=latest"},
        {"sha256:" HEX64, "sha256:" HEX64, NULL, NULL},
        {HEX64, "sha256:" HEX64, NULL, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DockerImage) image = docker_image_parse(cases[i].text, &error);
        g_assert_no_error(error);
        g_autofree char *query = docker_image_pull_query(image), *again = docker_image_canonical(image->name);
        g_assert_cmpstr(image->name, ==, cases[i].name);
        g_assert_cmpstr(image->registry, ==, cases[i].registry);
        g_assert_cmpstr(query, ==, cases[i].query);
        g_assert_cmpstr(again, ==, image->name);
        g_assert_cmpint(image->is_id, ==, cases[i].registry == NULL);
    }
}

static void test_refused(void)
{
    static const char *const texts[] = {"",
                                        ":",
                                        "/",
                                        "Busybox",
                                        "busybox:",
                                        "busybox:.x",
                                        "busybox:a/b",
                                        "busybox@",
                                        "busybox@sha256:0123",
                                        "busybox@sha256:" HEX64 "0",
                                        "a//b",
                                        "a/",
                                        "/a",
                                        "-a",
                                        "a-",
                                        "a___b",
                                        "a..b",
                                        "a b",
                                        "a.b:/c",
                                        "a.b:123456/c",
                                        "-a.b/c",
                                        "a..b/c",
                                        "a.b-/c",
                                        "https://a.b/c"};
    g_autofree char *long_tag = g_strdup_printf("a:%0129d", 0), *long_name = g_strdup_printf("%0250d", 0),
                    *too_long = g_strdup_printf("%0600d", 0);
    g_autofree char *tag = docker_image_canonical(long_tag), *name = docker_image_canonical(long_name),
                    *much = docker_image_canonical(too_long);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(docker_image_parse(texts[i], &error));
        g_assert_error(error, DOCKER_IMAGE_ERROR, DOCKER_IMAGE_ERROR_SYNTAX);
        g_assert_nonnull(strstr(error->message, texts[i]));
    }
    g_assert_null(tag);
    g_assert_null(name);
    g_assert_null(much);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/docker/image/canonical", test_canonical);
    g_test_add_func("/docker/image/refused", test_refused);
    return g_test_run();
}
