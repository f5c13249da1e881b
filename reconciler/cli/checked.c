#include "reconciler/cli/checked.h"

#include "reconciler/cli/marker.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/forecast/annotation_check.h"
#include "reconciler/provider/provider.h"
#include "reconciler/schedule/feasible.h"
#include "reconciler/store/store.h"
#include "spec/base/units.h"
#include "spec/reference.h"
#include "spec/variant.h"

/* ---- checks across documents
 * -------------------------------------------------------------------------------------- */

typedef struct {
    Checked *checked;
    SourceOptions *source;
    const char *state_dir;
    const StateSnapshot *against; /* in place of the state; NULL: none */
    StoreReader *reader;          /* opened by the first question */
    bool asked;                   /* the reader was tried */
    MarkerQuestions *questions;
    GPtrArray *faulty; /* files with errors, borrowed; NULL: none */
} CrossCheck;

bool text_names(View text, View name)
{
    const char *at = text.data, *end = text.data + text.len;
    while (name.len && at < end && (at = memmem(at, (size_t)(end - at), "name:", 5))) {
        at += 5;
        while (at < end && (*at == ' ' || *at == '"' || *at == '\''))
            at++;
        size_t left = (size_t)(end - at);
        if (left >= name.len && memcmp(at, name.data, name.len) == 0 &&
            (left == name.len ||
             !(g_ascii_isalnum(at[name.len]) || at[name.len] == '-' || at[name.len] == '_')))
            return true;
    }
    return false;
}

/* A manifest that is at fault is not in the set, but what refers to it is not wrong for that. */
static bool is_in_faulty_file(CrossCheck *check, View name)
{
    name = prefix_strip(variant_prefix(manifest_set_config(check->checked->set)->variant), name);
    for (guint i = 0; check->faulty && i < check->faulty->len; i++)
        if (text_names(source_text(check->faulty->pdata[i], check->source), name))
            return true;
    return false;
}

static StoreReader *open_state(CrossCheck *check)
{
    if (check->asked)
        return check->reader;
    check->asked = true;
    check->reader = store_reader_open(check->state_dir, NULL); /* no state: nothing is known from it */
    if (check->reader && !store_reader_begin(check->reader, NULL))
        g_clear_pointer(&check->reader, store_reader_free);
    return check->reader;
}

/* What this source owns is about to go when its manifest is gone: it is not "known". */
static ReferenceStanding state_knows(CrossCheck *check, Kind kind, View name)
{
    const char *identity = check->checked->identity;
    if (check->against)
        return state_snapshot_knows(check->against, kind, name, identity) ? REFERENCE_KNOWN
                                                                          : REFERENCE_MISSING;
    StoreReader *reader = open_state(check);
    ResourceRecord record;
    bool found = false;
    if (!reader || !store_reader_resource(reader, kind, name, &found, &record, NULL))
        return REFERENCE_UNTOLD;
    return found && record.phase == RESOURCE_ACTIVE && !view_is(record.owner, identity) ? REFERENCE_KNOWN
                                                                                        : REFERENCE_MISSING;
}

static ReferenceStanding marker_known(Kind kind, View name, void *data)
{
    return state_knows(data, kind, name);
}

static ReferenceStanding is_known(Kind kind, View name, void *data)
{
    CrossCheck *check = data;
    if (is_in_faulty_file(check, name))
        return REFERENCE_KNOWN;
    ReferenceStanding standing = state_knows(check, kind, name);
    marker_questions_add(check->questions, kind, name, standing);
    return standing;
}

static View text_of(const char *file, void *data)
{
    CrossCheck *check = data;
    return source_text(file, check->source);
}

static void find_faulty(CrossCheck *check)
{
    size_t len = diagnostic_list_len(check->checked->diagnostics);
    check->faulty = g_ptr_array_new();
    for (size_t i = 0; i < len; i++) {
        const Diagnostic *diagnostic = diagnostic_list_get(check->checked->diagnostics, i);
        if (diagnostic->severity == SEVERITY_ERROR && diagnostic->file &&
            !g_ptr_array_find_with_equal_func(check->faulty, diagnostic->file, g_str_equal, NULL))
            g_ptr_array_add(check->faulty, diagnostic->file);
    }
}

