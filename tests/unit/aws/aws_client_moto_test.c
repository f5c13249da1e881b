#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "reconciler/provider/aws/aws_client.h"
#include "reconciler/provider/aws/query.h"

/* Against moto's server, which somebody else wrote: it checks signatures, and says what AWS would. Left out
 * where moto_server is not installed. */

#define INSTANCES 7

/* ---- the server ---- */

typedef struct {
    GPid pid;
    FILE *log;
    char *url;
} Moto;

/* It ends with us, also when a check fails. */
static void end_with_us(void *data)
{
    (void)data;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* False: it is not installed. It chooses its port, and says so. */
static bool moto_start(Moto *moto)
{
    const char *argv[] = {"moto_server", "-H", "127.0.0.1", "-p", "0", NULL};
    int log_fd;
    char line[512];
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "PYTHONUNBUFFERED", "1", TRUE);
    if (!g_spawn_async_with_pipes(NULL, (char **)(uintptr_t)argv, environment,
                                  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
                                      G_SPAWN_STDOUT_TO_DEV_NULL,
                                  end_with_us, NULL, &moto->pid, NULL, NULL, &log_fd, NULL))
        return false;
    moto->log = fdopen(log_fd, "r");
    while (!moto->url && fgets(line, sizeof line, moto->log)) {
        const char *url = strstr(line, "http://");
        if (url)
            moto->url = g_strndup(url, strcspn(url, " \r\n"));
    }
    return moto->url != NULL;
}

/* What it has to say is read, so that it never waits for us. */
static void *drain(void *data)
{
    char line[512];
    while (fgets(line, sizeof line, data))
        ;
    return NULL;
}

static void moto_stop(Moto *moto, GThread *reader)
{
    kill(moto->pid, SIGKILL);
    waitpid(moto->pid, NULL, 0);
    g_thread_join(reader);
    fclose(moto->log);
    g_free(moto->url);
}

/* ---- calls ---- */

typedef struct {
    GMainContext *context;
    HttpClient *http;
    const char *url;
} Account;

typedef struct {
    bool has_ended;
    int pages, items; /* of reservationSet, and instanceTypeSet */
    AwsAnswer answer; /* kept */
} Said;

static void said_clear(Said *said)
{
    aws_answer_clear(&said->answer);
    *said = (Said){0};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Said, said_clear)

static int64_t now_ms(void *self)
{
    (void)self;
    return g_get_real_time() / 1000;
}

static int64_t steady_ms(void *self)
{
    (void)self;
    return g_get_monotonic_time() / 1000;
}

static void take(const AwsAnswer *answer, void *data)
{
    Said *said = data;
    AwsAnswer *own = (AwsAnswer *)(uintptr_t)answer;
    said->has_ended = true;
    said->answer = *own; /* taken over, not copied */
    *own = (AwsAnswer){0};
}

static bool count_page(const AwsAnswer *page, void *data)
{
    Said *said = data;
    said->pages++;
    for (const XmlElement *at = xml_find(page->xml, "reservationSet/item"); at; at = xml_next(at))
        said->items++;
    for (const XmlElement *at = xml_find(page->xml, "instanceTypeSet/item"); at; at = xml_next(at))
        said->items++;
    return true;
}

static void ask_in(const Account *account, AwsService service, const char *region,
                   AwsCredentials *credentials, AwsCall call, Said *said)
{
    g_autoptr(AwsCredentialsSource) source = aws_credentials_source_fixed(credentials);
    const AwsClientConfig config = {.service = service, .region = region, .endpoint = account->url};
    const AwsTime time = {.now_ms = now_ms, .monotonic_ms = steady_ms, .seed = 7};
    g_autoptr(GError) error = NULL;
    g_autoptr(AwsClient) client =
        aws_client_new(account->context, account->http, source, &config, &time, &error);
    g_assert_no_error(error);
    aws_client_call(client, &call, take, said);
    while (!said->has_ended)
        g_main_context_iteration(account->context, TRUE);
    if (said->answer.error) {
        g_autofree char *text = aws_error_text(said->answer.error);
        g_test_message("%s: %s", call.action, text);
    }
}

static void ask(const Account *account, AwsService service, AwsCredentials *credentials, AwsCall call,
                Said *said)
{
    ask_in(account, service, "eu-central-1", credentials, call, said);
}

