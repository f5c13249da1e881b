#include "reconciler/cli/help.h"

#define TEXT_WIDTH 80

const char *help_exit_text(ExitCode code)
{
    switch (code) {
    case EXIT_OK: return "done";
    case EXIT_ERROR: return "an error; standard error says which";
    case EXIT_PENDING: return "there are changes to apply";
    case EXIT_REFUSED: return "refused by a guard, a rule or a stale plan; the message names the cure";
    case EXIT_INFEASIBLE: return "infeasible: a job that no allowed machine can ever run";
    case EXIT_TIMED_OUT: return "timed out; the work goes on";
    case EXIT_NOT_FOUND: return "not found";
    case EXIT_WORK_FAILED: return "a job that was waited for failed";
    }
    g_assert_not_reached();
}

const char *help_group_title(CommandGroup group)
{
    static const char *const titles[GROUP_COUNT] = {
        [GROUP_MANIFESTS] = "From manifests to what runs",
        [GROUP_RUNNING] = "By hand",
        [GROUP_LOOKING] = "Looking",
        [GROUP_JOBS] = "Jobs",
        [GROUP_OTHER] = "Other",
    };
    return titles[group];
}

/* ---- text
 * ---------------------------------------------------------------------------------------------------------
 */

/* Words of text, wrapped at TEXT_WIDTH; the first line starts at column `at`, the others at indent. */
static void wrap(const char *text, int at, int indent, GString *out)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    for (size_t i = 0; words[i]; i++) {
        int len = (int)g_utf8_strlen(words[i], -1);
        if (at > indent && at + 1 + len > TEXT_WIDTH) {
            g_string_append_printf(out, "\n%*s", indent, "");
            at = indent;
        } else if (i) {
            g_string_append_c(out, ' ');
            at++;
        }
        g_string_append(out, words[i]);
        at += len;
    }
    g_string_append_c(out, '\n');
}

static void paragraphs(const char *text, GString *out)
{
    g_auto(GStrv) parts = g_strsplit(text, "\n\n", -1);
    for (size_t i = 0; parts[i]; i++) {
        g_string_append_c(out, '\n');
        wrap(parts[i], 0, 0, out);
    }
}

static char *option_label(const OptionSpec *option)
{
    g_autofree char *letter = option->letter ? g_strdup_printf("-%c, ", option->letter) : g_strdup("    ");
    return option->argument ? g_strdup_printf("%s--%s %s", letter, option->name, option->argument)
                            : g_strdup_printf("%s--%s", letter, option->name);
}

static void measure(const OptionSpec *option, void *data)
{
    g_autofree char *label = option_label(option);
    int *width = data;
    *width = MAX(*width, (int)g_utf8_strlen(label, -1));
}

typedef struct {
    GString *out;
    int width;
} OptionColumn;

static void print_option(const OptionSpec *option, void *data)
{
    OptionColumn *column = data;
    g_autofree char *label = option_label(option);
    int pad = column->width - (int)g_utf8_strlen(label, -1);
    g_string_append_printf(column->out, "  %s%*s  ", label, pad, "");
    wrap(option->help, column->width + 4, column->width + 4, column->out);
}

static void print_examples(const char *examples, GString *out)
{
    g_auto(GStrv) lines = g_strsplit(examples, "\n", -1);
    g_string_append(out, "\nExamples:\n");
    for (size_t i = 0; lines[i]; i++) {
        char *tab = strchr(lines[i], '\t');
        if (tab) {
            *tab = '\0';
            g_string_append_printf(out, "  # %s\n", tab + 1);
        }
        g_string_append_printf(out, "  %s\n", lines[i]);
    }
}

static unsigned all_exits(const Command *command)
{
    return command->exits | EXITS(EXIT_OK) | EXITS(EXIT_ERROR);
}

void help_command(const Command *command, GString *out)
{
    g_string_append_printf(out, "muster %s: %s\n\nUsage: muster %s%s%s\n", command->name, command->summary,
                           command->name, *command->arguments ? " [OPTION…] " : " [OPTION…]",
                           command->arguments);
    paragraphs(command->description, out);
    OptionColumn column = {.out = out};
    command_each_option(command, measure, &column.width);
    g_string_append(out, "\nOptions:\n");
    command_each_option(command, print_option, &column);
    print_examples(command->examples, out);
    g_string_append(out, "\nExit codes:\n");
    for (int code = EXIT_OK; code <= EXIT_WORK_FAILED; code++)
        if (all_exits(command) & EXITS(code))
            g_string_append_printf(out, "  %d  %s\n", code, help_exit_text((ExitCode)code));
}

void help_overview(GString *out)
{
    g_string_append(out, "muster: batch computing from git\n\n"
                         "Usage: muster COMMAND [OPTION…] [ARGUMENT…]\n");
    for (int group = 0; group < GROUP_COUNT; group++) {
        g_string_append_printf(out, "\n%s:\n", help_group_title((CommandGroup)group));
        for (const Command *const *at = command_table(); *at; at++)
            if ((int)(*at)->group == group)
                g_string_append_printf(out, "  %-11s %s\n", (*at)->name, (*at)->summary);
    }
    g_string_append(out,
                    "\nFirst steps:\n"
                    "  muster init hello                        # write a small working set of manifests\n"
                    "  muster plan hello                        # see what applying it would do\n"
                    "  muster apply hello --wait jobs           # do it, and wait for the jobs\n"
                    "\n`muster help COMMAND` teaches one command.\n");
}

/* ---- man pages
 * ---------------------------------------------------------------------------------------------------- */

