#include "reconciler/cli/reference_markdown.h"
#include "spec/kinds.h"

static size_t count(const char *text, const char *part)
{
    size_t found = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        found++;
    return found;
}

static void test_queue(void)
{
    g_autoptr(GString) page = g_string_new(NULL);
    reference_markdown("JobQueue", kind_schema_text(KIND_JOB_QUEUE), page);
    g_assert_true(g_str_has_prefix(page->str, "# JobQueue\n"));
    g_assert_nonnull(
        strstr(page->str, "| `priority` | integer | required | at least 0, at most 2147483647 | in-place |"));
    g_assert_nonnull(strstr(page->str, "| `state` | `ENABLED`, `DISABLED` | `ENABLED` |"));
    g_assert_nonnull(strstr(page->str, "list of string or [object](#speccomputeenvironmentorder)"));
    g_assert_cmpuint(count(page->str, "## spec.computeEnvironmentOrder[]\n"), ==, 1);
    g_assert_nonnull(strstr(page->str, "*Read-only"));
    g_assert_null(strstr(page->str, "(null)"));
}

/* Every link leads to a section, and no object is described twice. */
static void test_links(void)
{
    for (Kind kind = 0; kind < KIND_COUNT; kind++) {
        g_autoptr(GString) page = g_string_new(NULL), again = g_string_new(NULL);
        reference_markdown(kind_name(kind), kind_schema_text(kind), page);
        reference_markdown(kind_name(kind), kind_schema_text(kind), again);
        g_assert_cmpstr(page->str, ==, again->str);
        g_autoptr(GHashTable) anchors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_auto(GStrv) lines = g_strsplit(page->str, "\n", -1);
        for (size_t i = 0; lines[i]; i++) {
            if (!g_str_has_prefix(lines[i], "## "))
                continue;
            GString *anchor = g_string_new(NULL);
            for (const char *at = lines[i] + 3; *at; at++)
                if (g_ascii_isalnum(*at) || *at == '-' || *at == '_')
                    g_string_append_c(anchor, g_ascii_tolower(*at));
            g_assert_true(g_hash_table_add(anchors, g_string_free(anchor, FALSE)));
        }
        for (const char *at = strstr(page->str, "](#"); at; at = strstr(at + 1, "](#")) {
            g_autofree char *target = g_strndup(at + 3, strcspn(at + 3, ")"));
            g_assert_true(g_hash_table_contains(anchors, target));
        }
    }
}

static void test_config(void)
{
    g_autoptr(GString) page = g_string_new(NULL);
    reference_markdown("muster.yaml", config_schema_text(), page);
    g_assert_nonnull(strstr(page->str, "| `retention` |"));
    g_assert_nonnull(strstr(page->str, "`7d`"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/reference-markdown/queue", test_queue);
    g_test_add_func("/cli/reference-markdown/links", test_links);
    g_test_add_func("/cli/reference-markdown/config", test_config);
    return g_test_run();
}
