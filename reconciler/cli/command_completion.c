#include "reconciler/cli/command.h"
#include "reconciler/cli/completion.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/report.h"

static int run(Invocation *invocation)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (!completion_append(invocation->arguments[0], out))
        return report_failure(EXIT_ERROR, "there is no completion for \"%s\": bash, zsh or fish",
                              invocation->arguments[0]);
    output_string(out);
    return EXIT_OK;
}

const Command command_completion = {
    .name = "completion",
    .group = GROUP_OTHER,
    .arguments = "SHELL",
    .summary = "completion for bash, zsh or fish",
    .description = "Prints a completion script; make install puts it where the shells look.",
    .examples = "source <(muster completion bash)\tfor this shell\n"
                "muster completion fish > ~/.config/fish/completions/muster.fish\tfor good",
    .argument = ARGUMENT_SHELL,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
