#include "reconciler/plan/recorded.h"
#include "reconciler/plan/change.h"

static void append_value(const char *label, const char *json, GString *out)
{
    char digest[REDACTED_LEN + 1];
    if (!json)
        return;
    size_t len = strlen(json);
    g_string_append_printf(out, ",\"%s\":", label);
    if (len <= RECORDED_VALUE_MAX) {
        g_string_append_len(out, json, (gssize)len);
        return;
    }
    redact_text(&(Redaction){.salt = ""}, json, digest);
    g_string_append_printf(out, "\"(%zu bytes, %s)\"", len, digest);
}

static void append_field(const FieldChange *field, const Redaction *before, const Redaction *after,
                         GString *out)
{
    g_autofree char *kept_before = NULL, *kept_after = NULL;
    field_redact(field, before, after, &kept_before, &kept_after);
    g_string_append(out, "{\"path\":");
    json_append_string(out, view_from(field->path));
    append_value("before", kept_before, out);
    append_value("after", kept_after, out);
    g_string_append_c(out, '}');
}

void recorded_fields(const GPtrArray *fields, View metadata, GString *out)
{
    g_auto(GStrv) names_before = public_names_before(fields, metadata);
    g_auto(GStrv) names_after = redact_public_names(metadata);
    Redaction before = {.salt = "", .public_names = (const char *const *)names_before},
              after = {.salt = "", .public_names = (const char *const *)names_after};
    guint shown = 0;
    gsize end = out->len + RECORDED_BYTES_MAX;
    g_string_append_c(out, '[');
    for (; shown < MIN(fields->len, RECORDED_FIELDS_MAX) && out->len < end; shown++) {
        if (shown)
            g_string_append_c(out, ',');
        append_field(g_ptr_array_index(fields, shown), &before, &after, out);
    }
    if (fields->len > shown)
        g_string_append_printf(out, ",{\"path\":\"spec\",\"omitted\":%u}", fields->len - shown);
    g_string_append_c(out, ']');
}
