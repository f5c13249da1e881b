/* Resources made by requests: durable before they are answered, recorded with who asked, refused without a
 * trace. */
#include "reconciler/world/override.h"
#include "tests/support/engine_fixture.h"

#define CREATE_QUEUE                                                                                         \
    "{'jobQueueName':'q','priority':1,'computeEnvironmentOrder':[{'order':1,'computeEnvironment':'here'}],"  \
    "'peer':{'user':'ada'}}"

static const World *world_of(const Engine *engine)
{
    return reconciler_world(engine->reconciler);
}

static const Resource *queue_of(const Engine *engine, const char *name)
{
    return world_resource(world_of(engine), KIND_JOB_QUEUE, view_from(name));
}

static const char *fault_of(const Engine *engine)
{
    return json_string_value(json_object_get(engine_last_answer(engine), "message"));
}

static void call(Engine *engine, const char *name, const char *request)
{
    engine_call(engine, name, request);
    engine_settle(engine);
}

/* Invariant 1. */
static void test_durable(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_string_truncate(engine->log, 0);
    engine_call(engine, "createjobqueue", CREATE_QUEUE);
    engine_run(engine);
    engine_log_is(engine, "commit 1|");
    engine_durable(engine);
    engine_log_is(engine, "durable 1|answer createjobqueue 200|");
    const Resource *queue = queue_of(engine, "q");
    g_assert_cmpstr(queue->owner, ==, "");
    g_assert_cmpint(queue->deletion, ==, DELETION_TERMINATE);
    g_assert_null(strstr(queue->spec, "peer"));
}

static void test_failed_commit(Engine *engine, gconstpointer data)
{
    (void)data;
    engine_settle(engine);
    g_string_truncate(engine->log, 0);
    engine_call(engine, "createjobqueue", CREATE_QUEUE);
    engine_run(engine);
    engine_commit_fails(engine, STORE_ERROR_FULL);
    engine_log_is(engine, "commit 1|answer createjobqueue 503|");
}

static bool add_change(const ChangeRecord *record, void *data)
{
    g_string_append_printf(data, "%s by " VIEW_FMT ": " VIEW_FMT "|", change_action_name(record->action),
                           VIEW_ARG(record->actor), VIEW_ARG(record->reason));
    return true;
}

/* Newest first. */
static char *changes(const Engine *engine, Kind kind, const char *name)
{
    GString *text = g_string_new(NULL);
    g_autoptr(StoreReader) reader = store_reader_open(engine->dir, NULL);
    g_assert_true(store_reader_begin(reader, NULL));
    g_assert_true(store_reader_changes(reader, kind, view_from(name), 100, add_change, text, NULL));
    store_reader_end(reader);
    return g_string_free(text, FALSE);
}

static void test_recorded(Engine *engine, gconstpointer data)
{
    (void)data;
    call(engine, "createjobqueue", CREATE_QUEUE);
    call(engine, "updatejobqueue",
         "{'jobQueue':'q','priority':7,'state':'DISABLED','peer':{'user':'bob','key':'K'}}");
    call(engine, "updatejobqueue", "{'jobQueue':'q','priority':7}"); /* nothing differs */
    call(engine, "deletejobqueue", "{'jobQueue':'q'}");
    g_autofree char *found = changes(engine, KIND_JOB_QUEUE, "q");
    g_assert_cmpstr(found, ==,
                    "delete by : deleted through the API|update by bob: in-place: priority, state|"
                    "create by ada: |");
    g_assert_null(queue_of(engine, "q"));
}

static void test_definition(Engine *engine, gconstpointer data)
{
    (void)data;
    static const char request[] =
        "{'jobDefinitionName':'d','type':'container','containerProperties':{'image':'i','command':['true'],"
        "'resourceRequirements':[{'type':'VCPU','value':'1'},{'type':'MEMORY','value':'16'}]}}";
    call(engine, "registerjobdefinition", request);
    call(engine, "registerjobdefinition", request);
    g_assert_cmpint(json_integer_value(json_object_get(engine_last_answer(engine), "revision")), ==, 2);
    call(engine, "deregisterjobdefinition", "{'jobDefinition':'d:2','peer':{'user':'ada'}}");
    call(engine, "deregisterjobdefinition", "{'jobDefinition':'d:1'}");
    g_autofree char *found = changes(engine, KIND_JOB_DEFINITION, "d");
    g_assert_cmpstr(found, ==,
                    "delete by : deleted through the API|update by : revision 1 deregistered|"
                    "update by ada: revision 2 deregistered|update by : new revision 2, registered again|"
                    "create by : |");
}

