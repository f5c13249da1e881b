/* snapshot_fuzz.c: a snapshot from anywhere: it is refused, or plans can be made against it. */
#include "reconciler/plan/state_snapshot.h"
#include <glib.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void plan_against(StateSnapshot *snapshot, const char *source, bool destroy)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    ManifestBatch *batch = manifest_batch_new();
    Manifest manifest = {.kind = KIND_JOB_DEFINITION,
                         .name = VIEW("align"),
                         .spec = VIEW("{\"containerProperties\":{\"environment\":[{\"name\":\"A\"}]}}"),
                         .metadata = VIEW("{}"),
                         .file = "a.yaml",
                         .prune = true};
    manifest_batch_add(batch, &manifest);
    g_autoptr(ManifestSet) set = manifest_set_build(&batch, 1, NULL, diagnostics);
    PlanOptions options = {.source_name = source, .destroy = destroy};
    g_autoptr(Plan) plan = plan_build(set, state_snapshot_actual(snapshot, source), &options);
    g_autoptr(GString) out = g_string_new(NULL);
    plan_render_markdown(plan, &(PlanRender){0}, out);
    g_assert_cmpuint(out->len, <=, MARKDOWN_MAX);
    g_assert_true(g_utf8_validate(out->str, (gssize)out->len, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    View text = {(const char *)data, size};
    g_autoptr(GError) error = NULL, cause = NULL;
    kinds_init();
    g_autoptr(StateSnapshot) whole = state_snapshot_load(text, &error);
    g_assert_true((whole == NULL) == (error != NULL));
    g_autoptr(StateSnapshot) snapshot = state_snapshot_parse(text, &cause);
    g_assert_true((snapshot == NULL) == (cause != NULL));
    if (!snapshot)
        return 0;
    plan_against(snapshot, "src", false);
    plan_against(snapshot, "src", true);
    return 0;
}
