/* Pages and their tokens, filters of lists, windows of logs. */
#include <glib/gstdio.h>
#include "reconciler/api/filter.h"
#include "reconciler/api/log_window.h"
#include "reconciler/api/page.h"

static Call *call_of(const char *operation, const char *request)
{
    return call_new(operation_find_name(operation), json_loads(request, 0, NULL));
}

/* ---- pages ---- */

static void test_token(void)
{
    g_autoptr(Call) call = call_of("describejobqueues", "{}"), other = call_of("listjobs", "{}");
    g_autofree char *token = page_token(call, "a/b:\xc3\xa4"), *key = page_token_key(call, token);
    g_assert_cmpstr(key, ==, "a/b:\xc3\xa4");
    g_assert_null(page_token_key(other, token));
    static const char *const wrong[] = {"", "x", "5", "bm9uZQ==", "ZGVzY3JpYmVqb2JxdWV1ZXM=", "\xff"};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_null(page_token_key(call, wrong[i]));
    g_autofree char *longer = g_strconcat(token, "=", NULL);
    g_assert_null(page_token_key(call, longer));
}

static const char *fault_of(const Call *call)
{
    return json_string_value(json_object_get(call->result.body, "message"));
}

/* Fills pages of `keys` by name, as resource_list() does; the texts of all of them. */
static char *all_pages(const char *const *keys, int64_t limit)
{
    GString *seen = g_string_new(NULL);
    g_autofree char *token = NULL;
    for (int pages = 0; pages < 10; pages++) {
        g_autoptr(Call) call = call_of("describejobqueues", "{}");
        Page page;
        json_object_set_new(call->request, "maxResults", json_integer(limit));
        if (token)
            json_object_set_new(call->request, "nextToken", json_string(token));
        g_assert_true(page_begin(call, PAGE_MAX, &page));
        for (const char *const *key = keys; *key; key++) {
            if (page.after && strcmp(*key, page.after) <= 0)
                continue;
            if (!page_takes(&page, *key))
                break;
            page_add(&page, json_string(*key));
        }
        page_done(call, &page, "items");
        const json_t *item, *next = json_object_get(call->result.body, "nextToken");
        size_t i;
        json_array_foreach(json_object_get(call->result.body, "items"), i, item)
            g_string_append(seen, json_string_value(item));
        g_string_append_c(seen, '|');
        g_free(token);
        token = g_strdup(json_string_value(next));
        if (!token)
            return g_string_free(seen, FALSE);
    }
    g_assert_not_reached();
}

static void test_pages(void)
{
    static const char *const keys[] = {"a", "b", "c", "d", NULL};
    g_autofree char *two = all_pages(keys, 2), *three = all_pages(keys, 3), *all = all_pages(keys, 4);
    g_assert_cmpstr(two, ==, "ab|cd|");
    g_assert_cmpstr(three, ==, "abc|d|");
    g_assert_cmpstr(all, ==, "abcd|");
}

static void test_page_faults(void)
{
    Page page;
    g_autoptr(Call) none = call_of("describejobqueues", "{\"maxResults\":0}");
    g_assert_false(page_begin(none, PAGE_MAX, &page));
    g_assert_cmpstr(fault_of(none), ==, "maxResults: 1 to 100 are possible");
    g_autoptr(Call) many = call_of("describejobqueues", "{\"maxResults\":101}");
    g_assert_false(page_begin(many, PAGE_MAX, &page));
    g_autoptr(Call) text = call_of("describejobqueues", "{\"maxResults\":\"5\"}");
    g_assert_false(page_begin(text, PAGE_MAX, &page));
    g_autoptr(Call) token = call_of("describejobqueues", "{\"nextToken\":\"5\"}");
    g_assert_false(page_begin(token, PAGE_MAX, &page));
    g_assert_cmpstr(fault_of(token), ==, "nextToken: not a token that this operation gave");
}

/* A page ends after so many that were looked at, whatever was found; the next one goes on there. */
static void test_page_is_short(void)
{
    g_autoptr(Call) call = call_of("describejobdefinitions", "{}");
    Page page;
    g_assert_true(page_begin(call, PAGE_MAX, &page));
    int taken = 0;
    for (char key[16]; g_snprintf(key, sizeof key, "%08d", taken), page_takes(&page, key);)
        taken++;
    g_assert_cmpint(taken, ==, PAGE_LOOK);
    page_done(call, &page, "items");
    g_autofree char *key =
        page_token_key(call, json_string_value(json_object_get(call->result.body, "nextToken")));
    g_assert_cmpstr(key, ==, "00009999");
}

/* ---- filters ---- */

