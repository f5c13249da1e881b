/* apply_plan.c: load, check across documents, compare with what is committed, guard. */
#include "reconciler/api/apply_plan.h"
#include "reconciler/api/committed.h"
#include "reconciler/api/upload.h"
#include "reconciler/provider/provider.h"
#include "reconciler/schedule/feasible.h"
#include "spec/base/units.h"
#include "spec/formerly.h"
#include "spec/reference.h"

/* Changes told in the answer to an apply; who wants them all asks for the plan. 100,000 of them, with their
 * fields, would take gigabytes as a JSON tree. */
#define ANSWER_CHANGES_MAX 1000
/* More than this is read faster in one go than one by one. */
#define PART_MAX 2000

ApplyPlan *apply_plan_new(const char *state_dir)
{
    ApplyPlan *plan = g_new0(ApplyPlan, 1);
    plan->state_dir = g_strdup(state_dir);
    plan->allow_deletes = -1;
    return plan;
}

static void clear_outputs(ApplyPlan *plan)
{
    g_clear_pointer(&plan->identity, g_free);
    g_clear_pointer(&plan->message, g_free);
    g_clear_pointer(&plan->diagnostics, diagnostic_list_free);
    g_clear_pointer(&plan->plan, plan_free);
    g_clear_pointer(&plan->saved, g_free);
    plan->needed_deletes = 0;
    plan->needs_first_run = false;
    json_decref(plan->plan_json);
    plan->plan_json = NULL;
    plan->has_position = false;
}

void apply_plan_free(void *data)
{
    ApplyPlan *plan = data;
    if (!plan)
        return;
    clear_outputs(plan);
    g_clear_pointer(&plan->set, manifest_set_unref);
    g_clear_pointer(&plan->before, manifest_set_unref);
    policy_unref(plan->policy);
    json_decref(plan->upload);
    g_free(plan->state_dir);
    g_free(plan->source);
    g_free(plan->source_name);
    g_free(plan->commit);
    g_free(plan->provider);
    g_free(plan->values);
    g_free(plan->author);
    g_free(plan->signature);
    g_free(plan->actor);
    g_free(plan->only);
    g_free(plan->plan_id);
    g_free(plan->saved_text);
    g_free(plan);
}

static void stop(ApplyPlan *plan, ApplyOutcome outcome, char *message)
{
    plan->outcome = outcome;
    g_free(plan->message);
    plan->message = message;
}

/* ---- the source
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct {
    Committed *committed;
    const char *identity;
    SourceOptions *source; /* NULL: its files are not here */
} Check;

static ReferenceStanding is_known(Kind kind, View name, void *data)
{
    Check *check = data;
    return committed_knows(check->committed, kind, name, check->identity) ? REFERENCE_KNOWN
                                                                          : REFERENCE_MISSING;
}

static View text_of(const char *file, void *data)
{
    const Check *check = data;
    return check->source ? source_text(file, check->source) : VIEW("");
}

/* set: the whole, or a part of it with all that it refers to. */
static void check_set(ApplyPlan *plan, const ManifestSet *set, Check *check)
{
    FeasibleOptions options = {.config = manifest_set_config(set),
                               .is_part = set != plan->set,
                               .provider_override = PROVIDER_UNSET,
                               .text = text_of,
                               .data = check};
    Capacity machine = plan->machine;
    int gpus = (int)machine.gpus;
    g_autofree char *notice = NULL;
    if (plan->provider)
        provider_type_from(view_from(plan->provider), &options.provider_override);
    if (machine.vcpus_e4 == 0)
        provider_local_capacity(&machine.vcpus_e4, &machine.memory_mib, &gpus, &notice);
    options.machine.memory_mib = machine.memory_mib;
    options.machine.vcpus = machine.vcpus_e4 / DECIMAL_SCALE;
    options.machine.gpus = gpus;
    reference_check(set, is_known, text_of, check, plan->diagnostics);
    feasible_check(set, &options, plan->diagnostics);
}

const char *apply_plan_otherwise(const ApplyPlan *plan)
{
    const SourceConfig *config = plan->set ? manifest_set_config(plan->set) : NULL;
    return config && config->provider ? config->provider : "aws";
}

static const char *default_provider(const ApplyPlan *plan)
{
    return plan->provider ? plan->provider : apply_plan_otherwise(plan);
}

static bool is_served(const ApplyPlan *plan, const char *provider)
{
    unsigned providers = plan->providers ? plan->providers : 1u << PROVIDER_LOCAL;
    ProviderType type;
    return provider_type_from(view_from(provider), &type) && (providers >> type & 1);
}

