/* policy_check.c: what of a source's manifests its policy does not allow. Members that grant something are
 * looked for by their names wherever they stand in a spec, so that no place is forgotten: containers of jobs,
 * of node ranges and of tasks, overrides, steps. */
#include <jansson.h>

#include "spec/base/glob.h"
#include "spec/decode.h"
#include "spec/json_scan.h"
#include "spec/locate.h"
#include "spec/policy_internal.h"

#define DEPTH_MAX 64 /* deeper than any schema */

typedef struct {
    const Policy *policy;
    const PolicyEntry *entry;
    const PolicySubject *subject;
    Locator locator;
    const Manifest *manifest;
} Check;

/* ---- matching
 * ---------------------------------------------------------------------------------------------------- */

/* A directory allows what is below it. A path that is not absolute is no path of the host that could be
 * compared. */
static bool covers(const char *directory, const char *path)
{
    g_autofree char *settled = g_canonicalize_filename(path, "/");
    size_t len = strlen(directory);
    if (*path != '/' || strncmp(settled, directory, len) != 0)
        return false;
    return len == 1 || settled[len] == '\0' || settled[len] == '/';
}

static bool is_allowed(const PolicyEntry *entry, Allow allow, const char *text)
{
    char *const *at = entry->allow[allow];
    if (!at)
        return true;
    for (; *at; at++)
        if (allow == ALLOW_HOST_PATHS ? covers(*at, text) : glob_matches(*at, view_from(text)))
            return true;
    return false;
}

/* ---- reporting
 * ---------------------------------------------------------------------------------------------------- */

static void report(Check *check, const char *const *paths, View wanted, const char *message)
{
    Fault fault = {SEVERITY_ERROR, DIAGNOSTIC_PLAIN, message, NULL};
    locate_report(&check->locator, check->manifest, paths, wanted, &fault);
}

static void forbid(Check *check, Allow allow, const char *what, const char *text, const char *const *paths,
                   View wanted)
{
    g_autofree char *message = g_strdup_printf(
        "source %s may not have %s \"%s\": it is not in sources.%s.allow.%s of %s", check->subject->source,
        what, text, check->entry->name, allow_names[allow], check->policy->file);
    report(check, paths, wanted, message);
}

static void forbid_privileged(Check *check, const char *const *paths)
{
    g_autofree char *message = g_strdup_printf(
        "source %s may not have privileged containers: sources.%s.allow.privileged of %s is false",
        check->subject->source, check->entry->name, check->policy->file);
    report(check, paths, VIEW("true"), message);
}

/* ---- members that grant something
 * ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *member;
    Allow allow;
} granting[] = {
    {"jobRoleArn", ALLOW_JOB_ROLES},
    {"taskRoleArn", ALLOW_JOB_ROLES},
    {"executionRoleArn", ALLOW_EXECUTION_ROLES},
    {"instanceRole", ALLOW_ENVIRONMENT_ROLES},
    {"serviceRole", ALLOW_ENVIRONMENT_ROLES},
    {"spotIamFleetRole", ALLOW_ENVIRONMENT_ROLES},
    {"roleArn", ALLOW_ENVIRONMENT_ROLES},
    {"shareIdentifier", ALLOW_SHARES},
    {"sourcePath", ALLOW_HOST_PATHS},
    {"hostPath", ALLOW_HOST_PATHS},
};

/* Their keys are the user's own. */
static bool is_free(View key)
{
    static const char *const maps[] = {"parameters", "tags", "options", "labels", "annotations"};
    for (size_t i = 0; i < G_N_ELEMENTS(maps); i++)
        if (view_is(key, maps[i]))
            return true;
    return false;
}

/* Escapes of a JSON string become what they stand for. New string. */
static char *unescaped(View text)
{
    if (!text.len || !memchr(text.data, '\\', text.len))
        return g_strndup(text.data, text.len);
    g_autofree char *quoted = g_strdup_printf("\"" VIEW_FMT "\"", VIEW_ARG(text));
    json_t *json = json_loads(quoted, JSON_DECODE_ANY, NULL);
    char *plain = g_strdup(json ? json_string_value(json) : quoted);
    json_decref(json);
    return plain;
}