static void check_feasible(CrossCheck *check, const char *provider, DiagnosticList *found)
{
    FeasibleOptions options = {
        .config = manifest_set_config(check->checked->set),
        .provider_override = PROVIDER_UNSET,
        .text = text_of,
        .data = check,
    };
    int64_t vcpus_e4;
    int gpus;
    g_autofree char *notice = NULL;
    if (provider)
        provider_type_from(view_from(provider), &options.provider_override);
    provider_local_capacity(&vcpus_e4, &options.machine.memory_mib, &gpus, &notice);
    options.machine.vcpus = vcpus_e4 / DECIMAL_SCALE;
    options.machine.gpus = gpus;
    feasible_check(check->checked->set, &options, found);
}

static void cross_check_run(CrossCheck *check, const char *provider)
{
    Checked *checked = check->checked;
    DiagnosticList *found = diagnostic_list_new();
    find_faulty(check);
    reference_check(checked->set, is_known, text_of, check, found);
    check_feasible(check, provider, found);
    annotation_check(checked->set, &(Locator){.text = text_of,
                                              .data = check,
                                              .variant = manifest_set_config(checked->set)->variant,
                                              .diagnostics = found});
    g_clear_pointer(&check->faulty, g_ptr_array_unref); /* borrows from the list that grows now */
    diagnostic_list_merge(checked->diagnostics, found);
    diagnostic_list_free(found);
}

static void cross_check(Checked *checked, const CheckOptions *options, SourceOptions *source)
{
    CrossCheck check = {
        .checked = checked, .source = source, .state_dir = options->state_dir, .against = options->against};
    g_autofree char *key = marker_key(checked->set, checked->identity, options->provider);
    bool is_clean = diagnostic_list_len(checked->diagnostics) == 0;
    check.questions = marker_questions_new();
    if (!is_clean || !marker_holds(source->cache_dir, key, marker_known, &check)) {
        cross_check_run(&check, options->provider);
        if (diagnostic_list_len(checked->diagnostics) == 0)
            marker_write(source->cache_dir, key, check.questions);
    }
    marker_questions_free(check.questions);
    if (check.reader)
        store_reader_end(check.reader);
    store_reader_free(check.reader);
}

/* ---- loading
 * ------------------------------------------------------------------------------------------------------ */

/* DESIGN: a source without a single document of ours is an error that names the first skipped file and line.
 */
static bool check_ours(const Checked *checked, GError **error)
{
    if (manifest_set_len(checked->set) || diagnostic_list_count(checked->diagnostics, SEVERITY_ERROR))
        return true;
    const char *skipped = checked->statistics.first_skipped;
    g_set_error(error, CLI_ERROR, EXIT_ERROR, "%s: no manifest is in it (apiVersion: muster/v1)%s%s",
                checked->path, skipped ? "; the first document that was skipped: " : "",
                skipped ? skipped : "");
    return false;
}

static void source_of(const CheckOptions *options, Checked *checked)
{
    checked->absolute = source_absolute(options->path, NULL);
    checked->state_dir = g_strdup(options->state_dir);
    checked->name = g_strdup(options->name);
    checked->override = g_strdup(options->provider);
    checked->commit = g_strdup(options->commit);
    if (g_file_test(options->state_dir, G_FILE_TEST_IS_DIR))
        checked->cache_dir = g_build_filename(options->state_dir, "cache", NULL);
    checked->source = (SourceOptions){.path = checked->path,
                                      .name = checked->name,
                                      .provider = checked->override,
                                      .cache_dir = checked->cache_dir,
                                      .state_dir = checked->state_dir,
                                      .values = options->values,
                                      .commit = checked->commit,
                                      .threads = options->observe ? 1 : 0,
                                      .observe = options->observe,
                                      .observer = options->observer};
}