/* "local and aws". */
static char *served_text(const ApplyPlan *plan)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (ProviderType type = PROVIDER_LOCAL; type < PROVIDER_UNSET; type++)
        if (is_served(plan, provider_type_name(type)))
            g_string_append_printf(text, "%s%s", text->len ? " and " : "", provider_type_name(type));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Environments run where --provider says, else where they say, else where muster.yaml says, else on aws. */
static bool check_providers(ApplyPlan *plan, const ManifestSet *set)
{
    const char *fallback = default_provider(plan);
    size_t first, len = manifest_set_kind(set, KIND_COMPUTE_ENVIRONMENT, &first);
    for (size_t i = first; i < first + len; i++) {
        const Manifest *manifest = manifest_set_get(set, i);
        g_autoptr(ComputeEnvironmentSpec) spec = compute_environment_spec_decode(manifest->spec, NULL);
        bool own = !plan->provider && spec && spec->provider != PROVIDER_UNSET;
        const char *provider = own ? provider_type_name(spec->provider) : fallback;
        if (is_served(plan, provider))
            continue;
        g_autofree char *served = served_text(plan);
        stop(plan, APPLY_REFUSED,
             g_strdup_printf("%s:%d: ComputeEnvironment/" VIEW_FMT
                             " runs on provider %s, which this build does not serve; it serves %s "
                             "(--provider, or provider: in muster.yaml)",
                             manifest->file, manifest->line, VIEW_ARG(manifest->name), provider, served));
        return false;
    }
    return true;
}

/* A followed source's are known, and it is not opened. */
static void note_origin(ApplyPlan *plan, const SourceOptions *source)
{
    if (!source_author(source))
        return;
    g_free(plan->author);
    g_free(plan->signature);
    plan->author = g_strdup(source_author(source));
    plan->signature = g_strdup(source_signature(source));
}

static bool load_upload(ApplyPlan *plan)
{
    char *message = NULL;
    plan->set = upload_parse(plan->upload, plan->provider, plan->diagnostics, &message);
    if (!plan->set)
        stop(plan, APPLY_BROKEN, message);
    else if (manifest_set_len(plan->set) == 0 && !plan->destroy &&
             diagnostic_list_count(plan->diagnostics, SEVERITY_ERROR) == 0)
        stop(plan, APPLY_BROKEN, g_strdup("upload: no manifest is in it"));
    return plan->outcome == APPLY_READY;
}

static bool load(ApplyPlan *plan, SourceOptions *source)
{
    if (plan->upload) {
        if (!plan->set && !load_upload(plan))
            return false;
        plan->identity = source_identity(source, plan->set);
        return true;
    }
    g_autoptr(GError) error = NULL;
    SourceStatistics statistics = {0};
    if (!plan->set && !source_load(source, &plan->set, &statistics, plan->diagnostics, &error)) {
        bool is_unverified = g_error_matches(error, SOURCE_ERROR, SOURCE_ERROR_UNVERIFIED);
        source_statistics_clear(&statistics);
        stop(plan, is_unverified ? APPLY_REFUSED : APPLY_BROKEN, g_strdup(error->message));
        return false;
    }
    source_statistics_clear(&statistics);
    note_origin(plan, source);
    plan->identity = source_identity(source, plan->set);
    return true;
}

static bool without_errors(ApplyPlan *plan)
{
    size_t errors = diagnostic_list_count(plan->diagnostics, SEVERITY_ERROR);
    size_t infeasible = diagnostic_list_count_infeasible(plan->diagnostics);
    if (errors == 0)
        return true;
    stop(plan, errors > infeasible ? APPLY_BROKEN : APPLY_INFEASIBLE,
         g_strdup_printf("%zu error%s in the manifests", errors, errors == 1 ? "" : "s"));
    return false;
}

/* set: as in check_set. */
static bool check_policy(ApplyPlan *plan, const ManifestSet *set, Check *check)
{
    PolicySubject subject = {.source = plan->identity,
                             .place = plan->source,
                             .provider = plan->provider,
                             .whole = plan->set,
                             .text = text_of,
                             .data = check};
    g_autoptr(DiagnosticList) found = diagnostic_list_new();
    policy_check(plan->policy, &subject, set, found);
    if (diagnostic_list_count(found, SEVERITY_ERROR) == 0)
        return true;
    stop(plan, APPLY_FORBIDDEN, policy_refusal(found, plan->identity));
    diagnostic_list_merge(plan->diagnostics, found);
    return false;
}

/* ---- plan and guards
 * ------------------------------------------------------------------------------------------------------ */