/* pairs: name, value, … NULL. */
static void ask_query(const Account *account, AwsService service, AwsCredentials *credentials,
                      const char *action, const char *const *pairs, Said *said)
{
    g_autoptr(Query) query = query_new(action, aws_service_info(service)->version);
    for (; *pairs; pairs += 2)
        query_add(query, pairs[0], pairs[1]);
    ask(account, service, credentials,
        (AwsCall){.action = action, .body = query_text(query), .page = count_page}, said);
}
#define PAIRS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void check_good(const Said *said)
{
    g_assert_cmpstr(said->answer.error ? said->answer.error->message : NULL, ==, NULL);
}

static void check_error(const Said *said, const char *code, AwsAction action)
{
    g_assert_nonnull(said->answer.error);
    g_assert_cmpstr(said->answer.error->code, ==, code);
    g_assert_cmpint(said->answer.error->action, ==, action);
}

/* ---- tests ---- */

/* From now on every signature is checked. A user who may do all; new. */
static AwsCredentials *lock_account(const Account *account)
{
    g_autoptr(AwsCredentials) any = aws_credentials_new("any", "any", NULL, 0, "the test");
    g_auto(Said) user = {0};
    g_auto(Said) key = {0};
    g_auto(Said) policy = {0};
    ask_query(account, AWS_IAM, any, "CreateUser", PAIRS("UserName", "muster"), &user);
    check_good(&user);
    ask_query(account, AWS_IAM, any, "CreateAccessKey", PAIRS("UserName", "muster"), &key);
    check_good(&key);
    ask_query(account, AWS_IAM, any, "PutUserPolicy",
              PAIRS("UserName", "muster", "PolicyName", "all", "PolicyDocument",
                    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\","
                    "\"Resource\":\"*\"}]}"),
              &policy);
    check_good(&policy);
    g_autofree char *url = g_strconcat(account->url, "/moto-api/reset-auth", NULL);
    g_autofree char *command =
        g_strdup_printf("curl -sf --noproxy '*' -X POST -H 'Content-Type: text/plain' --data 0 %s", url);
    g_autofree char *output = NULL;
    int status = -1;
    g_assert_true(g_spawn_command_line_sync(command, &output, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
    const XmlElement *made = xml_find(key.answer.xml, "AccessKey");
    return aws_credentials_new(xml_text(made, "AccessKeyId"), xml_text(made, "SecretAccessKey"), NULL, 0,
                               "the test");
}

static void check_signatures(const Account *account, AwsCredentials *user)
{
    g_auto(Said) good = {0};
    g_auto(Said) bad = {0};
    g_auto(Said) bad_ec2 = {0};
    g_auto(Said) role = {0};
    g_auto(Said) assumed = {0};
    g_auto(Said) by_role = {0};
    g_autoptr(AwsCredentials) wrong = aws_credentials_new(user->access_key_id, "wrong", NULL, 0, "the test");
    ask(account, AWS_STS, user,
        (AwsCall){.action = "GetCallerIdentity", .body = "Action=GetCallerIdentity&Version=2011-06-15"},
        &good);
    check_good(&good);
    g_assert_nonnull(strstr(xml_text(good.answer.xml, "Arn"), "user/muster"));
    ask(account, AWS_ECS, wrong, (AwsCall){.action = "ListClusters"}, &bad);
    check_error(&bad, "SignatureDoesNotMatch", AWS_ACT_CREDENTIALS);
    ask_query(account, AWS_EC2, wrong, "DescribeVpcs", PAIRS("MaxResults", "5"), &bad_ec2);
    check_error(&bad_ec2, "AuthFailure", AWS_ACT_CREDENTIALS);
    ask_query(
        account, AWS_IAM, user, "CreateRole",
        PAIRS(
            "RoleName", "machine", "AssumeRolePolicyDocument",
            "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"*\"},"
            "\"Action\":\"sts:AssumeRole\"}]}"),
        &role);
    check_good(&role);
    ask_query(account, AWS_STS, user, "AssumeRole",
              PAIRS("RoleArn", xml_text(role.answer.xml, "Role/Arn"), "RoleSessionName", "muster"), &assumed);
    check_good(&assumed);
    const XmlElement *given = xml_find(assumed.answer.xml, "Credentials");
    g_autoptr(AwsCredentials) session =
        aws_credentials_new(xml_text(given, "AccessKeyId"), xml_text(given, "SecretAccessKey"),
                            xml_text(given, "SessionToken"), 0, "the test");
    ask(account, AWS_ECS, session, (AwsCall){.action = "ListClusters"}, &by_role);
    check_error(&by_role, "AccessDenied", AWS_ACT_CONFIGURATION); /* it is who it says, and may do nothing */
}

static void check_reading(const Account *account, AwsCredentials *user)
{
    g_auto(Said) types = {0};
    g_auto(Said) image = {0};
    g_auto(Said) none = {0};
    ask_query(account, AWS_EC2, user, "DescribeInstanceTypes",
              PAIRS("MaxResults", "100", "Filter.1.Name", "instance-type", "Filter.1.Value.1", "c5.*"),
              &types);
    check_good(&types);
    g_assert_cmpint(types.items, >=, 5);
    ask(account, AWS_SSM, user,
        (AwsCall){.action = "GetParameter",
                  .body =
                      "{\"Name\":\"/aws/service/ecs/optimized-ami/amazon-linux-2/recommended/image_id\"}"},
        &image);
    check_good(&image);
    const char *id =
        json_string_value(json_object_get(json_object_get(image.answer.json, "Parameter"), "Value"));
    g_assert_true(id && g_str_has_prefix(id, "ami-"));
    ask(account, AWS_SSM, user, (AwsCall){.action = "GetParameter", .body = "{\"Name\":\"/none\"}"}, &none);
    check_error(&none, "ParameterNotFound", AWS_ACT_CONFIGURATION);
}

static void check_pages(const Account *account, AwsCredentials *user)
{
    g_auto(Said) all = {0};
    for (int i = 0; i < INSTANCES; i++) {
        g_auto(Said) run = {0};
        ask_query(
            account, AWS_EC2, user, "RunInstances",
            PAIRS("ImageId", "ami-12c6146b", "MinCount", "1", "MaxCount", "1", "InstanceType", "c5.large"),
            &run);
        check_good(&run);
    }
    ask_query(account, AWS_EC2, user, "DescribeInstances", PAIRS("MaxResults", "3"), &all);
    check_good(&all);
    g_assert_cmpint(all.items, ==, INSTANCES);
    g_assert_cmpint(all.pages, ==, 3);
}

static void check_errors(const Account *account, AwsCredentials *user)
{
    g_auto(Said) unseen = {0};
    g_auto(Said) dry = {0};
    g_auto(Said) cluster = {0};
    g_auto(Said) profile = {0};
    ask_query(account, AWS_EC2, user, "TerminateInstances", PAIRS("InstanceId.1", "i-0123456789abcdef0"),
              &unseen);
    check_error(&unseen, "InvalidInstanceID.NotFound", AWS_ACT_UNSEEN);
    ask_query(account, AWS_EC2, user, "RunInstances",
              PAIRS("ImageId", "ami-12c6146b", "MinCount", "1", "MaxCount", "1", "DryRun", "true"), &dry);
    check_error(&dry, "DryRunOperation", AWS_ACT_SUCCESS);
    ask(account, AWS_ECS, user, (AwsCall){.action = "ListTasks", .body = "{\"cluster\":\"none\"}"}, &cluster);
    check_error(&cluster, "ClusterNotFoundException", AWS_ACT_UNSEEN);
    ask_query(account, AWS_IAM, user, "GetInstanceProfile", PAIRS("InstanceProfileName", "none"), &profile);
    check_error(&profile, "NoSuchEntity", AWS_ACT_CONFIGURATION);
}

/* In China and GovCloud; keys of one partition are none in another, so before the account is locked. */
static void check_partitions(const Account *account)
{
    g_autoptr(AwsCredentials) any = aws_credentials_new("any", "any", NULL, 0, "the test");
    static const struct {
        const char *region, *prefix;
    } cases[] = {{"cn-north-1", "arn:aws-cn:ecs:cn-north-1:"},
                 {"us-gov-west-1", "arn:aws-us-gov:ecs:us-gov-west-1:"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Said) made = {0};
        ask_in(account, AWS_ECS, cases[i].region, any,
               (AwsCall){.action = "CreateCluster", .body = "{\"clusterName\":\"muster\"}"}, &made);
        check_good(&made);
        const char *arn =
            json_string_value(json_object_get(json_object_get(made.answer.json, "cluster"), "clusterArn"));
        g_assert_true(arn && g_str_has_prefix(arn, cases[i].prefix));
    }
}

static void test_moto(void)
{
    Moto moto = {0};
    if (!moto_start(&moto)) {
        g_test_skip("moto_server is not installed: 26 calls are left out");
        return;
    }
    GThread *reader = g_thread_new("moto's log", drain, moto.log);
    Account account = {.context = g_main_context_new(), .url = moto.url};
    account.http = http_new(account.context, 4);
    check_partitions(&account);
    AwsCredentials *user = lock_account(&account);
    check_signatures(&account, user);
    check_reading(&account, user);
    check_pages(&account, user);
    check_errors(&account, user);
    aws_credentials_unref(user);
    http_free(account.http);
    g_main_context_unref(account.context);
    moto_stop(&moto, reader);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws-client-moto/all", test_moto);
    return g_test_run();
}
