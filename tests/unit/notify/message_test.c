#include "reconciler/notify/message.h"
#include <glib.h>
#include <string.h>
#include "reconciler/notify/commit_status.h"
#include "reconciler/notify/courier.h"
#include "reconciler/notify/eventbridge.h"

/* The vector that the libraries of Standard Webhooks are tested with. */
static void test_signature(void)
{
    g_autofree char *good =
        webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                          1614265330, "{\"test\": 2432232314}");
    g_assert_cmpstr(good, ==, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    g_assert_null(webhook_signature("whsec_not base64", "id", 1, "{}"));
    g_assert_null(webhook_signature("whsec_", "id", 1, "{}"));
    g_autofree char *text = webhook_signature("any text", "id", 1, "{}"),
                    *other = webhook_signature("any text", "id", 2, "{}");
    g_assert_true(g_str_has_prefix(text, "v1,"));
    g_assert_cmpstr(text, !=, other);
}

static void test_description(void)
{
    g_autofree char *plain = commit_description("2 to add\n1 to change");
    g_assert_cmpstr(plain, ==, "2 to add 1 to change");
    g_autoptr(GString) long_text = g_string_new(NULL);
    for (int i = 0; i < 200; i++)
        g_string_append(long_text, "ä");
    g_autofree char *cut = commit_description(long_text->str);
    g_assert_cmpint(g_utf8_strlen(cut, -1), ==, COMMIT_DESCRIPTION_MAX);
    g_assert_true(g_utf8_validate(cut, -1, NULL));
    g_assert_true(g_str_has_suffix(cut, "…"));
}

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static EventRecord event_of(const char *type, const char *message)
{
    return (EventRecord){.sequence = 7,
                         .type = view_from(type),
                         .subject = VIEW("source a"),
                         .message = view_from(message),
                         .source = VIEW("a"),
                         .revision = VIEW(COMMIT),
                         .details = VIEW("{\"planId\":\"7f3a9c0100\",\"summary\":{\"create\":2,\"update\":1,"
                                         "\"delete\":1,\"replace\":1}}")};
}

static void assert_status(const char *type, const char *message, CommitState state, const char *description)
{
    g_auto(CommitStatus) status = {0};
    EventRecord event = event_of(type, message);
    g_assert_true(commit_status_of(&event, &status));
    g_assert_cmpint(status.state, ==, state);
    g_assert_cmpstr(status.description, ==, description);
    g_assert_cmpstr(status.revision, ==, COMMIT);
    g_assert_cmpstr(status.source, ==, "a");
}

static void test_states(void)
{
    static const char summary[] = "3 to add, 1 to change, 2 to destroy; plan 7f3a9c01";
    g_autofree char *waiting = g_strconcat("waits for approval: ", summary, NULL);
    g_autofree char *applying = g_strconcat("being applied: ", summary, NULL);
    assert_status("apply.converged", "", COMMIT_CONVERGED, summary);
    assert_status("source.waiting", "", COMMIT_WAITING, waiting);
    assert_status("apply.active", "", COMMIT_APPLYING, applying);
    assert_status("source.broken", "a.yaml:4:1: no", COMMIT_FAILED, "a.yaml:4:1: no");
    assert_status("source.refused", "a.yaml:4:1: no", COMMIT_FAILED, "a.yaml:4:1: no");
    g_auto(CommitStatus) status = {0};
    EventRecord event = event_of("job.state", "");
    g_assert_false(commit_status_of(&event, &status));
    event = event_of("apply.converged", "");
    event.revision = VIEW("not a commit");
    g_assert_false(commit_status_of(&event, &status));
}

static void assert_request(const DestinationConfig *config, const char *location, const char *url,
                           const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *made = NULL, *body = NULL;
    CommitStatus status = {.state = COMMIT_CONVERGED,
                           .revision = (char[]){COMMIT},
                           .source = (char[]){"a"},
                           .description = (char[]){"fine"}};
    bool is_made = commit_status_request(config, &status, location, &made, &body, &error);
    g_assert_true(is_made == (url != NULL));
    if (!url)
        return;
    g_assert_cmpstr(made, ==, url);
    if (!strstr(body, part))
        g_error("%s is not in %s", part, body);
}

