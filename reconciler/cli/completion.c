#include "reconciler/cli/completion.h"

#include "reconciler/cli/command.h"
#include "spec/kinds.h"

/* What completes arguments of this type: words, or NULL for files. */
static char *argument_words(ArgumentType type)
{
    switch (type) {
    case ARGUMENT_KIND: {
        g_autoptr(GString) words = g_string_new("jobs runs");
        for (int kind = 0; kind < KIND_COUNT; kind++)
            if (kind != KIND_JOB)
                g_string_append_printf(words, " %s", kind_plural((Kind)kind));
        return g_string_free(g_steal_pointer(&words), FALSE);
    }
    case ARGUMENT_COMMAND: {
        g_autoptr(GString) words = g_string_new(NULL);
        for (const Command *const *at = command_table(); *at; at++)
            g_string_append_printf(words, "%s%s", words->len ? " " : "", (*at)->name);
        return g_string_free(g_steal_pointer(&words), FALSE);
    }
    case ARGUMENT_SHELL: return g_strdup("bash zsh fish");
    case ARGUMENT_JOB: /* ids are looked up by nobody: completion must not open a state */
    case ARGUMENT_NONE: return g_strdup("");
    case ARGUMENT_SOURCE: return NULL;
    }
    g_assert_not_reached();
}

static char *option_words(const OptionSpec *option)
{
    return option->values ? g_strdelimit(g_strdup(option->values), "|", ' ') : NULL;
}

/* ---- bash
 * ---------------------------------------------------------------------------------------------------------
 */

static void bash_option_name(const OptionSpec *option, void *data)
{
    g_string_append_printf(data, " --%s", option->name);
}

static void bash_option_value(const OptionSpec *option, void *data)
{
    g_autofree char *words = option_words(option);
    if (words)
        g_string_append_printf(data, "    --%s) COMPREPLY=($(compgen -W '%s' -- \"$word\")); return ;;\n",
                               option->name, words);
}

static void bash_command(const Command *command, GString *out)
{
    g_autofree char *words = argument_words(command->argument);
    g_string_append_printf(out, "  %s)\n    case $before in\n", command->name);
    command_each_option(command, bash_option_value, out);
    g_string_append(out, "    esac\n    options='");
    command_each_option(command, bash_option_name, out);
    g_string_append(out, "'\n");
    if (words)
        g_string_append_printf(out, "    words='%s' ;;\n", words);
    else
        g_string_append(out, "    files=yes ;;\n");
}

static void bash_append(GString *out)
{
    g_autofree char *commands = argument_words(ARGUMENT_COMMAND);
    g_string_append_printf(
        out,
        "# bash completion for muster; made by `muster completion bash`\n"
        "_muster() {\n"
        "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options words files\n"
        "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "    COMPREPLY=($(compgen -W '%s' -- \"$word\")); return\n"
        "  fi\n"
        "  case ${COMP_WORDS[1]} in\n",
        commands);
    for (const Command *const *at = command_table(); *at; at++)
        bash_command(*at, out);
    g_string_append(out, "  esac\n"
                         "  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
                         "  elif [ -n \"$files\" ]; then COMPREPLY=($(compgen -f -- \"$word\"))\n"
                         "  else COMPREPLY=($(compgen -W \"$words\" -- \"$word\")); fi\n"
                         "}\n"
                         "complete -o filenames -F _muster muster\n");
}

/* ---- zsh
 * ----------------------------------------------------------------------------------------------------------
 */

/* Inside '…[…]' of _arguments: quotes, brackets and colons are syntax. */
static char *zsh_text(const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (; *text; text++) {
        if (*text == '\'')
            g_string_append(out, "'\\''");
        else if (strchr("[]:\\", *text))
            g_string_append_printf(out, "\\%c", *text);
        else
            g_string_append_c(out, *text);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void zsh_option(const OptionSpec *option, void *data)
{
    GString *out = data;
    g_autofree char *help = zsh_text(option->help);
    g_autofree char *words = option_words(option);
    g_string_append_printf(out, " \\\n        '%s--%s[%s]", option->type == OPTION_LIST ? "*" : "",
                           option->name, help);
    if (words)
        g_string_append_printf(out, ":%s:(%s)", option->argument, words);
    else if (option->argument)
        g_string_append_printf(out, ":%s:_files", option->argument);
    g_string_append_c(out, '\'');
}

static void zsh_append(GString *out)
{
    g_string_append(out, "#compdef muster\n# zsh completion for muster; made by `muster completion zsh`\n"
                         "_muster() {\n  local -a commands\n  commands=(\n");
    for (const Command *const *at = command_table(); *at; at++) {
        g_autofree char *summary = zsh_text((*at)->summary);
        g_string_append_printf(out, "    '%s:%s'\n", (*at)->name, summary);
    }
    g_string_append(out, "  )\n  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
                         "  local command=$words[2]\n  shift words; (( CURRENT-- ))\n  case $command in\n");
    for (const Command *const *at = command_table(); *at; at++) {
        g_autofree char *words = argument_words((*at)->argument);
        g_string_append_printf(out, "    %s)\n      _arguments", (*at)->name);
        command_each_option(*at, zsh_option, out);
        if (!words)
            g_string_append(out, " \\\n        '*:file:_files'");
        else if (*words)
            g_string_append_printf(out, " \\\n        '*:word:(%s)'", words);
        g_string_append(out, " ;;\n");
    }
    g_string_append(out, "  esac\n}\n_muster \"$@\"\n");
}

/* ---- fish
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct {
    const Command *command;
    GString *out;
} FishCommand;

static char *fish_text(const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *text);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void fish_option(const OptionSpec *option, void *data)
{
    FishCommand *fish = data;
    g_autofree char *help = fish_text(option->help);
    g_autofree char *words = option_words(option);
    g_string_append_printf(fish->out, "complete -c muster -n '__fish_seen_subcommand_from %s' -l %s",
                           fish->command->name, option->name);
    if (option->letter)
        g_string_append_printf(fish->out, " -s %c", option->letter);
    if (words)
        g_string_append_printf(fish->out, " -x -a '%s'", words);
    else if (option->argument)
        g_string_append(fish->out, " -r");
    g_string_append_printf(fish->out, " -d '%s'\n", help);
}

static void fish_append(GString *out)
{
    g_string_append(out, "# fish completion for muster; made by `muster completion fish`\n");
    for (const Command *const *at = command_table(); *at; at++) {
        const Command *command = *at;
        g_autofree char *summary = fish_text(command->summary);
        g_autofree char *words = argument_words(command->argument);
        g_string_append_printf(out, "complete -c muster -n __fish_use_subcommand -f -a %s -d '%s'\n",
                               command->name, summary);
        FishCommand fish = {command, out};
        command_each_option(command, fish_option, &fish);
        if (words && *words)
            g_string_append_printf(out, "complete -c muster -n '__fish_seen_subcommand_from %s' -f -a '%s'\n",
                                   command->name, words);
    }
}

bool completion_append(const char *shell, GString *out)
{
    if (strcmp(shell, "bash") == 0)
        bash_append(out);
    else if (strcmp(shell, "zsh") == 0)
        zsh_append(out);
    else if (strcmp(shell, "fish") == 0)
        fish_append(out);
    else
        return false;
    return true;
}
