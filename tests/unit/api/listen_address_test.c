#include "reconciler/api/listen_address.h"

static void test_good(void)
{
    static const struct {
        const char *text, *shown;
        bool is_loopback;
    } cases[] = {
        {"127.0.0.1:8080", "127.0.0.1:8080", true},
        {":8080", "127.0.0.1:8080", true},
        {"localhost:1", "127.0.0.1:1", true},
        {"127.9.9.9:0", "127.9.9.9:0", true},
        {"[::1]:8080", "[::1]:8080", true},
        {"0.0.0.0:65535", "0.0.0.0:65535", false},
        {"[::]:80", "[::]:80", false},
        {"192.0.2.7:80", "192.0.2.7:80", false},
        {"[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        ListenAddress address;
        g_assert_true(listen_address_parse(cases[i].text, &address, &error));
        g_assert_no_error(error);
        g_autofree char *shown = listen_address_text(&address);
        g_assert_cmpstr(shown, ==, cases[i].shown);
        g_assert_true(address.is_loopback == cases[i].is_loopback);
    }
}

static void test_bad(void)
{
    static const char *const bad[] = {
        "",       "8080",       "127.0.0.1",      "127.0.0.1:", "127.0.0.1:x",  "::1:8080", "[::1]8080",
        "[::1]:", "[]:80",      "example.org:80", ":65536",     ":-1",          ":+1",      "1.2.3:80",
        "*:80",   "http://:80", "[127.0.0.1]:80", ":123456",    "127.0.0.1 :80"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        ListenAddress address;
        g_assert_false(listen_address_parse(bad[i], &address, &error));
        g_assert_nonnull(strstr(error->message, "ADDRESS:PORT"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/listen-address/good", test_good);
    g_test_add_func("/listen-address/bad", test_bad);
    return g_test_run();
}