/* The addresses that the forges document. */
static void test_requests(void)
{
    DestinationConfig github = {.kind = DESTINATION_GITHUB, .context = (char[]){"muster/{source}"}},
                      gitlab = {.kind = DESTINATION_GITLAB, .context = (char[]){"muster"}};
    assert_request(&github, "git+https://github.com/team/jobs.git@main",
                   "https://api.github.com/repos/team/jobs/statuses/" COMMIT, "\"context\":\"muster/a\"");
    assert_request(&github, "git+git@github.com:team/jobs.git",
                   "https://api.github.com/repos/team/jobs/statuses/" COMMIT, "\"state\":\"success\"");
    assert_request(&github, "git+https://git.example.org/team/jobs.git",
                   "https://git.example.org/api/v3/repos/team/jobs/statuses/" COMMIT,
                   "\"description\":\"fine\"");
    assert_request(&gitlab, "git+ssh://git@gitlab.example.org:2222/group/sub/jobs.git@main:envs/prod",
                   "https://gitlab.example.org/api/v4/projects/group%2Fsub%2Fjobs/statuses/" COMMIT,
                   "\"name\":\"muster\"");
    assert_request(&github, "git+file:///srv/git/jobs.git", NULL, NULL);
    assert_request(&github, "/srv/jobs", NULL, NULL);
    github.url = (char[]){"https://gitea.example.org/api/v1/"};
    github.project = (char[]){"team/jobs"};
    assert_request(&github, "git+file:///srv/git/jobs.git",
                   "https://gitea.example.org/api/v1/repos/team/jobs/statuses/" COMMIT, "success");
}

static void test_answers(void)
{
    View none = VIEW("");
    g_assert_cmpint(http_outcome(DESTINATION_WEBHOOK, 204, 0, none), ==, DELIVERY_DONE);
    g_assert_cmpint(http_outcome(DESTINATION_WEBHOOK, 302, 0, none), ==, DELIVERY_GIVEN_UP);
    g_assert_cmpint(http_outcome(DESTINATION_WEBHOOK, 404, 0, none), ==, DELIVERY_GIVEN_UP);
    g_assert_cmpint(http_outcome(DESTINATION_WEBHOOK, 408, 0, none), ==, DELIVERY_RETRY);
    g_assert_cmpint(http_outcome(DESTINATION_WEBHOOK, 429, 0, none), ==, DELIVERY_RETRY);
    g_assert_cmpint(http_outcome(DESTINATION_WEBHOOK, 503, 0, none), ==, DELIVERY_RETRY);
    g_assert_cmpint(http_outcome(DESTINATION_GITHUB, 403, 0, none), ==, DELIVERY_GIVEN_UP);
    g_assert_cmpint(http_outcome(DESTINATION_GITHUB, 403, 60000, none), ==, DELIVERY_RETRY);
    View same = VIEW("{\"message\":\"Cannot transition status via :run from :running\"}");
    g_assert_cmpint(http_outcome(DESTINATION_GITLAB, 400, 0, same), ==, DELIVERY_DONE);
    g_assert_cmpint(http_outcome(DESTINATION_GITHUB, 400, 0, same), ==, DELIVERY_GIVEN_UP);
}

/* ---- EventBridge ---- */

static json_t *envelope(const EventRecord *event, const json_t *job, const char *id)
{
    g_autofree char *text =
        eventbridge_body(event, &(EventbridgeFacts){.source = "muster.batch", .id = id, .job = job});
    json_t *body = json_loads(text, 0, NULL);
    g_assert_nonnull(body);
    return body;
}

static const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

