/* help.h: what the table of commands says, as help text and as man pages.
 * Holds:  pure: text in, text out. */
#pragma once
#include "reconciler/cli/command.h"

void help_overview(GString *out);                        /* `muster help` */
void help_command(const Command *command, GString *out); /* `muster CMD --help` */
void man_overview(GString *out);                         /* muster(1) */
void man_command(const Command *command, GString *out);  /* muster-CMD(1) */
/* What exit code means for a command. */
const char *help_exit_text(ExitCode code);
const char *help_group_title(CommandGroup group);
