#include "reconciler/cli/completion.h"

#include "reconciler/cli/command.h"
#include "spec/kinds.h"

static void words_add(GString *words, const char *word)
{
    g_string_append_printf(words, "%s%s", words->len ? " " : "", word);
}

static void words_add_resources(GString *words)
{
    for (int kind = 0; kind < KIND_COUNT; kind++)
        if (kind != KIND_JOB)
            words_add(words, kind_plural((Kind)kind));
}

static void words_add_commands(GString *words)
{
    for (const Command *const *at = command_table(); *at; at++)
        words_add(words, (*at)->name);
}

/* What completes arguments of this type: words, or NULL for files. */
static char *argument_words(ArgumentType type)
{
    g_autoptr(GString) words = g_string_new(NULL);
    switch (type) {
    case ARGUMENT_SOURCE: return NULL;
    case ARGUMENT_KIND:
        words_add(words, "jobs");
        words_add(words, "runs");
        words_add_resources(words);
        break;
    case ARGUMENT_RESOURCE: words_add_resources(words); break;
    case ARGUMENT_SCHEMA:
        words_add_resources(words);
        words_add(words, "job");
        words_add(words, "muster.yaml");
        words_add(words, "policy");
        words_add(words, "notify.yaml");
        words_add(words, "web.yaml");
        break;
    case ARGUMENT_COMMAND: words_add_commands(words); break;
    case ARGUMENT_SHELL: words_add(words, "bash zsh fish"); break;
    case ARGUMENT_JOB: /* ids are looked up by nobody: completion must not open a state */
    case ARGUMENT_NONE: break;
    }
    return g_string_free(g_steal_pointer(&words), FALSE);
}

/* Of an option with an argument: its words; NULL: any text, or a file. */
static char *option_words(const OptionSpec *option)
{
    return option->values ? g_strdelimit(g_strdup(option->values), "|", ' ') : NULL;
}

static bool option_takes_file(const OptionSpec *option)
{
    static const char *const files[] = {"FILE", "DIR", "JSONL", "SNAPSHOT", NULL};
    return option->argument && g_strv_contains(files, option->argument);
}

/* ---- bash
 * ---------------------------------------------------------------------------------------------------------
 */

static void bash_option_name(const OptionSpec *option, void *data)
{
    words_add(data, "--");
    g_string_append(data, option->name);
}

/* What follows an option that takes a value: its words, files, or nothing. */
static void bash_option_value(const OptionSpec *option, void *data)
{
    GString *out = data;
    if (!option->argument)
        return;
    g_autofree char *words = option_words(option);
    g_string_append_printf(out, "    --%s", option->name);
    if (option->letter)
        g_string_append_printf(out, "|-%c", option->letter);
    if (words)
        g_string_append_printf(out, ") words='%s' ;;\n", words);
    else
        g_string_append_printf(out, ") %s ;;\n", option_takes_file(option) ? "files=yes" : ":");
}

static void bash_command(const Command *command, GString *out)
{
    g_autofree char *words = argument_words(command->argument);
    g_autoptr(GString) options = g_string_new(NULL);
    command_each_option(command, bash_option_name, options);
    g_string_append_printf(out, "  %s)\n    case $before in\n", command->name);
    command_each_option(command, bash_option_value, out);
    g_string_append_printf(out, "    *) options='%s' %s%s%s ;;\n    esac ;;\n", options->str,
                           words ? "words='" : "files=yes", words ? words : "", words ? "'" : "");
}

static void bash_append(GString *out)
{
    g_autofree char *commands = argument_words(ARGUMENT_COMMAND);
    g_string_append_printf(
        out,
        "# bash completion for muster; made by `muster completion bash`\n"
        "_muster() {\n"
        "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options= words= files=\n"
        "  # bash splits --name=value at the sign\n"
        "  if [ \"$word\" = = ]; then word=\n"
        "  elif [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
        "  if [ \"$COMP_CWORD\" -eq 1 ]; then words='%s'; else\n"
        "  case ${COMP_WORDS[1]} in\n",
        commands);
    for (const Command *const *at = command_table(); *at; at++)
        bash_command(*at, out);
    g_string_append(out, "  esac; fi\n"
                         "  [[ $word != -* ]] || words=$options files=\n"
                         "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                         "  if [ -n \"$files\" ]; then\n"
                         "    compopt -o filenames 2>/dev/null\n"
                         "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                         "  fi\n"
                         "}\n"
                         "complete -F _muster muster\n");
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

/* '(-o --output)'{-o,--output=}'[help]:FORMAT:(words)' */
static void zsh_option(const OptionSpec *option, void *data)
{
    GString *out = data;
    g_autofree char *help = zsh_text(option->help);
    g_autofree char *words = option_words(option);
    const char *sign = option->argument ? "=" : "";
    g_string_append(out, " \\\n        ");
    if (option->letter)
        g_string_append_printf(out, "'(-%c --%s)'{-%c,--%s%s}'[%s]", option->letter, option->name,
                               option->letter, option->name, sign, help);
    else
        g_string_append_printf(out, "'%s--%s%s[%s]", option->type == OPTION_LIST ? "*" : "", option->name,
                               sign, help);
    if (words)
        g_string_append_printf(out, ":%s:(%s)", option->argument, words);
    else if (option->argument)
        g_string_append_printf(out, ":%s:%s", option->argument, option_takes_file(option) ? "_files" : " ");
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
    g_string_append(
        out, "  esac\n}\n"
             "# autoloaded from fpath it completes, sourced it only registers\n"
             "if [ \"$funcstack[1]\" = _muster ]; then _muster \"$@\"; else compdef _muster muster; fi\n");
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
        g_string_append(fish->out, option_takes_file(option) ? " -r -F" : " -x");
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
        if (words)
            g_string_append_printf(out, "complete -c muster -n '__fish_seen_subcommand_from %s' -f%s%s%s\n",
                                   command->name, *words ? " -a '" : "", words, *words ? "'" : "");
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