static void test_eventbridge(void)
{
    const EventRecord moved = {.sequence = 7,
                               .at_ms = 1641944200999,
                               .type = VIEW("job.state"),
                               .subject = VIEW("job 4c7599ae-0a82-49aa-ba5a-4727fcce14a8"),
                               .message = VIEW("RUNNING -> FAILED"),
                               .first = NOT_A_CHILD,
                               .last = NOT_A_CHILD};
    json_t *job = json_pack("{s:s,s:s}", "jobArn", "arn:aws:batch:eu-west-1:123456789012:job/4c7599ae",
                            "status", "FAILED");
    json_t *body = envelope(&moved, job, "muster-1-7"), *again = envelope(&moved, job, "muster-1-7"),
           *other = envelope(&moved, job, "muster-1-8");
    g_assert_cmpstr(text_of(body, "version"), ==, "0");
    g_assert_cmpstr(text_of(body, "detail-type"), ==, "Batch Job State Change");
    g_assert_cmpstr(text_of(body, "source"), ==, "muster.batch");
    g_assert_cmpstr(text_of(body, "time"), ==, "2022-01-11T23:36:40Z");
    g_assert_cmpstr(text_of(body, "region"), ==, "eu-west-1");
    g_assert_cmpstr(text_of(body, "account"), ==, "123456789012");
    g_assert_true(json_equal(json_object_get(body, "detail"), job));
    const json_t *resources = json_object_get(body, "resources");
    g_assert_cmpuint(json_array_size(resources), ==, 1);
    g_assert_cmpstr(json_string_value(json_array_get(resources, 0)), ==, text_of(job, "jobArn"));
    g_assert_true(g_uuid_string_is_valid(text_of(body, "id")));
    g_assert_cmpstr(text_of(body, "id"), ==, text_of(again, "id"));
    g_assert_cmpstr(text_of(body, "id"), !=, text_of(other, "id"));
    json_t *lost = envelope(&moved, NULL, "muster-1-7");
    g_assert_cmpstr(text_of(json_object_get(lost, "detail"), "jobId"), ==,
                    "4c7599ae-0a82-49aa-ba5a-4727fcce14a8");
    g_assert_cmpuint(json_array_size(json_object_get(lost, "resources")), ==, 0);
    EventRecord ours = event_of("apply.converged", "");
    json_t *of_ours = envelope(&ours, NULL, "muster-1-9");
    g_assert_cmpstr(text_of(of_ours, "detail-type"), ==, "Muster Event");
    g_assert_cmpstr(text_of(json_object_get(of_ours, "detail"), "type"), ==, "apply.converged");
    json_decref(job), json_decref(body), json_decref(again), json_decref(other), json_decref(lost),
        json_decref(of_ours);
}

static const DestinationConfig *only(NotifyConfig *config)
{
    g_assert_nonnull(config);
    return config->destinations->pdata[0];
}

#define WEBHOOK "destinations:\n- {name: a, events: ['*'], webhook: {url: https://h/x, secretFile: /s"

static void test_forms(void)
{
    static const char *const wrong[] = {WEBHOOK ", form: cloudevents}}\n", WEBHOOK ", eventSource: x}}\n",
                                        WEBHOOK ", form: standard, eventSource: x}}\n",
                                        WEBHOOK ", form: eventbridge, eventSource: aws.batch}}\n"};
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    g_autoptr(NotifyConfig)
        plain = notify_config_parse(view_from(WEBHOOK "}}\n"), "n", diagnostics),
        bridge = notify_config_parse(view_from(WEBHOOK ", form: eventbridge}}\n"), "n", diagnostics),
        named = notify_config_parse(view_from(WEBHOOK ", form: eventbridge, eventSource: my.batch}}\n"), "n",
                                    diagnostics);
    g_assert_null(only(plain)->event_source);
    g_assert_cmpstr(only(bridge)->event_source, ==, "muster.batch");
    g_assert_cmpstr(only(named)->event_source, ==, "my.batch");
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_null(notify_config_parse(view_from(wrong[i]), "n", diagnostics));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/notify/signature", test_signature);
    g_test_add_func("/notify/description", test_description);
    g_test_add_func("/notify/states", test_states);
    g_test_add_func("/notify/requests", test_requests);
    g_test_add_func("/notify/answers", test_answers);
    g_test_add_func("/notify/eventbridge", test_eventbridge);
    g_test_add_func("/notify/forms", test_forms);
    return g_test_run();
}
