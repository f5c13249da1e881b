/* table.c: the table of commands. */
#include "reconciler/cli/command.h"
#include "spec/base/diagnostic.h"

/* The last one is NULL. */
static const Command *const table[40 + 1] = {
    &command_init,     &command_validate, &command_plan,       &command_apply,     &command_destroy,
    &command_forget,   &command_render,   &command_simulate,   &command_serve,     &command_approve,
    &command_rollback, &command_start,    &command_rerun,      &command_suspend,   &command_resume,
    &command_override, &command_refresh,  &command_status,     &command_get,       &command_describe,
    &command_explain,  &command_graph,    &command_events,     &command_history,   &command_submit,
    &command_wait,     &command_logs,     &command_cancel,     &command_terminate, &command_schema,
    &command_export,   &command_snapshot, &command_completion, &command_backup,    &command_restore,
    &command_doctor,   &command_key,      &command_proxy,      &command_version,   &command_help,
};

const Command *const *command_table(void)
{
    return table;
}

const Command *command_find(const char *name)
{
    for (size_t i = 0; table[i]; i++)
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    return NULL;
}

const char *command_suggest(const char *name)
{
    const char *names[G_N_ELEMENTS(table)];
    for (size_t i = 0; table[i]; i++)
        names[i] = table[i]->name;
    names[G_N_ELEMENTS(table) - 1] = NULL;
    return suggest_nearest(view_from(name), names);
}
