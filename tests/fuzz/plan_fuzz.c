/* plan_fuzz.c: the loader of saved plans; what it accepts keeps its promises. */
#include "reconciler/plan/plan.h"
#include <glib.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SavedPlan) saved = plan_load((View){(const char *)data, size}, &error);
    g_assert_true((saved == NULL) == (error != NULL));
    if (!saved)
        return 0;
    g_assert_cmpuint(strlen(saved->id), ==, 2 * DIGEST_BYTES);
    g_assert_cmpuint(g_strv_length(saved->changes), ==, g_strv_length(saved->digests));
    g_assert_true(saved->source_name && saved->source_path);
    return 0;
}