/* What is refused leaves nothing: no row, no change. */
static void test_refused(Engine *engine, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *operation, *request, *fault;
    } cases[] = {
        {"createjobqueue", "{'jobQueueName':'main','priority':1}", "Object already exists"},
        {"createjobqueue", "{'jobQueueName':'q','priority':1}",
         "computeEnvironmentOrder: 1 to 3 compute environments are expected"},
        {"createjobqueue",
         "{'jobQueueName':'q','priority':'x','computeEnvironmentOrder':[{'order':1,'computeEnvironment':"
         "'here'}]}",
         "priority must be an integer"},
        {"createjobqueue",
         "{'jobQueueName':'q','priority':1,'computeEnvironmentOrder':[{'order':1,'computeEnvironment':5}]}",
         "computeEnvironmentOrder: "},
        {"createjobqueue", "{'jobQueueName':'q','priority':1,'computeEnvironmentOrder':['here']}",
         "computeEnvironmentOrder: "},
        {"createjobqueue",
         "{'jobQueueName':'q','priority':1,'prioriti':1,'computeEnvironmentOrder':[{'order':1,"
         "'computeEnvironment':'here'}]}",
         "prioriti"},
        {"createjobqueue", "{'jobQueueName':'q','priority':1,'backfill':true}",
         "backfill: AWS Batch has no such member"},
        {"createcomputeenvironment",
         "{'computeEnvironmentName':'x','type':'MANAGED','computeResources':{'strictMaxvCpus':true}}",
         "strictMaxvCpus: AWS Batch has no such member"},
        {"createcomputeenvironment",
         "{'computeEnvironmentName':'x','type':'UNMANAGED','provider':{'type':'aws'}}",
         "provider: AWS Batch has no such member"},
        {"createschedulingpolicy", "{'name':'x','shareLimits':[]}", "shareLimits: AWS Batch has no"},
        {"registerjobdefinition",
         "{'jobDefinitionName':'d','type':'container','containerProperties':{'networkMode':'none'}}",
         "networkMode: AWS Batch has no such member"},
        {"updatejobqueue", "{'jobQueue':'main','priority':2}",
         "JobQueue main belongs to source test (test.yaml:1): change it there"},
        {"updatejobqueue", "{'jobQueue':5}", "jobQueue: a string is expected"},
        {"createcomputeenvironment", "{'computeEnvironmentName':'x','type':'MANAGED','computeResources':5}",
         "computeResources must be a mapping"},
        {"updatecomputeenvironment", "{'computeEnvironment':'here','computeResources':{}}",
         "belongs to source test"},
        {"createschedulingpolicy", "{'name':'x','fairsharePolicy':5}", "fairsharePolicy must be a mapping"},
        {"registerjobdefinition", "{'jobDefinitionName':'d','type':'container','containerProperties':5}",
         "containerProperties must be a mapping"},
        {"tagresource", "{'resourceArn':'arn:aws:batch:::job-queue/main','tags':{'a':'b'}}",
         "belongs to source test"},
    };
    engine_settle(engine);
    size_t before = world_resources_len(world_of(engine));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        call(engine, cases[i].operation, cases[i].request);
        g_test_message("%s: %s", cases[i].request, fault_of(engine));
        g_assert_nonnull(strstr(fault_of(engine), cases[i].fault));
    }
    g_assert_cmpuint(world_resources_len(world_of(engine)), ==, before);
    g_autofree char *found = changes(engine, KIND_JOB_QUEUE, "q");
    g_assert_cmpstr(found, ==, "");
}

/* What its source let go can be changed, and stays so. */
static void test_let_go(Engine *engine, gconstpointer data)
{
    (void)data;
    call(engine, "forget", "{'kind':'JobQueue','name':'main'}");
    call(engine, "updatejobqueue", "{'jobQueue':'main','priority':2}");
    g_assert_cmpint(queue_of(engine, "main")->queue->spec->priority, ==, 2);
    g_assert_true(queue_of(engine, "main")->kept);
}

/* An override decides while it lasts; a change of the API is of what stands below it. */
static void test_overridden(Engine *engine, gconstpointer data)
{
    (void)data;
    call(engine, "createjobqueue", CREATE_QUEUE);
    call(engine, "override",
         "{'kind':'JobQueue','name':'q','field':'priority','value':9,'forMs':60000,'reason':'r'}");
    call(engine, "updatejobqueue", "{'jobQueue':'q','priority':3}");
    g_assert_cmpint(queue_of(engine, "q")->queue->spec->priority, ==, 9);
    g_assert_nonnull(strstr(queue_of(engine, "q")->spec, "\"priority\":3"));
    call(engine, "describejobqueues", "{'jobQueues':['q']}");
    const json_t *shown = json_array_get(json_object_get(engine_last_answer(engine), "jobQueues"), 0);
    g_assert_cmpint(json_integer_value(json_object_get(shown, "priority")), ==, 9);
}

#define ADD(path, func) g_test_add("/declare/" path, Engine, NULL, engine_setup, func, engine_teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("durable", test_durable);
    ADD("failed-commit", test_failed_commit);
    ADD("recorded", test_recorded);
    ADD("definition", test_definition);
    ADD("refused", test_refused);
    ADD("let-go", test_let_go);
    ADD("overridden", test_overridden);
    return g_test_run();
}
