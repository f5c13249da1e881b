#include "reconciler/cli/deploy.h"

#include <stdio.h>
#include <unistd.h>
#include "reconciler/api/upload.h"
#include "reconciler/cli/against.h"
#include "reconciler/cli/forecasting.h"
#include "reconciler/cli/options.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/report.h"
#include "reconciler/cli/server_access.h"

bool deploy_options_read(const Options *options, DeployOptions *ret_options, GError **error)
{
    *ret_options = (DeployOptions){.want = want_from(options->wait_for, WANT_RESOURCES),
                                   .is_confirmed = options->yes,
                                   .no_forecast = options->no_forecast,
                                   .is_dry = options->dry_run,
                                   .planning = {.allow_deletes = -1, .policy = options->policy}};
    return option_integer("allow-deletes", options->allow_deletes, 0, INT64_MAX,
                          &ret_options->planning.allow_deletes, error) &&
           option_duration("timeout", options->timeout, &ret_options->timeout_ms, error);
}

/* ---- asking
 * ------------------------------------------------------------------------------------------------------- */

static bool answered_yes(const char *question)
{
    char line[64];
    fprintf(stderr, "\n%s ", question);
    fflush(stderr);
    if (!fgets(line, sizeof(line), stdin)) {
        fputc('\n', stderr);
        return false;
    }
    return strcmp(g_strstrip(line), "yes") == 0;
}

static int confirm(const DeployOptions *options)
{
    if (options->is_confirmed)
        return EXIT_OK;
    if (!isatty(STDIN_FILENO))
        return report_failure(EXIT_REFUSED,
                              "nobody can be asked here (standard input is no terminal): add --yes, or save "
                              "a plan with muster plan --out FILE and give it with apply --plan FILE");
    if (answered_yes(options->question))
        return EXIT_OK;
    return report_failure(EXIT_REFUSED, "nothing was changed");
}

/* ---- what stands against it
 * --------------------------------------------------------------------------------------- */

/* A saved plan must be what would be done now. */
static int check_saved(const DeployOptions *options, const Planning *planning)
{
    if (!options->saved)
        return EXIT_OK;
    g_autofree char *difference = plan_difference(planning->plan, options->saved);
    if (!*difference)
        return EXIT_OK;
    fputs(difference, stderr);
    if (!g_str_has_suffix(difference, "\n"))
        fputc('\n', stderr);
    return report_failure(EXIT_REFUSED, "%s is stale: the lines above tell what changed since; plan again",
                          options->plan_file);
}

static int check_planning(const DeployOptions *options, const Planning *planning)
{
    int code = check_saved(options, planning);
    if (options->rolled_back && strcmp(options->rolled_back, planning->checked.identity) != 0)
        return report_failure(EXIT_REFUSED,
                              "at commit %.12s the source is named %s, not %s: rolling back to it would make "
                              "another source beside this one",
                              options->planning.commit, planning->checked.identity, options->rolled_back);
    if (code == EXIT_OK && planning->guard != GUARD_OK)
        code = report_failure(EXIT_REFUSED, "%s", planning->guard_message);
    return code;
}

/* ---- carrying out
 * ------------------------------------------------------------------------------------------------- */

