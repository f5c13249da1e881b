/* workload_fuzz.c: arbitrary bytes as a workload. Beside not crashing: rows are within their limits and
 * sorted, a fault is told where there is no workload, and how the bytes are cut into pieces changes nothing.
 */
#include <stdint.h>
#include "reconciler/forecast/durations.h"
#include "reconciler/forecast/workload_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const Workload *workload, const WorkloadRow *row)
{
    ResourceNeed need = workload_need(workload, row->need);
    g_assert(row->submit_ms >= 0 && row->submit_ms <= WORKLOAD_SECONDS_MAX * 1000);
    g_assert(row->duration_ms == -1 || (row->duration_ms >= 1 && row->duration_ms <= DURATION_MS_MAX));
    g_assert(row->array_size == 0 || (row->array_size >= 2 && row->array_size <= 10000));
    g_assert(row->exit_code >= -1 && row->exit_code <= 255);
    g_assert(workload_text(workload, row->queue) && workload_text(workload, row->definition));
    g_assert(need.vcpus_e4 >= 0 && need.memory_mib >= 0 && need.gpus >= 0);
}

static void check(const Workload *workload)
{
    for (size_t i = 0; i < workload_len(workload); i++) {
        const WorkloadRow *row = workload_get(workload, i);
        check_row(workload, row);
        g_assert(i == 0 || workload_get(workload, i - 1)->submit_ms <= row->submit_ms);
    }
}

/* What was read, or what was told, as one text. */
static char *read_in_pieces(View text, size_t step)
{
    static const WorkloadOptions options = {.queue = "main", .definition = "work", .share_by_user = true};
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    WorkloadReader *reader = workload_reader_new("fuzz", &options, diagnostics);
    for (size_t at = 0; at < text.len; at += step)
        if (!workload_reader_feed(reader, (View){text.data + at, MIN(step, text.len - at)}))
            break;
    g_autoptr(Workload) workload = workload_reader_end(reader);
    g_assert((workload != NULL) == (diagnostic_list_count(diagnostics, SEVERITY_ERROR) == 0));
    GString *out = g_string_new(NULL);
    diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, out);
    g_assert(g_utf8_validate(out->str, (gssize)out->len, NULL));
    if (workload) {
        check(workload);
        for (size_t i = 0; i < workload_len(workload); i++) {
            const WorkloadRow *row = workload_get(workload, i);
            g_string_append_printf(out, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %u %u %u\n",
                                   row->submit_ms, row->duration_ms, row->queue, row->share, row->need);
        }
    }
    return g_string_free(out, FALSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    View text = {(const char *)data, size};
    g_autofree char *whole = read_in_pieces(text, size ? size : 1);
    g_autofree char *pieces = read_in_pieces(text, 1 + size / 7);
    g_assert(strcmp(whole, pieces) == 0);
    return 0;
}
