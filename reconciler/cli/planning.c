#include "reconciler/cli/planning.h"

#include "reconciler/cli/output.h"
#include "reconciler/cli/report.h"
#include "reconciler/source/policy_file.h"

static const char *const first_run_names[] = {[FIRST_RUN_START] = "start", [FIRST_RUN_RECORD] = "record"};

bool first_run_parse(const char *text, FirstRun *ret_first_run)
{
    for (size_t i = 0; text && i < G_N_ELEMENTS(first_run_names); i++)
        if (strcmp(first_run_names[i], text) == 0) {
            *ret_first_run = (FirstRun)i;
            return true;
        }
    return false;
}

const char *first_run_name(FirstRun first_run)
{
    return first_run == FIRST_RUN_UNSET ? NULL : first_run_names[first_run];
}

FirstRun planning_first_run(const char *first_run, const char *provider, const Checked *checked)
{
    FirstRun stated;
    return first_run_parse(first_run, &stated) ? stated : first_run_default(checked->set, provider);
}

/* Reading the state takes as long as reading a source whose files are known already: one goes on beside the
 * other. */
typedef struct {
    const char *state_dir;
    char *owner;
    Committed *committed;
    GError *error;
    GThread *thread;
} StateRead;

static void *state_read(void *data)
{
    StateRead *read = data;
    read->committed = committed_open(read->state_dir, &read->error);
    if (read->committed && !committed_read(read->committed, read->owner, &read->error))
        g_clear_pointer(&read->committed, committed_free);
    return NULL;
}

static void state_read_start(StateRead *read, const PlanningOptions *options)
{
    SourceOptions source = {
        .path = options->source, .name = options->source_name, .state_dir = options->state_dir};
    *read = (StateRead){.state_dir = options->state_dir, .owner = source_identity_now(&source)};
    if (options->against)
        return;
    read->thread = g_thread_new("state", state_read, read);
}

/* muster.yaml may have got another name since. NULL with error. */
static Committed *state_read_join(StateRead *read, const char *owner, GError **error)
{
    g_thread_join(g_steal_pointer(&read->thread));
    if (read->owner && owner && strcmp(read->owner, owner) != 0) {
        g_clear_pointer(&read->committed, committed_free);
        g_clear_error(&read->error);
        g_free(read->owner);
        read->owner = g_strdup(owner);
        state_read(read);
    }
    if (read->error)
        g_propagate_error(error, g_steal_pointer(&read->error));
    return g_steal_pointer(&read->committed);
}

static void state_read_clear(StateRead *read)
{
    if (read->thread)
        g_thread_join(read->thread);
    g_clear_pointer(&read->committed, committed_free);
    g_clear_error(&read->error);
    g_free(read->owner);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StateRead, state_read_clear)

static json_t *unfinished_runs(const PlanActual *actual)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < actual->runs_len; i++)
        if (actual->runs[i].state == RUN_WAITING || actual->runs[i].state == RUN_RUNNING)
            json_array_append_new(ids, json_stringn(actual->runs[i].id.data, actual->runs[i].id.len));
    return ids;
}

/* What is there, as the plan sees it. NULL with error. */
static const PlanActual *planning_actual(Planning *planning, StateRead *state, GError **error)
{
    const char *identity = planning->checked.identity;
    if (planning->snapshot) {
        planning->compared_with = state_snapshot_title(planning->snapshot, identity);
        return state_snapshot_actual(planning->snapshot, identity);
    }
    planning->committed = state_read_join(state, identity, error);
    if (!planning->committed)
        return NULL;
    if (!committed_exists(planning->committed))
        planning->compared_with = g_strdup("empty state");
    return committed_actual(planning->committed);
}

/* A snapshot that knows nothing of the source may be that of another place. */
static void note_stranger(Planning *planning)
{
    const char *identity = planning->checked.identity;
    if (!planning->snapshot || state_snapshot_actual(planning->snapshot, identity)->source_known)
        return;
    g_autofree char *sources = state_snapshot_sources(planning->snapshot);
    planning->notices = g_new0(char *, 2); /* the provider has none then */
    planning->notices[0] =
        g_strdup_printf("the snapshot knows nothing of source %s (it is of: %s): everything is new", identity,
                        *sources ? sources : "no source");
}

bool policy_path(const char *text, const char *const *sources, char **ret_path, GError **error)
{
    for (size_t i = 0; text && sources[i]; i++)
        if (policy_is_within(text, sources[i])) {
            g_set_error(error, CLI_ERROR, EXIT_REFUSED,
                        "%s lies in source %s, and whoever may change that source could allow it everything; "
                        "keep the policy elsewhere",
                        text, sources[i]);
            return false;
        }
    *ret_path = text ? g_canonicalize_filename(text, NULL) : NULL;
    return true;
}

static View checked_text(const char *file, void *data)
{
    return source_text(file, data);
}