/* What is not signed by anybody who is trusted is refused like what a rule forbids. */
static bool load(SourceOptions *source, Checked *checked, GError **error)
{
    g_autoptr(GError) fault = NULL;
    if (source_load(source, &checked->set, &checked->statistics, checked->diagnostics, &fault))
        return true;
    if (g_error_matches(fault, SOURCE_ERROR, SOURCE_ERROR_UNVERIFIED))
        g_set_error(error, CLI_ERROR, EXIT_REFUSED, "%s: %s", checked->path, fault->message);
    else
        g_propagate_error(error, g_steal_pointer(&fault));
    return false;
}

bool checked_load(const CheckOptions *options, Checked *ret_checked, GError **error)
{
    if (!source_is_supported(options->path, error))
        return false;
    g_auto(Checked) checked = {.path = g_strdup(options->path), .diagnostics = diagnostic_list_new()};
    source_of(options, &checked);
    SourceOptions *source = &checked.source;
    if (!load(source, &checked, error) || (!options->may_be_empty && !check_ours(&checked, error)))
        return false;
    checked.identity = source_identity(source, checked.set);
    const SourceConfig *config = manifest_set_config(checked.set);
    const char *provider = options->provider ? options->provider : config ? config->provider : NULL;
    checked.provider = g_strdup(provider ? provider : "aws");
    cross_check(&checked, options, source);
    *ret_checked = checked;
    memset(&checked, 0, sizeof(checked));
    return true;
}

void checked_clear(Checked *checked)
{
    source_options_clear(&checked->source);
    g_clear_pointer(&checked->cache_dir, g_free);
    g_clear_pointer(&checked->state_dir, g_free);
    g_clear_pointer(&checked->name, g_free);
    g_clear_pointer(&checked->override, g_free);
    g_clear_pointer(&checked->commit, g_free);
    g_clear_pointer(&checked->path, g_free);
    g_clear_pointer(&checked->absolute, g_free);
    g_clear_pointer(&checked->identity, g_free);
    g_clear_pointer(&checked->provider, g_free);
    g_clear_pointer(&checked->set, manifest_set_unref);
    g_clear_pointer(&checked->diagnostics, diagnostic_list_free);
    source_statistics_clear(&checked->statistics);
}

int checked_exit_code(const Checked *checked)
{
    size_t errors = diagnostic_list_count(checked->diagnostics, SEVERITY_ERROR);
    size_t infeasible = diagnostic_list_count_infeasible(checked->diagnostics);
    if (errors > infeasible)
        return EXIT_ERROR;
    return infeasible ? EXIT_INFEASIBLE : EXIT_OK;
}

/* ---- notices
 * ------------------------------------------------------------------------------------------------------ */

static bool names_image(const ManifestSet *set)
{
    for (size_t i = 0; i < manifest_set_len(set); i++) {
        const Manifest *manifest = manifest_set_get(set, i);
        if (manifest->kind == KIND_JOB_DEFINITION &&
            memmem(manifest->spec.data, manifest->spec.len, "\"image\":", 8))
            return true;
    }
    return false;
}

char **checked_notices(const Checked *checked, const char *picked, const Host *host)
{
    g_autoptr(GStrvBuilder) notices = g_strv_builder_new();
    if (picked)
        g_strv_builder_add(notices, picked);
    g_auto(GStrv) of_docker =
        host && host->docker_notices
            ? host->docker_notices(checked->set, checked->provider, checked->override != NULL)
            : NULL;
    if (of_docker)
        g_strv_builder_addv(notices, (const char **)of_docker);
    if (strcmp(checked->provider, "local") == 0) {
        int64_t vcpus_e4, memory_mib;
        int gpus;
        g_autofree char *notice = NULL;
        provider_local_capacity(&vcpus_e4, &memory_mib, &gpus, &notice);
        if (notice)
            g_strv_builder_add(notices, notice);
        if (names_image(checked->set))
            g_strv_builder_add(
                notices,
                "provider local runs commands on this machine as they are: container images are not used");
    }
    return g_strv_builder_end(notices);
}