static void judge_text(Check *check, View key, View text, const GString *path)
{
    const char *const paths[] = {path->str, NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(granting); i++) {
        if (!view_is(key, granting[i].member))
            continue;
        g_autofree char *plain = unescaped(text);
        g_autofree char *above = g_strdup_printf("spec.%s", granting[i].member);
        /* A step has what its pipeline says for all of them. */
        const char *const either[] = {path->str, above, NULL};
        bool is_share = granting[i].allow == ALLOW_SHARES;
        if (!is_allowed(check->entry, granting[i].allow, plain))
            forbid(check, granting[i].allow, granting[i].member, plain, is_share ? either : paths,
                   view_from(plain));
    }
}

static bool walk(Check *check, JsonScan *scan, GString *path, int depth);

static bool walk_member(Check *check, JsonScan *scan, View key, GString *path, int depth)
{
    View value;
    size_t len = path->len;
    g_string_append_c(path, '.');
    g_string_append_len(path, key.data, (gssize)key.len);
    const char *const paths[] = {path->str, NULL};
    bool good;
    if (json_scan_is(scan, '"')) {
        good = json_scan_string(scan, &value);
        if (good)
            judge_text(check, key, value, path);
    } else if (json_scan_is(scan, '{') || json_scan_is(scan, '[')) {
        good = is_free(key) ? json_scan_skip(scan) : walk(check, scan, path, depth + 1);
    } else {
        good = json_scan_word(scan, &value);
        if (good && view_is(key, "privileged") && view_is(value, "true") && !check->entry->privileged)
            forbid_privileged(check, paths);
    }
    g_string_set_size(path, len);
    return good;
}

static bool walk_list(Check *check, JsonScan *scan, GString *path, int depth)
{
    size_t len = path->len;
    bool good = json_scan_open(scan, '[');
    g_string_append(path, "[]");
    while (good && json_scan_item(scan))
        good = json_scan_is(scan, '{') || json_scan_is(scan, '[') ? walk(check, scan, path, depth + 1)
                                                                  : json_scan_skip(scan);
    g_string_set_size(path, len);
    return good;
}

static bool walk(Check *check, JsonScan *scan, GString *path, int depth)
{
    View key;
    bool good = depth < DEPTH_MAX;
    if (good && json_scan_is(scan, '['))
        return walk_list(check, scan, path, depth);
    good = good && json_scan_open(scan, '{');
    while (good && json_scan_key(scan, &key))
        good = walk_member(check, scan, key, path, depth);
    return good;
}

/* ---- the envelope, references, providers
 * ---------------------------------------------------------------------------------------------------- */

static void judge_envelope(Check *check)
{
    static const char *const kind_path[] = {"kind", NULL}, *const name_path[] = {"metadata.name", NULL};
    const Manifest *manifest = check->manifest;
    const char *kind = kind_name(manifest->kind);
    g_autofree char *name = g_strndup(manifest->name.data, manifest->name.len);
    if (!is_allowed(check->entry, ALLOW_KINDS, kind))
        forbid(check, ALLOW_KINDS, "kind", kind, kind_path, view_from(kind));
    if (!is_allowed(check->entry, ALLOW_NAMES, name))
        forbid(check, ALLOW_NAMES, "name", name, name_path, view_from(name));
}

static void judge_reference(Check *check, const ManifestReference *reference)
{
    static const struct {
        Allow allow;
        const char *what, *above;
    } rules[KIND_COUNT] = {
        [KIND_JOB_QUEUE] = {ALLOW_QUEUES, "jobQueue", "spec.jobQueue"},
        [KIND_COMPUTE_ENVIRONMENT] = {ALLOW_ENVIRONMENTS, "computeEnvironment",
                                      "spec.computeEnvironmentOrder[]"},
        [KIND_JOB_DEFINITION] = {ALLOW_DEFINITIONS, "jobDefinition", "spec.jobDefinition"},
    };
    View qualifier, name = reference_name(reference->kind, reference->text, &qualifier);
    if (!rules[reference->kind].what || manifest_set_find(check->subject->whole, reference->kind, name))
        return;
    g_autofree char *text = g_strndup(name.data, name.len);
    const char *const paths[] = {reference->path, rules[reference->kind].above, NULL};
    if (!is_allowed(check->entry, rules[reference->kind].allow, text))
        forbid(check, rules[reference->kind].allow, rules[reference->kind].what, text, paths,
               reference->text);
}

