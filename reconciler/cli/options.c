#include "reconciler/cli/options.h"

#include "reconciler/cli/report.h"
#include "spec/base/diagnostic.h"
#include "spec/base/units.h"

static const OptionSpec common[] = {
    {"state", 0, OPTION_TEXT, OPTION(state), "DIR",
     "state directory; else $MUSTER_STATE, else .muster beside muster.yaml", NULL},
    {"server", 0, OPTION_TEXT, OPTION(server), "URL",
     "a daemon elsewhere (https://HOST:PORT), with a key of muster key; else $MUSTER_SERVER", NULL},
    {"help", 'h', OPTION_FLAG, OPTION(help), NULL, "this text", NULL},
};

void command_each_option(const Command *command, OptionFunc func, void *data)
{
    for (size_t i = 0; i < command->options_len; i++)
        func(&command->options[i], data);
    for (size_t i = 0; i < G_N_ELEMENTS(common); i++)
        func(&common[i], data);
}

/* ---- from our table to GOption
 * ------------------------------------------------------------------------------------ */

typedef struct {
    GArray *entries;  /* of GOptionEntry */
    Options *options; /* where the values go */
    GPtrArray *names; /* "--name", for suggestions */
    GError *error;    /* of the check of values */
} Binding;

static void bind_option(const OptionSpec *option, void *data)
{
    Binding *binding = data;
    static const GOptionArg types[] = {
        [OPTION_FLAG] = G_OPTION_ARG_NONE,
        [OPTION_TEXT] = G_OPTION_ARG_STRING,
        [OPTION_LIST] = G_OPTION_ARG_STRING_ARRAY,
    };
    GOptionEntry entry = {
        .long_name = option->name,
        .short_name = option->letter,
        .arg = types[option->type],
        .arg_data = (char *)binding->options + option->offset,
        .description = option->help,
        .arg_description = option->argument,
    };
    g_array_append_val(binding->entries, entry);
    g_ptr_array_add(binding->names, g_strconcat("--", option->name, NULL));
}

static void check_value(const OptionSpec *option, void *data)
{
    Binding *binding = data;
    if (!option->values || binding->error)
        return;
    const char *value = *(char **)(void *)((char *)binding->options + option->offset);
    if (!value)
        return;
    g_auto(GStrv) allowed = g_strsplit(option->values, "|", -1);
    if (g_strv_contains((const char *const *)allowed, value))
        return;
    const char *nearest = suggest_nearest(view_from(value), (const char *const *)allowed);
    g_autofree char *list = g_strjoinv(", ", allowed);
    if (nearest)
        g_set_error(&binding->error, CLI_ERROR, EXIT_ERROR,
                    "--%s \"%s\" is not known; did you mean \"%s\"? (%s)", option->name, value, nearest,
                    list);
    else
        g_set_error(&binding->error, CLI_ERROR, EXIT_ERROR, "--%s \"%s\" is not known: it is one of %s",
                    option->name, value, list);
}

/* GOption's own text, with the nearest option of this command where the fault is a misspelt one. */
static void explain(const Command *command, const Binding *binding, const char *const *argv,
                    const GError *cause, GError **error)
{
    if (g_error_matches(cause, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION)) {
        for (size_t i = 1; argv[i]; i++) {
            if (!g_str_has_prefix(argv[i], "--"))
                continue;
            View typed = {argv[i], strcspn(argv[i], "=")};
            bool known = false;
            for (guint n = 0; binding->names->pdata[n]; n++)
                known |= view_is(typed, binding->names->pdata[n]);
            const char *nearest =
                known ? NULL : suggest_nearest(typed, (const char *const *)binding->names->pdata);
            if (nearest) {
                g_set_error(error, CLI_ERROR, EXIT_ERROR, "%s has no option " VIEW_FMT "; did you mean %s?",
                            command->name, VIEW_ARG(typed), nearest);
                return;
            }
        }
    }
    g_set_error(error, CLI_ERROR, EXIT_ERROR, "%s: %s (muster help %s)", command->name, cause->message,
                command->name);
}

static bool parse_bound(const Command *command, char ***arguments, Binding *binding, const char *const *argv,
                        GError **error)
{
    GOptionEntry end = {0};
    g_array_append_val(binding->entries, end);
    g_ptr_array_add(binding->names, NULL);
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, (const GOptionEntry *)(void *)binding->entries->data, NULL);
    g_autoptr(GError) cause = NULL;
    if (!g_option_context_parse_strv(context, arguments, &cause)) {
        explain(command, binding, argv, cause, error);
        return false;
    }
    command_each_option(command, check_value, binding);
    if (!binding->error)
        return true;
    g_propagate_error(error, g_steal_pointer(&binding->error));
    return false;
}

static bool check_count(const Invocation *invocation, GError **error)
{
    const Command *command = invocation->command;
    if (invocation->options.help)
        return true;
    if (invocation->arguments_len < command->min_arguments) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "%s needs %s (muster help %s)", command->name,
                    command->arguments, command->name);
        return false;
    }
    if (command->max_arguments >= 0 && invocation->arguments_len > command->max_arguments) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "%s: unexpected argument \"%s\" (muster help %s)",
                    command->name, invocation->arguments[command->max_arguments], command->name);
        return false;
    }
    return true;
}

/* GOption drops the first "--" or keeps it depending on what stands around it, so it is cut off here. */
static char **cut_rest(const char *const *argv, char ***ret_rest)
{
    size_t len = 0;
    while (argv[len] && strcmp(argv[len], "--") != 0)
        len++;
    *ret_rest = argv[len] ? g_strdupv((char **)(uintptr_t)(argv + len + 1)) : NULL;
    char **front = g_new0(char *, len + 1);
    for (size_t i = 0; i < len; i++)
        front[i] = g_strdup(argv[i]);
    return front;
}