static json_t *saved_json(const char *plan_file)
{
    return plan_file ? json_load_file(plan_file, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

/* A daemon elsewhere has no files of the source: what became of them is sent. */
static void put_upload(json_t *request, const Planning *planning)
{
    json_object_del(request, "source");
    json_object_del(request, "sourceName");
    json_object_set_new(request, "upload", upload_to_json(planning->checked.set, planning->checked.identity));
}

static json_t *apply_request(const DeployOptions *options, const Planning *planning)
{
    const PlanningOptions *planned = &options->planning;
    bool is_agreed = options->saved || !options->is_confirmed; /* somebody said yes to exactly this plan */
    json_t *request =
        json_pack("{s:s,s:s*,s:s*,s:s*,s:s*,s:s*,s:o*}", "source", planning->checked.absolute, "sourceName",
                  planned->source_name, "provider", planned->provider, "firstRun",
                  first_run_name(planning->first_run), "only", planned->only, "planId",
                  is_agreed ? planning->plan->id : NULL, "saved", saved_json(options->plan_file));
    if (planning->values)
        json_object_set_new(request, "values", json_string(planning->values));
    const char *revision = manifest_set_revision(planning->checked.set);
    if (planning->snapshot)
        put_upload(request, planning);
    else if (planning->checked.source.git) /* what was shown is what is done, whatever was pushed since */
        json_object_set_new(request, "commit", json_string(revision));
    if (planned->allow_deletes >= 0)
        json_object_set_new(request, "allowDeletes", json_integer(planned->allow_deletes));
    if (planned->destroy)
        json_object_set_new(request, "destroy", json_true());
    if (options->rolled_back)
        json_object_set_new(request, "rollback", json_true());
    json_object_set_new(request, "actor", json_string(g_get_user_name()));
    return request;
}

static void print_refusal(const json_t *refusal)
{
    const json_t *diagnostics = json_object_get(json_object_get(refusal, "error"), "diagnostics");
    size_t index;
    json_t *item;
    if (!diagnostics)
        diagnostics = json_object_get(refusal, "diagnostics");
    json_array_foreach(diagnostics, index, item)
    {
        const char *file = json_string_value(json_object_get(item, "file"));
        const char *message = json_string_value(json_object_get(item, "message"));
        fprintf(stderr, "%s:%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT ": %s\n", file ? file : "-",
                json_integer_value(json_object_get(item, "line")),
                json_integer_value(json_object_get(item, "column")), message ? message : "");
    }
}

static int carry_out(Invocation *invocation, Session *session, const DeployOptions *options,
                     const Planning *planning)
{
    g_autoptr(GError) error = NULL;
    json_t *refusal = NULL;
    json_t *answer =
        backend_call_refusable(session->backend, "apply", apply_request(options, planning), &refusal, &error);
    if (!answer) {
        print_refusal(refusal);
        json_decref(refusal);
        return session_fail(invocation, error, "whether it was applied is not known: muster status shows it");
    }
    json_int_t apply_id = json_integer_value(json_object_get(answer, "applyId"));
    json_decref(answer);
    if (options->want == WANT_NONE) {
        session_note_unhosted(session);
        return EXIT_OK;
    }
    FollowOptions follow = {options->timeout_ms, options->want,
                            options->planning.destroy ? "the destroy" : "the apply", planning->unfinished};
    int code = follow_apply(invocation, session, apply_id, &follow);
    if (code == EXIT_OK && options->want == WANT_RESOURCES)
        output_write("Applied.\n", strlen("Applied.\n"));
    return code;
}

static int open_and_carry_out(Invocation *invocation, const DeployOptions *options, const Planning *planning)
{
    const char *sources[] = {options->planning.source, NULL};
    g_auto(Session) session = {0};
    g_autoptr(GError) error = NULL;
    BackendNeed need = options->want == WANT_NONE ? BACKEND_COMMIT : BACKEND_HOST;
    if (!session_open(invocation, need, sources, &session, &error))
        return session_fail(invocation, error, NULL);
    return session_close(&session, carry_out(invocation, &session, options, planning));
}

/* Nothing to do and nothing under way to wait for. That an older revision is in force is something to keep,
 * though it differs in nothing. */
static bool is_done(const DeployOptions *options, const Planning *planning)
{
    return !options->rolled_back && plan_is_empty(planning->plan) && planning->plan->pending->len == 0 &&
           options->want != WANT_JOBS;
}

/* Who is asked wants to know what comes of it; what was said yes to already is checked only where something
 * is asserted. */
static bool wants_forecast(const DeployOptions *options, const Planning *planning)
{
    if (planning->guard != GUARD_OK || options->no_forecast)
        return false;
    return (!options->is_confirmed && isatty(STDIN_FILENO)) || forecasting_is_asserted(planning);
}

int deploy(Invocation *invocation, const DeployOptions *options)
{
    g_auto(Planning) planning = {0};
    g_autoptr(GError) error = NULL;
    PlanningOptions planned = options->planning;
    planned.host = invocation->host;
    const char *server = server_url(invocation->options.server);
    if (server && !(planned.against = against_server(server, &error)))
        return report_error(error);
    if (!planning_make(&planned, &planning, &error))
        return report_error(error);
    if (!options->planning.destroy) /* what is to go may be at fault */
        planning_report_diagnostics(planning.checked.diagnostics);
    planning_report_diagnostics(planning.forbidden);
    if (!planning.plan)
        return EXIT_ERROR;
    g_auto(Forecasting) forecasting = {0};
    if (wants_forecast(options, &planning))
        forecasting_make(invocation->host, &planning, options->planning.state_dir, options->planning.provider,
                         &forecasting);
    planning_print(&planning, forecasting_plan(&forecasting), NULL);
    int code = check_planning(options, &planning);
    if (code == EXIT_OK && forecasting_exit_code(&forecasting) != EXIT_OK)
        code = report_failure(EXIT_REFUSED, "what queues assert would not hold: the lines above tell which");
    if (code != EXIT_OK)
        return code;
    int feasible = options->planning.destroy ? EXIT_OK : checked_exit_code(&planning.checked);
    if (options->is_dry)
        return exit_code_worse(plan_is_empty(planning.plan) ? EXIT_OK : EXIT_PENDING, feasible);
    if (is_done(options, &planning))
        return feasible;
    code = plan_is_empty(planning.plan) ? EXIT_OK : confirm(options);
    if (code != EXIT_OK)
        return code;
    g_clear_pointer(&planning.committed,
                    committed_free); /* its read transaction would keep the WAL from being reset */
    return exit_code_worse(open_and_carry_out(invocation, options, &planning), feasible);
}
