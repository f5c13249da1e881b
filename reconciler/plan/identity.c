/* identity.c: the digest that names a plan: of the source's name, the changes with before and after, and the
 * run keys. */
#include "reconciler/plan/change.h"

#define PIECE 32768 /* bytes that are hashed at a time */

static void append_hex(GString *out, const Digest *digest)
{
    char hex[2 * DIGEST_BYTES + 1];
    digest_to_hex(digest, hex);
    g_string_append_len(out, hex, 2 * DIGEST_BYTES);
}

/* Lengths stand before texts, so that no two sequences of fields give the same bytes. */
static void append_text(GString *out, const char *text)
{
    if (text)
        g_string_append_printf(out, "%zu:%s\n", strlen(text), text);
    else
        g_string_append(out, "-\n");
}

/* Of fields only those of the metadata are told: the digests before and after stand for the specs, whose
 * texts a plan against a snapshot does not know. */
static void append_change(GString *out, const Change *change)
{
    change_append_title(change, out);
    g_string_append_c(out, '\n');
    append_hex(out, &change->before);
    g_string_append_c(out, '\n');
    append_hex(out, &change->after);
    g_string_append_c(out, '\n');
    append_hex(out, &change->run_key);
    g_string_append_c(out, '\n');
    if (change->formerly || !digest_is_zero(&change->former_key)) {
        append_text(out, change->formerly);
        append_hex(out, &change->former_key);
        g_string_append_c(out, '\n');
    }
    for (guint i = 0; i < change->fields->len; i++) {
        const FieldChange *field = g_ptr_array_index(change->fields, i);
        if (!g_str_has_prefix(field->path, "metadata."))
            continue;
        append_text(out, field->path);
        append_text(out, field->before);
        append_text(out, field->after);
    }
    if (change->action ==
        ACTION_CREATE) { /* its fields are not listed: the digest covers the spec, this the metadata */
        View metadata = change->manifest->metadata;
        g_string_append_printf(out, "%zu:" VIEW_FMT "\n", metadata.len, VIEW_ARG(metadata));
    }
}

void change_digest(const Change *change, Digest *ret_digest)
{
    g_autoptr(GString) text = g_string_new("muster/change/2\n");
    append_change(text, change);
    digest_of((View){text->str, text->len}, ret_digest);
}

void plan_identify(Plan *plan)
{
    g_autoptr(GString) text = g_string_new("muster/plan/2\n");
    append_text(text, plan->source_name);
    g_string_append_printf(text, "%s\n%u\n", plan->destroys ? "destroy" : "apply", plan->changes->len);
    DigestSum *sum = digest_begin();
    for (guint i = 0; i < plan->changes->len; i++) {
        append_change(text, g_ptr_array_index(plan->changes, i));
        if (text->len >= PIECE) {
            digest_add(sum, (View){text->str, text->len});
            g_string_set_size(text, 0);
        }
    }
    digest_add(sum, (View){text->str, text->len});
    Digest digest;
    digest_end(sum, &digest);
    g_free(plan->id);
    plan->id = g_malloc(2 * DIGEST_BYTES + 1);
    digest_to_hex(&digest, plan->id);
}