static char **append_all(char **list, char **more)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_strv_builder_addv(builder, (const char **)list);
    g_strv_builder_addv(builder, (const char **)more);
    g_strfreev(list);
    return g_strv_builder_end(builder);
}

bool options_parse(const Command *command, const char *const *argv, Invocation *ret_invocation,
                   GError **error)
{
    g_auto(Invocation) invocation = {.command = command};
    char **arguments = cut_rest(argv, &invocation.rest);
    Binding binding = {.entries = g_array_new(FALSE, FALSE, sizeof(GOptionEntry)),
                       .options = &invocation.options,
                       .names = g_ptr_array_new_with_free_func(g_free)};
    command_each_option(command, bind_option, &binding);
    bool ok = parse_bound(command, &arguments, &binding, argv, error);
    g_array_unref(binding.entries);
    g_ptr_array_unref(binding.names);
    if (!ok) {
        g_strfreev(arguments);
        return false;
    }
    if (invocation.rest && !command->takes_rest) {
        arguments = append_all(arguments, invocation.rest);
        g_clear_pointer(&invocation.rest, g_strfreev);
    }
    /* arguments[0] is the command's name */
    invocation.arguments = g_strdupv(arguments + 1);
    invocation.arguments_len = (int)g_strv_length(invocation.arguments);
    g_strfreev(arguments);
    if (!check_count(&invocation, error))
        return false;
    *ret_invocation = invocation;
    memset(&invocation, 0, sizeof(invocation));
    return true;
}

static void free_value(const OptionSpec *option, void *data)
{
    void *member = (char *)data + option->offset;
    if (option->type == OPTION_TEXT)
        g_clear_pointer((char **)member, g_free);
    else if (option->type == OPTION_LIST)
        g_clear_pointer((char ***)member, g_strfreev);
}

void invocation_clear(Invocation *invocation)
{
    if (invocation->command)
        command_each_option(invocation->command, free_value, &invocation->options);
    g_clear_pointer(&invocation->arguments, g_strfreev);
    g_clear_pointer(&invocation->rest, g_strfreev);
    g_clear_pointer(&invocation->interrupt, interrupt_free);
    invocation->command = NULL;
}

Interrupt *invocation_interrupt(Invocation *invocation)
{
    if (!invocation->interrupt)
        invocation->interrupt =
            interrupt_new(invocation->command == &command_serve ? HANGUP_EVENT : HANGUP_ENDS);
    return invocation->interrupt;
}

/* ---- values
 * ------------------------------------------------------------------------------------------------------- */

bool option_integer(const char *name, const char *text, int64_t min, int64_t max, int64_t *ret_value,
                    GError **error)
{
    if (!text)
        return true;
    int64_t value;
    if (!integer_parse(view_from(text), &value) || value < min || value > max) {
        g_autofree char *high = integer_human(max);
        if (max == INT64_MAX)
            g_set_error(error, CLI_ERROR, EXIT_ERROR,
                        "--%s \"%s\" is not a whole number of at least %" G_GINT64_FORMAT, name, text, min);
        else
            g_set_error(error, CLI_ERROR, EXIT_ERROR,
                        "--%s \"%s\" is not a whole number between %" G_GINT64_FORMAT " and %s", name, text,
                        min, high);
        return false;
    }
    *ret_value = value;
    return true;
}

bool option_decimal(const char *name, const char *text, int64_t max_e4, int64_t *ret_e4, GError **error)
{
    int64_t value_e4;
    if (!text)
        return true;
    if (!decimal_parse(view_from(text), &value_e4) || value_e4 < 0 || value_e4 > max_e4) {
        g_autofree char *high = decimal_print(max_e4);
        g_set_error(error, CLI_ERROR, EXIT_ERROR,
                    "--%s \"%s\" is not a number from 0 to %s with at most four decimal places", name, text,
                    high);
        return false;
    }
    *ret_e4 = value_e4;
    return true;
}

bool option_duration(const char *name, const char *text, int64_t *ret_ms, GError **error)
{
    if (!text)
        return true;
    if (!duration_parse(view_from(text), ret_ms)) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR,
                    "--%s \"%s\" is not a duration such as 90s, 10m, 2h or 1h30m", name, text);
        return false;
    }
    return true;
}

bool option_time(const char *name, const char *text, int64_t *ret_ms, GError **error)
{
    int64_t ago_ms;
    if (!text)
        return true;
    if (!strchr(text, '-') && duration_parse(view_from(text), &ago_ms)) {
        *ret_ms = g_get_real_time() / 1000 - ago_ms;
        return true;
    }
    g_autoptr(GTimeZone) zone = g_time_zone_new_local();
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, zone);
    g_autofree char *midnight = g_strconcat(text, "T00:00:00", NULL), *whole = NULL;
    if (!time)
        time = g_date_time_new_from_iso8601(midnight, zone);
    if (!time && strlen(text) >= strlen("2026-07-20T14:00")) { /* without seconds */
        whole = g_strdup_printf("%.16s:00%s", text, text + strlen("2026-07-20T14:00"));
        time = g_date_time_new_from_iso8601(whole, zone);
    }
    if (!time) {
        g_set_error(
            error, CLI_ERROR, EXIT_ERROR,
            "--%s \"%s\" is not a time such as 2026-07-20T14:00Z or 2026-07-20, nor a duration such as 2h",
            name, text);
        return false;
    }
    *ret_ms = g_date_time_to_unix(time) * 1000 + g_date_time_get_microsecond(time) / 1000;
    return true;
}

const char *option_pair(const char *name, const char *text, GError **error)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "--%s \"%s\" is not NAME=VALUE", name, text);
        return NULL;
    }
    return equals + 1;
}
