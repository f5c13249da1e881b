#include "spec/formerly.h"
#include <jansson.h>
#include <string.h>

bool manifest_has_formerly(const Manifest *manifest)
{
    static const char member[] = "\"formerly\":";
    View text = manifest->metadata;
    return text.len > sizeof member && memmem(text.data, text.len, member, sizeof member - 1) != NULL;
}

char **manifest_formerly(const Manifest *manifest)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    json_t *root = manifest_has_formerly(manifest)
                       ? json_loadb(manifest->metadata.data, manifest->metadata.len, 0, NULL)
                       : NULL;
    const json_t *formerly = json_object_get(root, "formerly");
    if (json_is_string(formerly))
        g_strv_builder_add(names, json_string_value(formerly));
    for (size_t i = 0; i < json_array_size(formerly); i++)
        g_strv_builder_add(names, json_string_value(json_array_get(formerly, i)));
    json_decref(root);
    return g_strv_builder_end(names);
}

typedef struct {
    const ManifestSet *set;
    Locator *locator;
    GHashTable *claims; /* "KIND/NAME" → the manifest that claims it first */
} Check;

static void G_GNUC_PRINTF(5, 6) report(const Check *check, const Manifest *manifest, const char *name,
                                       const char *cure, const char *format, ...)
{
    static const char *const paths[] = {"metadata.formerly", NULL};
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    Fault fault = {SEVERITY_ERROR, DIAGNOSTIC_PLAIN, message, cure};
    locate_report(check->locator, manifest, paths, view_from(name), &fault);
}

static void check_name(const Check *check, const Manifest *manifest, const char *name)
{
    const char *kind = kind_name(manifest->kind);
    const Manifest *declared = manifest_set_find(check->set, manifest->kind, view_from(name));
    g_autofree char *key = g_strdup_printf("%s/%s", kind, name);
    const Manifest *other = g_hash_table_lookup(check->claims, key);
    if (declared == manifest)
        report(check, manifest, name, "leave it out", "%s is what it is called now", key);
    else if (declared)
        report(check, manifest, name,
               "rename in two steps, or by a name that is free: what has a name cannot lose it to another in "
               "the same change",
               "%s is declared at %s:%d, so nothing else was formerly it", key, declared->file,
               declared->line);
    else if (other && other != manifest)
        report(check, manifest, name, "one of them is new: leave it out there",
               "%s/" VIEW_FMT " at %s:%d says that it was formerly %s, too", kind, VIEW_ARG(other->name),
               other->file, other->line, name);
    if (!other)
        g_hash_table_insert(check->claims, g_steal_pointer(&key), (gpointer)(uintptr_t)manifest);
}

static void check_manifest(const Check *check, const Manifest *manifest)
{
    g_auto(GStrv) names = manifest_formerly(manifest);
    for (char **name = names; *name; name++)
        check_name(check, manifest, *name);
}

void formerly_check(const ManifestSet *set, Locator *locator)
{
    Check check = {set, locator, NULL};
    for (size_t i = 0; i < manifest_set_len(set); i++) {
        const Manifest *manifest = manifest_set_get(set, i);
        if (!manifest_has_formerly(manifest))
            continue;
        if (!check.claims)
            check.claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        check_manifest(&check, manifest);
    }
    if (check.claims)
        g_hash_table_unref(check.claims);
}
