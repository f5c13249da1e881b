#include "reconciler/schedule/architecture.h"

#include "reconciler/scale/catalogue.h"
#include "spec/decode.h"

static const char *const names[] = {[ARCHITECTURE_X86_64] = "x86_64", [ARCHITECTURE_ARM64] = "arm64"};
#define ARCHITECTURES G_N_ELEMENTS(names)

/* By architecture: the first entry of instanceTypes that has it, or NULL. */
typedef struct {
    char *entries[ARCHITECTURES];
} Entries;

typedef struct {
    const ManifestSet *set;
    Locator *locator;
    GHashTable *environments; /* const Manifest * -> Entries * */
} Check;

static void entries_free(void *data)
{
    Entries *entries = data;
    for (size_t i = 0; i < ARCHITECTURES; i++)
        g_free(entries->entries[i]);
    g_free(entries);
}

static void entry_add(Entries *entries, char *entry)
{
    char *const list[] = {entry, NULL};
    g_autoptr(GPtrArray) types = g_ptr_array_new();
    (void)catalogue_resolve(list, types, NULL);
    for (guint i = 0; i < types->len; i++) {
        const InstanceType *type = g_ptr_array_index(types, i);
        if (type->architecture < ARCHITECTURES && !entries->entries[type->architecture])
            entries->entries[type->architecture] = g_strdup(entry);
    }
}

static const Entries *entries_of(Check *check, const Manifest *environment)
{
    static const char member[] =
        "\"instanceTypes\":"; /* a quote inside a string is escaped: it is the member */
    Entries *entries = g_hash_table_lookup(check->environments, environment);
    if (entries)
        return entries;
    entries = g_new0(Entries, 1);
    g_hash_table_insert(check->environments, (gpointer)(uintptr_t)environment, entries);
    if (!memmem(environment->spec.data, environment->spec.len, member, sizeof member - 1))
        return entries;
    g_autoptr(ComputeEnvironmentSpec) spec = compute_environment_spec_decode(environment->spec, NULL);
    for (size_t i = 0; spec && spec->instance_types && spec->instance_types[i]; i++)
        entry_add(entries, spec->instance_types[i]);
    return entries;
}

static bool is_mixed(const Entries *entries)
{
    return entries->entries[ARCHITECTURE_X86_64] && entries->entries[ARCHITECTURE_ARM64];
}

static void environment_check(Check *check, const Manifest *environment)
{
    const Entries *entries = entries_of(check, environment);
    if (!is_mixed(entries))
        return;
    const char *arm = entries->entries[ARCHITECTURE_ARM64], *x86 = entries->entries[ARCHITECTURE_X86_64];
    const char *const paths[] = {"spec.computeResources.instanceTypes[]", NULL};
    g_autofree char *message =
        g_strdup_printf("an environment has one CPU architecture: \"%s\" is %s, \"%s\" is %s", x86,
                        names[ARCHITECTURE_X86_64], arm, names[ARCHITECTURE_ARM64]);
    Fault fault = {SEVERITY_ERROR, DIAGNOSTIC_PLAIN, message,
                   "give each architecture an environment and a queue of its own"};
    locate_report(check->locator, environment, paths, view_from(arm), &fault);
}

static void queue_check(Check *check, const Manifest *queue)
{
    const ManifestReference *references[ARCHITECTURES] = {NULL};
    const Entries *found[ARCHITECTURES] = {NULL};
    size_t last = 0;
    for (size_t i = 0; i < queue->references_len; i++) {
        const ManifestReference *reference = &queue->references[i];
        View qualifier, name = reference_name(reference->kind, reference->text, &qualifier);
        const Manifest *environment = reference->kind == KIND_COMPUTE_ENVIRONMENT
                                          ? manifest_set_find(check->set, reference->kind, name)
                                          : NULL;
        const Entries *entries = environment ? entries_of(check, environment) : NULL;
        for (size_t at = 0; entries && !is_mixed(entries) && at < ARCHITECTURES; at++)
            if (entries->entries[at] && !references[at]) {
                references[at] = reference;
                found[at] = entries;
                last = at;
            }
    }
    if (!references[ARCHITECTURE_X86_64] || !references[ARCHITECTURE_ARM64])
        return;
    size_t first = last == ARCHITECTURE_ARM64 ? ARCHITECTURE_X86_64 : ARCHITECTURE_ARM64;
    g_autofree char *message =
        g_strdup_printf("the environments of a queue have one CPU architecture: \"" VIEW_FMT
                        "\" has %s (%s), \"" VIEW_FMT "\" has %s (%s)",
                        VIEW_ARG(references[first]->text), found[first]->entries[first], names[first],
                        VIEW_ARG(references[last]->text), found[last]->entries[last], names[last]);
    const char *const paths[] = {references[last]->path, NULL};
    Fault fault = {SEVERITY_ERROR, DIAGNOSTIC_PLAIN, message, "give each architecture a queue of its own"};
    locate_report(check->locator, queue, paths, references[last]->text, &fault);
}

static void kind_check(Check *check, Kind kind, void (*func)(Check *check, const Manifest *manifest))
{
    size_t first, len = manifest_set_kind(check->set, kind, &first);
    for (size_t i = 0; i < len; i++)
        func(check, manifest_set_get(check->set, first + i));
}

void architecture_check(const ManifestSet *set, Locator *locator)
{
    Check check = {set, locator, g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, entries_free)};
    kind_check(&check, KIND_COMPUTE_ENVIRONMENT, environment_check);
    kind_check(&check, KIND_JOB_QUEUE, queue_check);
    g_hash_table_unref(check.environments);
}
