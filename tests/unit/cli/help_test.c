/* help_test.c: help, man pages and completion are made of the table, whole; the other shells' scripts parse
 * where they can be had. */
#include <glib/gstdio.h>
#include "reconciler/cli/completion.h"
#include "reconciler/cli/help.h"
#include "spec/kinds.h"

static void mentions(const OptionSpec *option, void *data)
{
    g_autofree char *name = g_strconcat("--", option->name, NULL);
    if (!strstr(data, name))
        g_error("%s is missing", name);
}

static void test_help(void)
{
    for (const Command *const *at = command_table(); *at; at++) {
        g_autoptr(GString) out = g_string_new(NULL);
        help_command(*at, out);
        command_each_option(*at, mentions, out->str);
        g_assert_nonnull(strstr(out->str, "\nExamples:\n"));
        g_assert_nonnull(strstr(out->str, "\nExit codes:\n  0  done\n"));
    }
}

static void test_overview(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    help_overview(out);
    for (const Command *const *at = command_table(); *at; at++) {
        g_autofree char *line = g_strdup_printf("\n  %-11s %s\n", (*at)->name, (*at)->summary);
        g_assert_nonnull(strstr(out->str, line));
    }
}

static void test_man(void)
{
    for (const Command *const *at = command_table(); *at; at++) {
        g_autoptr(GString) out = g_string_new(NULL);
        man_command(*at, out);
        g_assert_true(g_str_has_prefix(out->str, ".TH MUSTER\\-"));
        g_assert_nonnull(strstr(out->str, "\n.SH EXIT STATUS\n"));
        g_assert_null(strstr(out->str, "\n.\n"));
    }
}

/* The script goes through the shell's own parser. */
static void check_syntax(const char *shell, const char *option)
{
    g_autofree char *program = g_find_program_in_path(shell);
    g_autoptr(GString) out = g_string_new(NULL);
    g_assert_true(completion_append(shell, out));
    for (const Command *const *at = command_table(); *at; at++)
        g_assert_nonnull(strstr(out->str, (*at)->name));
    if (!program) {
        g_autofree char *reason = g_strdup_printf("%s is not installed", shell);
        g_test_skip(reason);
        return;
    }
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "muster-completion-XXXXXX", NULL);
    int fd = g_mkstemp(path);
    g_assert_cmpint(fd, >=, 0);
    g_assert_true(g_file_set_contents(path, out->str, -1, NULL));
    g_autofree char *errors = NULL;
    const char *const line[] = {program, option, path, NULL};
    int status = -1;
    g_assert_true(g_spawn_sync(NULL, (char **)(uintptr_t)line, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL,
                               &errors, &status, NULL));
    g_assert_cmpstr(errors, ==, "");
    g_assert_cmpint(status, ==, 0);
    g_assert_true(g_close(fd, NULL));
    g_assert_cmpint(g_unlink(path), ==, 0);
}

static void test_bash(void)
{
    check_syntax("bash", "-n");
}

static void test_zsh(void)
{
    check_syntax("zsh", "-n");
}

static void test_fish(void)
{
    check_syntax("fish", "-n");
}

/* What bash would offer for a line, the last word being the one to complete. */
static void check_offers(const char *words, const char *index, const char *expected)
{
    g_autofree char *program = g_find_program_in_path("bash");
    if (!program) {
        g_test_skip("bash is not installed");
        return;
    }
    g_autoptr(GString) script = g_string_new(NULL);
    completion_append("bash", script);
    g_string_append_printf(script, "COMP_WORDS=(%s) COMP_CWORD=%s; _muster; echo \"${COMPREPLY[@]}\"\n",
                           words, index);
    g_autofree char *output = NULL;
    const char *const line[] = {program, "-c", script->str, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)(uintptr_t)line, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output,
                               NULL, NULL, NULL));
    g_assert_cmpstr(g_strstrip(output), ==, expected);
}

static void test_bash_offers(void)
{
    check_offers("muster pl", "1", "plan");
    check_offers("muster plan --no", "2", "--no-forecast");
    check_offers("muster plan --format m", "3", "markdown");
    check_offers("muster get job-q", "2", "job-queues");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/cli/help/commands", test_help);
    g_test_add_func("/cli/help/overview", test_overview);
    g_test_add_func("/cli/help/man", test_man);
    g_test_add_func("/cli/completion/bash", test_bash);
    g_test_add_func("/cli/completion/zsh", test_zsh);
    g_test_add_func("/cli/completion/fish", test_fish);
    g_test_add_func("/cli/completion/bash-offers", test_bash_offers);
    return g_test_run();
}
