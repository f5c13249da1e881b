#include "reconciler/source/location.h"
#include <string.h>

typedef struct {
    const char *text, *url, *ref, *path, *name;
    RepoWant want;
} Good;

static void test_good(void)
{
    static const char commit[] = "0123456789abcdef0123456789abcdef01234567";
    const Good cases[] = {
        {"git+file:///srv/jobs.git", "file:///srv/jobs.git", NULL, "", "jobs", REPO_WANT_HEAD},
        {"git+file:///srv/jobs.git:envs/prod", "file:///srv/jobs.git", NULL, "envs/prod", "jobs",
         REPO_WANT_HEAD},
        {"git+file://localhost/srv/jobs", "file:///srv/jobs", NULL, "", "jobs", REPO_WANT_HEAD},
        {"git+https://h.example:8443/a/b.git@main:x//y/./z/", "https://h.example:8443/a/b.git", "main",
         "x/y/z", "b", REPO_WANT_NAME},
        {"git+https://bot@h.example/b/@feature/x@2", "https://bot@h.example/b/", "feature/x@2", "", "b",
         REPO_WANT_NAME},
        {"git+ssh://git@h.example:22/b.git@v1.0", "ssh://git@h.example:22/b.git", "v1.0", "", "b",
         REPO_WANT_NAME},
        {"git+git@h.example:team/b.git@refs/tags/v1:p", "git@h.example:team/b.git", "refs/tags/v1", "p", "b",
         REPO_WANT_NAME},
        {"git+h.example:b", "h.example:b", NULL, "", "b", REPO_WANT_HEAD},
        {"git+http://[::1]:80/b", "http://[::1]:80/b", NULL, "", "b", REPO_WANT_HEAD},
        {"git+git://127.0.0.1/b", "git://127.0.0.1/b", NULL, "", "b", REPO_WANT_HEAD},
        {"git+file:///a%40b/c%3Ad.git@semver:>=1.2 <2:envs", "file:///a%40b/c%3Ad.git", ">=1.2 <2", "envs",
         "c:d", REPO_WANT_SEMVER},
        {"git+file:///b@0123456789ABCDEF0123456789abcdef01234567", "file:///b", commit, "", "b",
         REPO_WANT_COMMIT},
        {"git+file:///b@0123456", "file:///b", "0123456", "", "b", REPO_WANT_NAME},
        {"git+file:///a/b%0Ac.git", "file:///a/b%0Ac.git", NULL, "", "b%0Ac", REPO_WANT_HEAD},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(RepoLocation) location = repo_location_parse(cases[i].text, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(location->url, ==, cases[i].url);
        g_assert_cmpstr(location->ref, ==, cases[i].ref);
        g_assert_cmpstr(location->path, ==, cases[i].path);
        g_assert_cmpstr(location->name, ==, cases[i].name);
        g_assert_cmpint(location->want, ==, cases[i].want);
    }
    g_autoptr(RepoLocation) file = repo_location_parse("git+file:///a%40b/c%20d.git@main", NULL);
    g_assert_cmpstr(file->directory, ==, "/a@b/c d.git");
}

/* Each with a part of what is said, which names the cure where there is one. */
static void test_bad(void)
{
    const char *const cases[][2] = {
        {"git+", "git+URL[@REF][:PATH]"},
        {"git+/srv/x", "no URL follows"},
        {"git+ext::sh -c id", "no transport that is allowed"},
        {"git+ext://x", "no transport that is allowed"},
        {"git+file://srv/x.git", "would be a host"},
        {"git+https:///x.git", "no host is named"},
        {"git+https://h.example", "no repository is named"},
        {"git+https://h.example/", "no repository is named"},
        {"git+https://u:secret@h.example/x", "tokenFile"},
        {"git+ssh://-oProxyCommand=id/x", "begins with a dash"},
        {"git+ssh://git@-oProxyCommand=id/x", "begins with a dash"},
        {"git+ssh://git@[-oProxyCommand:1]:22/x", "begins with a dash"},
        {"git+git@h:-x", "begins with a dash"},
        {"git+https://h ost/x", "which no host's name has"},
        {"git+https://h.example/x@", "nothing follows the @"},
        {"git+https://h.example/x@-upload-pack=id", "no name of a branch or tag"},
        {"git+https://h.example/x@a..b", "no name of a branch or tag"},
        {"git+https://h.example/x@main^", "no name of a branch or tag"},
        {"git+https://h.example/x@semver:", "it is empty"},
        {"git+https://h.example/x@semver:>=y", "no comparator and version"},
        {"git+https://h.example/x:../y", "leaves the repository"},
        {"git+https://h.example/x:/y", "without a slash"},
        {"git+https://h.example/x:a/.GIT/b", ".git is never read"},
        {"git+https://h.example/x?y=z", "? and #"},
        {"git+https://h.example/x\n", "control character"},
        {"git+file:///a%zz", "two hexadecimal digits"},
        {"git+file:///x@0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "SHA-256"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(RepoLocation) location = repo_location_parse(cases[i][0], &error);
        if (location)
            g_test_message("taken: %s", cases[i][0]);
        g_assert_null(location);
        if (!strstr(error->message, cases[i][1]))
            g_test_message("%s: %s", cases[i][0], error->message);
        g_assert_nonnull(strstr(error->message, cases[i][1]));
        g_assert_null(strstr(error->message, "secret"));
    }
    g_autofree char *longest = g_strnfill(5000, 'x'), *text = g_strconcat("git+file:///", longest, NULL);
    g_assert_null(repo_location_parse(text, NULL));
}

static void test_loopback(void)
{
    const struct {
        const char *text;
        bool expected;
    } cases[] = {{"git+http://localhost/x", true}, {"git+http://127.0.0.1:80/x", true},
                 {"git+http://[::1]/x", true},     {"git+http://example.org/x", false},
                 {"git+http://10.0.0.1/x", false}, {"git+http://127.example.org/x", false}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(RepoLocation) location = repo_location_parse(cases[i].text, NULL);
        g_assert_cmpint(repo_location_is_loopback(location), ==, cases[i].expected);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/source/location/good", test_good);
    g_test_add_func("/source/location/bad", test_bad);
    g_test_add_func("/source/location/loopback", test_loopback);
    return g_test_run();
}