static void test_filter(void)
{
    static const char *const names[] = {"NAME", "STATUS", NULL};
    static const struct {
        const char *filters, *fault;
    } cases[] = {
        {"[]", NULL},
        {"[{\"name\":\"NAME\",\"values\":[\"x\"]}]", NULL},
        {"[{\"name\":\"name\",\"values\":[\"x\"]}]", "filters: \"name\" is not one of NAME | STATUS"},
        {"[{\"name\":\"NAME\",\"values\":[]}]", "filters: one filter with a name and one value is expected"},
        {"[{\"name\":\"NAME\",\"values\":[\"x\",\"y\"]}]",
         "filters: one filter with a name and one value is expected"},
        {"[{\"name\":\"NAME\",\"values\":[\"x\"]},{\"name\":\"STATUS\",\"values\":[\"x\"]}]",
         "filters: one filter with a name and one value is expected"},
        {"{}", "filters: one filter with a name and one value is expected"},
        {"[5]", "filters: one filter with a name and one value is expected"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        BatchFilter filter;
        g_autoptr(Call) call = call_of("listjobs", "{}");
        json_object_set_new(call->request, "filters", json_loads(cases[i].filters, 0, NULL));
        g_assert_cmpint(request_filter(call, names, &filter), ==, cases[i].fault == NULL);
        g_assert_cmpstr(fault_of(call), ==, cases[i].fault);
        if (i == 1)
            g_assert_cmpstr(filter.value, ==, "x");
    }
    g_assert_true(name_matches("ab*", "ABc"));
    g_assert_true(name_matches("*", ""));
    g_assert_true(name_matches("AB", "ab"));
    g_assert_false(name_matches("ab", "abc"));
    g_assert_false(name_matches("ab*", "a"));
    g_assert_false(name_matches("", "a"));
}

/* ---- windows of logs ---- */

typedef struct {
    char *dir, *path;
} File;

static void setup(File *file, gconstpointer data)
{
    (void)data;
    file->dir = g_dir_make_tmp("muster-test-XXXXXX", NULL);
    file->path = g_build_filename(file->dir, "log", NULL);
}

static void teardown(File *file, gconstpointer data)
{
    (void)data;
    g_remove(file->path);
    g_rmdir(file->dir);
    g_free(file->path);
    g_free(file->dir);
}

/* "one|two|@FROM-TO" */
static char *window(const File *file, LogRange range)
{
    g_auto(LogWindow) read = {0};
    g_autoptr(GError) error = NULL;
    GString *text = g_string_new(NULL);
    range.path = file->path;
    range.limit = range.limit ? range.limit : 1000;
    g_assert_true(log_window_read(&range, &read, &error));
    g_assert_no_error(error);
    for (guint i = 0; i < read.lines->len; i++)
        g_string_append_printf(text, "%s|", (char *)read.lines->pdata[i]);
    g_string_append_printf(text, "@%d-%d", (int)read.from, (int)read.to);
    return g_string_free(text, FALSE);
}

static void is_window(const File *file, LogRange range, const char *expected)
{
    g_autofree char *found = window(file, range);
    g_assert_cmpstr(found, ==, expected);
}

static void test_window(File *file, gconstpointer data)
{
    (void)data;
    is_window(file, (LogRange){.at = 0}, "@0-0");
    g_assert_true(g_file_set_contents(file->path, "one\ntwo\r\n\nlast", -1, NULL));
    is_window(file, (LogRange){.at = 0}, "one|two||@0-10");
    is_window(file, (LogRange){.at = 0, .is_closed = true}, "one|two||last|@0-14");
    is_window(file, (LogRange){.at = 0, .limit = 2}, "one|two|@0-9");
    is_window(file, (LogRange){.at = 9, .limit = 2}, "|@9-10");
    is_window(file, (LogRange){.at = 10}, "@10-10");
    is_window(file, (LogRange){.at = 99, .is_closed = true}, "@14-14");
    is_window(file, (LogRange){.at = -1, .backward = true}, "one|two||@0-10");
    is_window(file, (LogRange){.at = -1, .backward = true, .limit = 2, .is_closed = true}, "|last|@9-14");
    is_window(file, (LogRange){.at = 9, .backward = true, .limit = 1}, "two|@4-9");
    is_window(file, (LogRange){.at = 0, .backward = true}, "@0-0");
}

/* More than is read at once, and a line that is longer than that. */
static void test_window_large(File *file, gconstpointer data)
{
    (void)data;
    g_autoptr(GString) text = g_string_new("first\n");
    for (int i = 0; i < LOG_WINDOW_BYTES + 10; i++)
        g_string_append_c(text, 'x');
    g_string_append(text, "\nlast\n");
    g_assert_true(g_file_set_contents(file->path, text->str, (gssize)text->len, NULL));
    g_auto(LogWindow) read = {0};
    LogRange range = {.path = file->path, .at = 6, .limit = 1000};
    g_assert_true(log_window_read(&range, &read, NULL));
    g_assert_cmpuint(read.lines->len, ==, 1);
    g_assert_cmpint(read.to, ==, 6 + LOG_WINDOW_BYTES);
    is_window(file, (LogRange){.at = 6 + LOG_WINDOW_BYTES}, "xxxxxxxxxx|last|@1048582-1048598");
    is_window(file, (LogRange){.at = -1, .backward = true}, "last|@1048593-1048598");
}

/* A job's directory is not its own to choose: what is no file there is not followed. */
static void test_window_link(File *file, gconstpointer data)
{
    (void)data;
    g_auto(LogWindow) read = {0};
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(symlink("/etc/passwd", file->path), ==, 0);
    LogRange range = {.path = file->path, .limit = 1};
    g_assert_false(log_window_read(&range, &read, &error));
    g_assert_nonnull(error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/page/token", test_token);
    g_test_add_func("/page/pages", test_pages);
    g_test_add_func("/page/faults", test_page_faults);
    g_test_add_func("/page/short", test_page_is_short);
    g_test_add_func("/filter", test_filter);
    g_test_add("/log-window/lines", File, NULL, setup, test_window, teardown);
    g_test_add("/log-window/large", File, NULL, setup, test_window_large, teardown);
    g_test_add("/log-window/link", File, NULL, setup, test_window_link, teardown);
    return g_test_run();
}