/* What the policy forbids stops an apply as a guard does. */
static bool check_policy(const PlanningOptions *options, Planning *planning, GError **error)
{
    const Checked *checked = &planning->checked;
    const char *const sources[] = {checked->absolute, NULL};
    g_autofree char *path = NULL;
    planning->forbidden = diagnostic_list_new();
    if (!options->policy || options->destroy)
        return true;
    if (!policy_path(options->policy, sources, &path, error))
        return false;
    g_autoptr(Policy) policy = policy_load(options->policy, error);
    if (!policy)
        return false;
    SourceOptions source = {.path = options->source, .name = options->source_name};
    PolicySubject subject = {.source = checked->identity,
                             .place = checked->absolute,
                             .provider = options->provider,
                             .whole = checked->set,
                             .text = checked_text,
                             .data = &source};
    policy_check(policy, &subject, checked->set, planning->forbidden);
    source_options_clear(&source);
    if (diagnostic_list_count(planning->forbidden, SEVERITY_ERROR)) {
        planning->guard = GUARD_FORBIDDEN;
        g_free(planning->guard_message);
        planning->guard_message = policy_refusal(planning->forbidden, checked->identity);
    }
    return true;
}

bool planning_make(const PlanningOptions *options, Planning *ret_planning, GError **error)
{
    Planning *planning = ret_planning;
    g_auto(StateRead) state;
    CheckOptions check = {.path = options->source,
                          .name = options->source_name,
                          .provider = options->provider,
                          .state_dir = options->state_dir,
                          .values = options->values,
                          .commit = options->commit,
                          .may_be_empty = options->destroy,
                          .against = options->against};
    memset(planning, 0, sizeof(*planning));
    planning->snapshot = options->against;
    state_read_start(&state, options);
    if (!checked_load(&check, &planning->checked, error))
        return false;
    if (checked_exit_code(&planning->checked) == EXIT_ERROR && !options->destroy)
        return true;
    const PlanActual *actual = planning_actual(planning, &state, error);
    if (!actual)
        return false;
    /* What the provider cannot do here says nothing of the place that a snapshot is of. */
    bool is_here = !options->destroy && !planning->snapshot;
    planning->notices = is_here ? checked_notices(&planning->checked, options->picked, options->host) : NULL;
    note_stranger(planning);
    planning->first_run = planning_first_run(options->first_run, options->provider, &planning->checked);
    planning->values = given_values_to_json(options->values);
    planning->options = (PlanOptions){.source_name = planning->checked.identity,
                                      .values = planning->values,
                                      .first_run = planning->first_run,
                                      .only = options->only,
                                      .destroy = options->destroy,
                                      .notices = (const char *const *)planning->notices,
                                      .compared_with = planning->compared_with};
    planning->unfinished = unfinished_runs(actual);
    planning->plan = plan_build(planning->checked.set, actual, &planning->options);
    planning->guard = plan_guard(planning->plan, actual, &planning->options, options->allow_deletes,
                                 &planning->guard_message);
    if (check_policy(options, planning, error))
        return true;
    planning_clear(planning);
    return false;
}

void planning_clear(Planning *planning)
{
    g_clear_pointer(&planning->plan, plan_free);
    g_clear_pointer(&planning->unfinished, json_decref);
    g_clear_pointer(&planning->committed, committed_free);
    g_clear_pointer(&planning->snapshot, state_snapshot_free);
    g_clear_pointer(&planning->compared_with, g_free);
    g_clear_pointer(&planning->notices, g_strfreev);
    g_clear_pointer(&planning->values, g_free);
    g_clear_pointer(&planning->guard_message, g_free);
    g_clear_pointer(&planning->forbidden, diagnostic_list_free);
    checked_clear(&planning->checked);
}

void planning_report_diagnostics(DiagnosticList *diagnostics)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (!diagnostics || !diagnostic_list_len(diagnostics))
        return;
    diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, out);
    fputs(out->str, stderr);
}

bool planning_print(const Planning *planning, const PlanForecast *forecast, const char *next_command)
{
    PlanRender render = {.color = output_colored(stdout),
                         .next_command = next_command,
                         .width = output_width(stdout),
                         .forecast = forecast};
    g_autoptr(GString) out = g_string_new(NULL);
    plan_render_text(planning->plan, &render, out);
    return output_string(out);
}

char *shell_join(const char *const *words)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (size_t i = 0; words[i]; i++) {
        bool is_safe = *words[i] != '\0';
        for (const char *at = words[i]; *at; at++)
            is_safe = is_safe && (g_ascii_isalnum(*at) || strchr("_-./:=@%+,", *at));
        g_autofree char *quoted = is_safe ? g_strdup(words[i]) : g_shell_quote(words[i]);
        g_string_append_printf(out, "%s%s", i ? " " : "", quoted);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}