static bool is_stale(ApplyPlan *plan)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SavedPlan) saved = plan->saved_text ? plan_load(view_from(plan->saved_text), &error) : NULL;
    if (plan->saved_text && !saved) {
        stop(plan, APPLY_BROKEN, g_strdup_printf("the saved plan cannot be used: %s", error->message));
        return true;
    }
    g_autofree char *difference = saved ? plan_difference(plan->plan, saved) : NULL;
    if (difference && *difference) {
        stop(plan, APPLY_REFUSED, g_strdup_printf("the plan is stale; since it was made:\n%s", difference));
        return true;
    }
    if (plan->plan_id && !g_str_has_prefix(plan->plan->id, plan->plan_id)) {
        stop(plan, APPLY_REFUSED,
             g_strdup_printf("the plan is stale: it was %.8s, now it would be %.8s", plan->plan_id,
                             plan->plan->id));
        return true;
    }
    return false;
}

/* This revision takes the approval away that the one in force asks for. */
static bool lifts_approval(const ApplyPlan *plan)
{
    return plan->approval_stands && !plan->policy_requires_approval &&
           !source_config_requires_approval(manifest_set_config(plan->set));
}

bool apply_plan_needs_approval(const ApplyPlan *plan)
{
    return plan->policy_requires_approval || plan->approval_stands ||
           source_config_requires_approval(manifest_set_config(plan->set));
}

/* Whoever approves can answer what these ask. */
static bool may_be_answered(GuardResult guard)
{
    return guard == GUARD_OK || guard == GUARD_DELETES || guard == GUARD_FIRST_RUN;
}

static bool must_wait(const ApplyPlan *plan, GuardResult guard)
{
    return guard != GUARD_OK || lifts_approval(plan) ||
           (apply_plan_needs_approval(plan) && !plan_is_empty(plan->plan));
}

/* message: the guard's, or NULL. */
static void hold(ApplyPlan *plan, const PlanOptions *options, GuardResult guard, const char *message)
{
    g_autoptr(GString) saved = g_string_new(NULL), reason = g_string_new(message);
    const char *why = lifts_approval(plan)             ? "this revision takes approval: required away"
                      : plan->policy_requires_approval ? "approval: required, in the policy"
                                                       : "approval: required, in muster.yaml";
    if (apply_plan_needs_approval(plan))
        g_string_append_printf(reason, "%s%s", message ? "; " : "", why);
    plan_save(plan->plan, plan->source, plan->provider, options, saved);
    stop(plan, APPLY_HELD, g_strdup(reason->str));
    plan->saved = g_strdup(saved->str);
    plan->needs_first_run = guard == GUARD_FIRST_RUN;
    if (guard == GUARD_DELETES)
        plan->needed_deletes =
            (int64_t)(plan->plan->counts[ACTION_DELETE] + plan->plan->counts[ACTION_REPLACE]);
}

static void build(ApplyPlan *plan, ManifestSet *set, const Committed *committed, const PlanOptions *options)
{
    plan->plan = plan_build(set, committed_actual(committed), options);
    if (set != plan->set && !plan->destroy)
        plan->plan->unchanged += manifest_set_len(plan->set) - manifest_set_len(set);
    g_autoptr(GString) text = g_string_new(NULL);
    plan_render_json_head(plan->plan, ANSWER_CHANGES_MAX, text);
    plan->plan_json = json_loadb(text->str, text->len, 0, NULL);
}

/* A plan that waited is the one that was approved, by the id under which it waited, whatever the answer to
 * --first-run makes of its runs. */
static void build_answered(ApplyPlan *plan, ManifestSet *set, const Committed *committed,
                           const PlanOptions *options)
{
    g_autofree char *id = g_strdup(plan->plan->id);
    g_clear_pointer(&plan->plan, plan_free);
    json_decref(plan->plan_json);
    build(plan, set, committed, options);
    json_object_set_new(plan->plan_json, "id", json_string(id));
    g_free(plan->plan->id);
    plan->plan->id = g_steal_pointer(&id);
}

static void make_plan(ApplyPlan *plan, ManifestSet *set, const Committed *committed)
{
    FirstRun otherwise = first_run_default(plan->set, plan->provider);
    PlanOptions options = {.source_name = plan->identity,
                           .first_run =
                               plan->first_run_given && !plan->approves ? plan->first_run : otherwise,
                           .only = plan->only,
                           .destroy = plan->destroy};
    build(plan, set, committed, &options);
    if (is_stale(plan))
        return;
    if (plan->approves && plan->first_run_given) {
        options.first_run = plan->first_run;
        build_answered(plan, set, committed, &options);
    }
    char *message = NULL;
    GuardResult guard =
        plan_guard(plan->plan, committed_actual(committed), &options, plan->allow_deletes, &message);
    if (plan->may_wait && may_be_answered(guard) && must_wait(plan, guard))
        hold(plan, &options, guard, message);
    else if (guard != GUARD_OK)
        stop(plan, APPLY_REFUSED, g_steal_pointer(&message));
    g_free(message);
}

