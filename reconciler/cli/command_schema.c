#include "reconciler/cli/command.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/reference_markdown.h"
#include "reconciler/cli/report.h"
#include "spec/base/diagnostic.h"
#include "spec/kinds.h"

/* A kind, or one of the schemas that are none. */
static bool find_schema(const char *name, const char **ret_title, View *ret_text)
{
    Kind kind;
    if (strcmp(name, "muster.yaml") == 0 || strcmp(name, "config") == 0) {
        *ret_title = "muster.yaml";
        *ret_text = config_schema_text();
    } else if (strcmp(name, "sources.yaml") == 0 || strcmp(name, "sources") == 0) {
        *ret_title = "sources.yaml";
        *ret_text = sources_schema_text();
    } else if (strcmp(name, "policy") == 0) {
        *ret_title = "policy";
        *ret_text = policy_schema_text();
    } else if (strcmp(name, "web.yaml") == 0 || strcmp(name, "web") == 0) {
        *ret_title = "web.yaml";
        *ret_text = web_schema_text();
    } else if (strcmp(name, "notify.yaml") == 0 || strcmp(name, "notify") == 0) {
        *ret_title = "notify.yaml";
        *ret_text = notify_schema_text();
    } else if (strcmp(name, "common") == 0) {
        *ret_title = "common";
        *ret_text = common_schema_text();
    } else if (kind_from_name(view_from(name), &kind) || kind_from_exact(view_from(name), &kind)) {
        *ret_title = kind_name(kind);
        *ret_text = kind_schema_text(kind);
    } else {
        return false;
    }
    return true;
}

static int list_schemas(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (const char *const *name = kind_names(); *name; name++)
        g_string_append_printf(out, "%s\n", *name);
    g_string_append(out, "muster.yaml\nsources.yaml\npolicy\nnotify.yaml\nweb.yaml\ncommon\n");
    output_string(out);
    return EXIT_OK;
}

static int unknown_schema(const char *name)
{
    const char *nearest = suggest_nearest(view_from(name), kind_names());
    return report_failure(EXIT_ERROR, "there is no schema \"%s\"%s%s%s (muster schema lists them)", name,
                          nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static int run(Invocation *invocation)
{
    const char *title;
    View text;
    kinds_init();
    if (!invocation->arguments_len)
        return list_schemas();
    if (!find_schema(invocation->arguments[0], &title, &text))
        return unknown_schema(invocation->arguments[0]);
    if (g_strcmp0(invocation->options.format, "markdown") == 0) {
        g_autoptr(GString) out = g_string_new(NULL);
        reference_markdown(title, text, out);
        output_string(out);
    } else {
        output_write(text.data, text.len);
    }
    return EXIT_OK;
}

static const OptionSpec options[] = {
    {"format", 0, OPTION_TEXT, OPTION(format), "FORMAT", "json (default) or markdown, a page to read",
     "json|markdown"},
};

const Command command_schema = {
    .name = "schema",
    .group = GROUP_OTHER,
    .arguments = "[KIND]",
    .summary = "the JSON Schema of a kind, or its reference page",
    .description = "Prints the JSON Schema (2020-12) that describes a kind: for editors, or with --format "
                   "markdown for people. "
                   "muster.yaml is the schema of a source's settings, sources.yaml of how git sources are "
                   "reached, policy that of what sources may do, notify.yaml of who is told what happens, "
                   "web.yaml of who may use the web page, common "
                   "the definitions that all share. "
                   "Without KIND it lists "
                   "what there is.",
    .examples = "muster schema JobQueue\tfor an editor\n"
                "muster schema Pipeline --format markdown | less\tto read",
    .options = options,
    .options_len = G_N_ELEMENTS(options),
    .argument = ARGUMENT_SCHEMA,
    .min_arguments = 0,
    .max_arguments = 1,
    .run = run,
};
