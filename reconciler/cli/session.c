#include "reconciler/cli/session.h"

#include "reconciler/cli/report.h"
#include "reconciler/cli/state_dir.h"
#include "reconciler/world/record.h"

bool session_open(Invocation *invocation, BackendNeed need, const char *const *sources, Session *ret_session,
                  GError **error)
{
    g_auto(Session) session = {0};
    size_t len = sources ? g_strv_length((char **)(uintptr_t)sources) : 0;
    const char *server = server_url(invocation->options.server);
    if (!server && !state_dir_of(invocation->options.state, sources, len, &session.state_dir, error))
        return false;
    BackendOptions options = {
        .state_dir = session.state_dir,
        .server = server,
        .host = invocation->host,
        .need = need,
        .must_exist = !sources, /* only what brings manifests begins a state directory */
        .command = invocation->command->name,
        .provider = invocation->options.provider,
        .policy = invocation->options.policy,
        .interrupt = need == BACKEND_READ ? invocation->interrupt : invocation_interrupt(invocation),
    };
    session.backend = backend_open(&options, error);
    if (!session.backend)
        return false;
    *ret_session = session;
    session = (Session){0};
    return true;
}

bool session_open_here(Invocation *invocation, BackendNeed need, Session *ret_session, GError **error)
{
    return session_open(invocation, need, NULL, ret_session, error);
}

void session_clear(Session *session)
{
    g_clear_pointer(&session->backend, backend_free);
    g_clear_pointer(&session->state_dir, g_free);
}

int session_close(Session *session, int code)
{
    g_autoptr(GError) error = NULL;
    if (!backend_close(g_steal_pointer(&session->backend), &error))
        code = exit_code_worse(code, report_error(error));
    return code;
}

int session_fail(const Invocation *invocation, const GError *error, const char *explanation)
{
    if (!g_error_matches(error, CLIENT_ERROR, CLIENT_ERROR_INTERRUPTED))
        return report_error(error);
    int number = invocation->interrupt ? interrupt_signal(invocation->interrupt) : 0;
    if (explanation)
        report_failure(EXIT_ERROR, "interrupted: %s", explanation);
    return 128 + (number ? number : 2);
}

static bool is_whole_id(const char *text)
{
    JobId id;
    int32_t index;
    return job_ref_from_text(view_from(text), &id, &index);
}

char *session_job_id(Session *session, const char *text, GError **error)
{
    if (is_whole_id(text))
        return g_strdup(text);
    json_t *answer = backend_call(session->backend, "job", json_pack("{s:s}", "job", text), error);
    const char *id = json_string_value(json_object_get(json_object_get(answer, "job"), "jobId"));
    char *whole = g_strdup(id);
    if (answer && !whole)
        g_set_error(error, CLI_ERROR, EXIT_NOT_FOUND, "there is no job %s", text);
    json_decref(answer);
    return whole;
}

json_t *session_job_ids(Session *session, char **arguments, GError **error)
{
    json_t *ids = json_array();
    for (char **at = arguments; *at; at++) {
        g_autofree char *id = session_job_id(session, *at, error);
        if (!id) {
            json_decref(ids);
            return NULL;
        }
        json_array_append_new(ids, json_string(id));
    }
    return ids;
}

void session_note_unhosted(const Session *session)
{
    if (backend_hosts(session->backend))
        report_note("nothing starts until something hosts %s: muster serve, or apply or wait",
                    session->state_dir);
}