/* Checks set and compares it with what is committed. */
static void plan_set(ApplyPlan *plan, ManifestSet *set, SourceOptions *source)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Committed) committed = committed_open(plan->state_dir, &error);
    Check check = {committed, plan->identity, plan->upload ? NULL : source};
    bool read = committed && (set == plan->set ? committed_read(committed, plan->identity, &error)
                                               : committed_read_part(committed, plan->identity, set, &error));
    if (!read) {
        stop(plan, APPLY_BROKEN, g_strdup(error->message));
    } else {
        plan->has_position = committed_position(committed, &plan->position);
        if (!plan->destroy)
            check_set(plan, set, &check);
        if (plan->destroy ||
            (without_errors(plan) && check_policy(plan, set, &check) && check_providers(plan, set)))
            make_plan(plan, set, committed);
    }
}

/* Of the attempt before: the identity stays that of the source. */
static void clear_attempt(ApplyPlan *plan)
{
    g_autofree char *identity = g_steal_pointer(&plan->identity);
    clear_outputs(plan);
    plan->identity = g_steal_pointer(&identity);
    plan->outcome = APPLY_READY;
    plan->diagnostics = diagnostic_list_new();
}

/* What has a former name, and what else claims it, may be anywhere. */
static bool has_formerly(const ManifestSet *set)
{
    for (size_t i = 0; i < manifest_set_len(set); i++)
        if (manifest_has_formerly(manifest_set_get(set, i)))
            return true;
    return false;
}

/* False: everything must be looked at. So it is, too, when something is wrong, so that a fault reads the same
 * whichever way it was found, and before anything is taken away: the guards count against the whole. */
static bool plan_part(ApplyPlan *plan, SourceOptions *source)
{
    g_autoptr(ManifestSet) part = plan->before ? manifest_set_part(plan->before, plan->set, PART_MAX) : NULL;
    if (!part || has_formerly(part))
        return false;
    plan_set(plan, part, source);
    if ((plan->outcome == APPLY_READY || plan->outcome == APPLY_HELD) &&
        plan->plan->counts[ACTION_REPLACE] == 0 && plan->plan->counts[ACTION_DELETE] == 0)
        return true;
    clear_attempt(plan);
    return false;
}

void apply_plan_run(void *data)
{
    ApplyPlan *plan = data;
    g_autofree char *cache_dir = g_build_filename(plan->state_dir, "cache", NULL);
    const char *loaded =
        plan->set ? manifest_set_revision(plan->set) : NULL; /* followed: nothing is fetched here */
    g_autoptr(GError) error = NULL;
    g_autoptr(GivenValues) values = given_values_from_json(plan->values, &error);
    SourceOptions source = {.path = plan->source,
                            .name = plan->source_name,
                            .provider = plan->provider,
                            .cache_dir = cache_dir,
                            .state_dir = plan->state_dir,
                            .commit = loaded ? loaded : plan->commit,
                            .is_offline = loaded != NULL,
                            .values = values};
    clear_outputs(plan);
    plan->outcome = APPLY_READY;
    plan->diagnostics = diagnostic_list_new();
    if (!values)
        stop(plan, APPLY_BROKEN, g_strdup(error->message));
    else if (load(plan, &source)) {
        plan->is_whole = !plan_part(plan, &source);
        if (plan->is_whole)
            plan_set(plan, plan->set, &source);
    }
    source_options_clear(&source);
}

void apply_plan_fail(ApplyPlan *plan, ApplyOutcome outcome, View message)
{
    clear_outputs(plan);
    plan->diagnostics = diagnostic_list_new();
    plan->identity = g_strdup(plan->source_name ? plan->source_name : "");
    stop(plan, outcome, g_strndup(message.data, message.len));
}

json_t *apply_plan_diagnostics(ApplyPlan *plan)
{
    g_autoptr(GString) text = g_string_new(NULL);
    diagnostic_list_render(plan->diagnostics, DIAGNOSTIC_JSON, text);
    json_t *json = json_loadb(text->str, text->len, 0, NULL);
    return json ? json : json_array();
}
