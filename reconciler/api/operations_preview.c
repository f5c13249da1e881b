/* operations_preview.c: `preview`: what manifests that are given as texts would change, if they were a
 * source. Nothing is changed, and nothing is kept. */
#include "reconciler/api/apply_plan.h"
#include "reconciler/api/operation.h"
#include "reconciler/source/parse.h"

#define FILES_MAX   50
#define CONFIG_FILE "muster.yaml"

static void preview_free(void *plan)
{
    apply_plan_free(plan);
}

/* ---- from texts to a set ---- */

static SourceConfig *read_config(const json_t *files, DiagnosticList *diagnostics)
{
    SourceConfig *config = NULL;
    const json_t *file;
    size_t i;
    json_array_foreach(files, i, file)
    {
        const char *name = json_string_value(json_object_get(file, "name"));
        if (!config && strcmp(name, CONFIG_FILE) == 0)
            config = source_config_parse(view_from(json_string_value(json_object_get(file, "text"))), name,
                                         diagnostics);
    }
    if (!config)
        config = g_new0(SourceConfig, 1);
    source_config_settle(config, NULL, diagnostics);
    return config;
}

static ManifestSet *read_set(const json_t *files, DiagnosticList *diagnostics)
{
    g_autoptr(SourceConfig) config = read_config(files, diagnostics);
    ParseContext context = {.config = config};
    Parser *parser = parser_new(&context);
    ManifestBatch *batch = manifest_batch_new();
    const json_t *file;
    size_t i;
    json_array_foreach(files, i, file)
    {
        const char *name = json_string_value(json_object_get(file, "name"));
        ParseOutcome outcome;
        if (strcmp(name, CONFIG_FILE) != 0)
            parser_run(parser, view_from(json_string_value(json_object_get(file, "text"))), name, 1, NULL,
                       batch, diagnostics, &outcome);
    }
    parser_free(parser);
    return manifest_set_build(&batch, 1, config, diagnostics);
}

/* ---- off the loop ---- */

void preview_gather(StoreReader *reader, Call *call)
{
    ApplyPlan *plan = call->state;
    (void)reader; /* a plan reads what is committed in a transaction of its own */
    g_autoptr(DiagnosticList) found = diagnostic_list_new();
    plan->set = read_set(json_object_get(call->request, "files"), found);
    if (diagnostic_list_count(found, SEVERITY_ERROR) > 0)
        apply_plan_fail(plan, APPLY_BROKEN, VIEW("the manifests have errors"));
    else
        apply_plan_run(plan);
    diagnostic_list_merge(plan->diagnostics, found);
}

/* A plain name: nothing of this machine's files is looked at by it. */
static bool is_name(const char *name)
{
    return name && *name && *name != '.' && *name != '-' &&
           strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._-") == strlen(name);
}

/* False: the call has failed. */
static bool files_are_sound(Call *call)
{
    const json_t *files = json_object_get(call->request, "files"), *file;
    bool is_sound = json_is_array(files) && json_array_size(files) <= FILES_MAX;
    size_t i;
    json_array_foreach(files, i, file)
    {
        is_sound = is_sound && is_name(json_string_value(json_object_get(file, "name"))) &&
                   json_string_value(json_object_get(file, "text"));
    }
    if (!is_sound)
        call_fail(call, FAULT_INVALID,
                  "files: a list of at most %d {name, text} is expected; a name has letters, digits, '.', "
                  "'-' and '_'",
                  FILES_MAX);
    return is_sound;
}

OperationStep preview_step(OperationContext *context, Call *call)
{
    ApplyPlan *plan = call->state;
    if (!plan) {
        if (!files_are_sound(call))
            return STEP_DONE;
        call->state = plan = apply_plan_new(context->facts->state_dir);
        call->state_free = preview_free;
        plan->source = g_strdup("-"); /* no place: its texts are not looked for again */
        plan->machine = context->facts->machine;
        plan->providers = ~0u; /* where it will run is not asked here */
        return STEP_GATHER;
    }
    json_t *body =
        json_pack("{s:b,s:o}", "isSound", plan->plan != NULL, "diagnostics", apply_plan_diagnostics(plan));
    json_set_text(body, "message", plan->message);
    if (plan->plan_json)
        json_object_set(body, "plan", plan->plan_json);
    return call_done(call, body);
}