/* Where --provider says, else where it says itself, else where muster.yaml says, else aws. */
static const char *provider_of(const Check *check, bool *ret_own)
{
    const SourceConfig *config = manifest_set_config(check->subject->whole);
    g_autoptr(ComputeEnvironmentSpec) spec = compute_environment_spec_decode(check->manifest->spec, NULL);
    *ret_own = !check->subject->provider && spec && spec->provider != PROVIDER_UNSET;
    if (*ret_own)
        return provider_type_name(spec->provider);
    return check->subject->provider     ? check->subject->provider
           : config && config->provider ? config->provider
                                        : "aws";
}

static void judge_provider(Check *check)
{
    static const char *const paths[] = {"spec.provider", "spec.provider.type", NULL}, *const kind_path[] = {
                                                                                          "kind", NULL};
    bool is_own;
    const char *provider = provider_of(check, &is_own);
    if (!is_allowed(check->entry, ALLOW_PROVIDERS, provider))
        forbid(check, ALLOW_PROVIDERS, "provider", provider, is_own ? paths : kind_path,
               is_own ? view_from(provider) : view_from("ComputeEnvironment"));
}

static void judge(Check *check)
{
    g_autoptr(GString) path = g_string_new("spec");
    JsonScan scan = json_scan(check->manifest->spec);
    judge_envelope(check);
    for (size_t i = 0; i < check->manifest->references_len; i++)
        judge_reference(check, &check->manifest->references[i]);
    if (check->manifest->kind == KIND_COMPUTE_ENVIRONMENT)
        judge_provider(check);
    if (!walk(check, &scan, path, 0)) /* our own text: it is whole, or nothing of it is believed */
        report(check, (const char *const[]){"spec", NULL}, (View){NULL, 0},
               "what it holds cannot be compared with the policy");
}

/* ---- the source itself
 * ---------------------------------------------------------------------------------------------------- */

static void report_source(const PolicySubject *subject, char *message, DiagnosticList *diagnostics)
{
    g_autofree char *owned = message;
    Diagnostic fault = {.severity = SEVERITY_ERROR, .message = owned};
    const Manifest *first = manifest_set_len(subject->whole) ? manifest_set_get(subject->whole, 0) : NULL;
    if (first) {
        fault.file = (char *)(uintptr_t)first->file;
        fault.line = first->line;
    }
    diagnostic_list_add(diagnostics, &fault);
}

/* A name decides what is allowed, and who may write muster.yaml may write a name: where an entry says where
 * its source is, nobody else takes that name, and that place takes no other. */
static bool place_is_right(const Policy *policy, const PolicySubject *subject, DiagnosticList *diagnostics)
{
    const PolicyEntry *own = policy_entry(policy, subject->source);
    for (guint i = 0; i < policy->entries->len; i++) {
        const PolicyEntry *entry = policy->entries->pdata[i];
        if (!entry->source || strcmp(entry->source, subject->place) != 0 || entry == own)
            continue;
        report_source(
            subject,
            g_strdup_printf("what is in %s is source %s and not %s: sources.%s.source of %s says so",
                            subject->place, entry->name, subject->source, entry->name, policy->file),
            diagnostics);
        return false;
    }
    if (!own || !own->source || strcmp(own->source, subject->place) == 0)
        return true;
    report_source(subject,
                  g_strdup_printf("source %s is in %s and not in %s: sources.%s.source of %s says so",
                                  subject->source, own->source, subject->place, own->name, policy->file),
                  diagnostics);
    return false;
}

void policy_check(const Policy *policy, const PolicySubject *subject, const ManifestSet *set,
                  DiagnosticList *diagnostics)
{
    const SourceConfig *config = manifest_set_config(subject->whole);
    if (!policy || !place_is_right(policy, subject, diagnostics))
        return;
    Check check = {.policy = policy,
                   .entry = policy_entry(policy, subject->source),
                   .subject = subject,
                   .locator = {.text = subject->text,
                               .data = subject->data,
                               .variant = config ? config->variant : NULL,
                               .diagnostics = diagnostics}};
    if (!check.entry || check.entry->is_open)
        return;
    for (size_t i = 0; i < manifest_set_len(set); i++) {
        check.manifest = manifest_set_get(set, i);
        judge(&check);
    }
}

char *policy_refusal(const DiagnosticList *found, const char *source)
{
    size_t errors = diagnostic_list_count(found, SEVERITY_ERROR);
    return g_strdup_printf("%zu thing%s beyond what the policy allows source %s", errors,
                           errors == 1 ? " is" : "s are", source);
}