/* roff text: a leading dot or quote and every backslash and dash are escaped. */
static void roff(const char *text, GString *out)
{
    if (*text == '.' || *text == '\'')
        g_string_append(out, "\\&");
    for (const char *at = text; *at; at++) {
        if (*at == '\\')
            g_string_append(out, "\\e");
        else if (*at == '-')
            g_string_append(out, "\\-");
        else
            g_string_append_c(out, *at);
    }
    g_string_append_c(out, '\n');
}

static void roff_paragraphs(const char *text, GString *out)
{
    g_auto(GStrv) parts = g_strsplit(text, "\n\n", -1);
    for (size_t i = 0; parts[i]; i++) {
        if (i)
            g_string_append(out, ".PP\n");
        roff(parts[i], out);
    }
}

static void man_option(const OptionSpec *option, void *data)
{
    GString *out = data;
    g_autofree char *label = option_label(option);
    g_string_append(out, ".TP\n.B ");
    roff(g_strstrip(label), out);
    roff(option->help, out);
}

static void man_exits(unsigned exits, GString *out)
{
    g_string_append(out, ".SH EXIT STATUS\n");
    for (int code = EXIT_OK; code <= EXIT_WORK_FAILED; code++)
        if (exits & EXITS(code)) {
            g_string_append_printf(out, ".TP\n.B %d\n", code);
            roff(help_exit_text((ExitCode)code), out);
        }
}

static void man_examples(const char *examples, GString *out)
{
    g_auto(GStrv) lines = g_strsplit(examples, "\n", -1);
    g_string_append(out, ".SH EXAMPLES\n");
    for (size_t i = 0; lines[i]; i++) {
        char *tab = strchr(lines[i], '\t');
        if (tab)
            *tab = '\0';
        g_string_append(out, ".TP\n.B ");
        roff(lines[i], out);
        if (tab)
            roff(tab + 1, out);
    }
}

static void man_environment(GString *out)
{
    g_string_append(out,
                    ".SH ENVIRONMENT\n"
                    ".TP\n.B MUSTER_STATE\nThe state directory, where \\-\\-state is not given.\n"
                    ".TP\n.B MUSTER_SOURCES\nA file in place of sources.yaml in the state directory: how git "
                    "sources are reached.\n"
                    ".TP\n.B NO_COLOR\nWhere it is set, nothing is coloured.\n");
}

void man_command(const Command *command, GString *out)
{
    g_autofree char *upper = g_ascii_strup(command->name, -1);
    g_string_append_printf(
        out, ".TH MUSTER\\-%s 1 \"\" \"muster " MUSTER_VERSION "\" \"muster manual\"\n.SH NAME\n", upper);
    g_string_append_printf(out, "muster\\-%s \\- ", command->name);
    roff(command->summary, out);
    g_string_append_printf(out, ".SH SYNOPSIS\n.B muster %s\n[OPTION…]\n", command->name);
    if (*command->arguments)
        roff(command->arguments, out);
    g_string_append(out, ".SH DESCRIPTION\n");
    roff_paragraphs(command->description, out);
    g_string_append(out, ".SH OPTIONS\n");
    command_each_option(command, man_option, out);
    man_examples(command->examples, out);
    man_exits(all_exits(command), out);
    man_environment(out);
    g_string_append(out, ".SH SEE ALSO\n.BR muster (1),\n.BR muster.yaml (5)\n");
}

void man_overview(GString *out)
{
    g_string_append(out, ".TH MUSTER 1 \"\" \"muster " MUSTER_VERSION "\" \"muster manual\"\n"
                         ".SH NAME\nmuster \\- batch computing from git\n"
                         ".SH SYNOPSIS\n.B muster\n.I COMMAND\n[OPTION…] [ARGUMENT…]\n.SH DESCRIPTION\n");
    roff_paragraphs(
        "muster runs batch jobs from YAML manifests that a team keeps in a directory or a repository. It "
        "compares what "
        "is wanted with what is, shows the difference as a plan, and schedules jobs until the two agree.\n\n"
        "Without a daemon, reading commands and plan open the state read-only; apply, wait, start and rerun "
        "host the "
        "reconciler while they run; serve hosts it for good. Jobs go on running when a command ends.",
        out);
    for (int group = 0; group < GROUP_COUNT; group++) {
        g_autofree char *title = g_ascii_strup(help_group_title((CommandGroup)group), -1);
        g_string_append_printf(out, ".SH %s\n", title);
        for (const Command *const *at = command_table(); *at; at++)
            if ((int)(*at)->group == group) {
                g_string_append_printf(out, ".TP\n.BR muster\\-%s (1)\n", (*at)->name);
                roff((*at)->summary, out);
            }
    }
    man_exits(~0u, out);
    roff("Where several apply, the first of 1, 3, 4, 5, 6, 7, 2, 0 is given. A wait that Ctrl-C ends gives "
         "130.",
         out);
    man_environment(out);
    g_string_append(
        out, ".SH FILES\n.TP\n.B .muster/\nThe state directory beside a source's muster.yaml; "
             "\\-\\-state and MUSTER_STATE name another. Without a muster.yaml: $XDG_STATE_HOME/muster, "
             "or /var/lib/muster for root.\n"
             ".TP\n.B .muster/muster.sock\nWhere a running reconciler answers.\n"
             ".TP\n.B .muster/sources.yaml\nCredentials, intervals and limits of git sources; muster schema "
             "sources.yaml "
             "\\-\\-format markdown prints every member.\n"
             ".TP\n.B .muster/git/\nMirrors of the repositories that are sources; they may be removed, and "
             "are fetched anew.\n"
             ".SH SEE ALSO\n.BR muster.yaml (5)\n");
}
