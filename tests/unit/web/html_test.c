/* html_test.c: whatever a text holds, it stays a text. */
#include "reconciler/api/web/html.h"
#include <string.h>

static void check(const Html *html, const char *wanted)
{
    g_assert_cmpstr(html_str(html, NULL), ==, wanted);
}

static void test_elements(void)
{
    g_autoptr(Html) html = html_new();
    html_doctype(html);
    html_open(html, "p", "class", "a b", "title", NULL, "id", "x", NULL);
    html_text(html, "1 < 2 & \"3\" > '0'");
    html_void(html, "br", NULL);
    html_leaf(html, "b", NULL, NULL);
    html_format(html, "%s", "<i>");
    html_close(html, "p");
    check(html, "<!doctype html>\n<p class=\"a b\" id=\"x\">1 &lt; 2 &amp; &quot;3&quot; &gt; &#39;0&#39;<br>"
                "<b></b>&lt;i&gt;</p>");
}

/* An address elsewhere, or a script, is left out. */
static void test_addresses(void)
{
    static const char *const bad[] = {"javascript:alert(1)",
                                      "//example.org/",
                                      "/\\example.org",
                                      "https://example.org/",
                                      " /x",
                                      "data:text/html,x",
                                      "",
                                      "\njavascript:1",
                                      "x"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(Html) html = html_new();
        html_leaf(html, "a", "x", "href", bad[i], NULL);
        check(html, "<a>x</a>");
    }
    g_autoptr(Html) html = html_new();
    html_leaf(html, "a", "x", "href", "/jobs/1?a=\"&b", NULL);
    html_leaf(html, "a", "x", "href", "#log", NULL);
    check(html, "<a href=\"/jobs/1?a=&quot;&amp;b\">x</a><a href=\"#log\">x</a>");
}

/* Control characters, bytes that are no UTF-8, and what turns the direction of text. */
static void test_characters(void)
{
    g_autoptr(Html) html = html_new();
    html_text(html, "a\x01\x1b[0m\x7f\tb\n");
    html_text(html, "\xff\xc3(\xe2\x80\xae"
                    "\xc3\xa4\xc2\x85\xf0\x9f\x99\x82\xef\xbf\xbf\xe2\x80");
    html_text_len(html, "\0x", 2);
    check(html, "a\xef\xbf\xbd\xef\xbf\xbd[0m\xef\xbf\xbd\tb\n\xef\xbf\xbd\xef\xbf\xbd("
                "\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd"
                "\xf0\x9f\x99\x82\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx");
}

static void test_paths(void)
{
    g_autofree char *path = html_path("/jobs/", "a/../b?c#d:1", "\xc3\xa4 %", NULL);
    g_assert_cmpstr(path, ==, "/jobs/a%2F..%2Fb%3Fc%23d%3A1/%C3%A4%20%25");
}

/* What a browser would read: all tags that stand in the text. */
static guint tags_in(const char *text)
{
    guint tags = 0;
    for (const char *at = text; (at = strchr(at, '<')); at++)
        tags++;
    return tags;
}

/* Random bytes, and pieces of HTML, in texts and attributes: the document has the elements that were written,
 * the attribute ends where it was ended, and all of it is UTF-8. */
static void test_random(void)
{
    static const char *const pieces[] = {"<script>", "</p>",      "\"",  "'",           "&#60;",
                                         "<!--",     "-->",       "]]>", "\x80",        "\xf0\x9f",
                                         "&",        " onload=x", "=",   "javascript:", "\xe2\x80\xae",
                                         "\x1b",     "<",         ">",   "\n",          "a"};
    g_autoptr(GRand) rand = g_rand_new_with_seed(11);
    for (int run = 0; run < 20000; run++) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(Html) html = html_new();
        for (gint32 i = g_rand_int_range(rand, 0, 12); i > 0; i--)
            if (g_rand_boolean(rand))
                g_string_append(text, pieces[g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces))]);
            else
                g_string_append_c(text, (gchar)g_rand_int_range(rand, 0, 256));
        html_open(html, "p", "title", text->str, "href", text->str, NULL);
        html_text_len(html, text->str, text->len);
        html_leaf(html, "b", text->str, "class", text->str, NULL);
        html_close(html, "p");
        size_t len;
        const char *out = html_str(html, &len);
        g_assert_cmpuint(tags_in(out), ==, 4);
        g_assert_true(g_utf8_validate(out, (gssize)len, NULL));
        g_assert_cmpuint(strlen(out), ==, len);
        /* each quote that is there is one of ours */
        guint quotes = 0;
        for (const char *at = out; (at = strchr(at, '"')); at++)
            quotes++;
        g_assert_true(quotes == 4 || (quotes == 6 && strstr(out, " href=\"")));
        g_assert_null(strstr(out, "href=\"javascript"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/html/elements", test_elements);
    g_test_add_func("/html/addresses", test_addresses);
    g_test_add_func("/html/characters", test_characters);
    g_test_add_func("/html/paths", test_paths);
    g_test_add_func("/html/random", test_random);
    return g_test_run();
}
