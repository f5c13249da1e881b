/* aws_internal.h: what the files of the provider share: places, clusters, hosts, tasks. All on one thread. */
#pragma once
#include "reconciler/provider/aws/aws.h"
#include "reconciler/provider/aws/aws_chain.h"
#include "reconciler/provider/aws/aws_environment.h"
#include "reconciler/provider/aws/host_state.h"
#include "reconciler/provider/aws/query.h"
#include "reconciler/provider/aws/task_state.h"

#define CLUSTER_PREFIX  "muster-"
#define LOG_GROUP       "/aws/batch/job"
#define EC2_VERSION     "2016-11-15"
#define INSTANCES_PAGE  250 /* a thousand would hold the loop up as they are taken in */
#define TAG_INSTALL     "muster/installation"
#define TAG_ENVIRONMENT "muster/compute-environment"
#define TAG_GENERATION  "muster/generation"
#define TAG_INTENT      "muster/intent"
#define TAG_TERM        "muster/term"
#define TAG_SPEC        "muster/spec-sha256"
#define TAG_JOB         "muster/job"
#define TAG_ATTEMPT     "muster/attempt"
#define TAG_TIMEOUT     "muster/timeout-ms"
#define TAG_ESSENTIAL   "muster/essential" /* of several containers those that count, by blanks */

typedef struct AwsProvider AwsProvider;
typedef struct AwsPlace AwsPlace;
typedef struct AwsCluster AwsCluster;
typedef struct AwsEvents AwsEvents;
typedef struct AwsHost AwsHost;
typedef struct AwsTask AwsTask;

/* is_ours: of an environment on AWS; else it may be anybody's. */
typedef struct {
    LaunchToken token;
    char *environment; /* NULL: not known any more */
    bool is_instance, is_ours, was_there;
    bool is_stopping; /* it is to end once it shows */
    char **essential; /* of a task: names of its containers whose exit codes count; NULL: of the only one */
} AwsExpected;

struct AwsProvider {
    Provider base;
    AwsProviderOptions options;
    GMainContext *context;
    HttpClient *http;
    HttpClient *waiting_http; /* of calls that wait for something to be told: they hold no others up */
    AwsSettings *settings;    /* NULL: not read yet */
    GPtrArray *places;        /* of AwsPlace* */
    GPtrArray *events;        /* of AwsEvents*: queues that are read */
    GHashTable *clusters;     /* environment's name → AwsCluster* */
    GHashTable *hosts;        /* LaunchToken → AwsHost* */
    GHashTable *tasks;        /* LaunchToken → AwsTask* */
    GHashTable *faulty;       /* environments whose spec says nothing that can be used */
    GPtrArray *nodes;         /* of AwsTask*: wait for their main node to run */
    GHashTable *expected;     /* LaunchToken → AwsExpected*: held by the store, and not found yet */
    uint64_t term;
    int64_t restored_from_ms; /* as ProviderStart says */
    int64_t started_ms;       /* monotonic */
    bool is_claimed;          /* what is expected was told to be looked for */
    bool is_observed;
    GSource *again;     /* of the first observation */
    GQueue *unprepared; /* of LaunchToken*: tasks whose turn comes */
    GSource *preparing; /* NULL: there are none */
};

/* What nobody expects is told of as found: the state was restored, and not all that is there was told yet. */
bool aws_is_finding(const AwsProvider *provider);
/* It has been found: whether it is to be stopped. */
bool aws_found(AwsProvider *provider, const LaunchToken *token);
int64_t aws_now_ms(const AwsProvider *provider); /* CLOCK_REALTIME */
int64_t aws_monotonic_ms(const AwsProvider *provider);
/* How long something is waited for that usually takes usual_ms: tests wait less. */
int64_t aws_patience_ms(const AwsProvider *provider, int64_t usual_ms);
void aws_tell(AwsProvider *provider, const ProviderEvent *event);
void aws_log(AwsProvider *provider, const char *format, ...) G_GNUC_PRINTF(2, 3);
GHashTable *aws_token_map_new(GDestroyNotify free_value);
/* Runs func once; destroyed with g_source_destroy() before; the reference is the caller's. */
GSource *aws_after(AwsProvider *provider, int64_t after_ms, GSourceFunc func, void *data);
/* A cluster has found all that was there: when all have, that is told. */
void aws_observed(AwsProvider *provider);

/* ---- a place: one account in one region (aws_place.c) ---- */

struct AwsPlace {
    AwsProvider *provider;
    char *region, *role_arn; /* role_arn may be NULL */
    char *account;           /* NULL: not known yet */
    const AwsPartition *partition;
    AwsCredentialsSource *source;
    AwsClient *clients[AWS_SERVICES];
    GArray *waiting; /* of who wants to know the account */
    struct AwsOrphans *orphans;
};

/* The environment's place, made when there is none yet. NULL with error: no region, no credentials. */
AwsPlace *aws_place_get(AwsProvider *provider, const AwsEnvironment *environment, GError **error);
void aws_place_free(AwsPlace *place);
/* fault: NULL: the account is known, and the one that the environment names. Called at once, or later. */
typedef void (*AwsPlaceKnown)(const char *fault, void *data);
void aws_place_check(AwsPlace *place, const char *account, AwsPlaceKnown known, void *data);

/* What a call is about; the body is the caller's to give. */
typedef struct {
    AwsService service;
    const char *action;
    AwsPage page;      /* NULL: one answer */
    int64_t resources; /* as of AwsCall */
    AwsDone done;
    void *data;
    GDestroyNotify free_data; /* NULL: it outlives the provider's connections */
} AwsQuestion;
void aws_ask_json(AwsPlace *place, const AwsQuestion *question, json_t *body); /* body is taken */
void aws_ask_query(AwsPlace *place, const AwsQuestion *question, const Query *body);
/* Of a host or a task, which may be gone when the answer comes. */
typedef struct {
    AwsProvider *provider;
    LaunchToken token;
} AwsAbout;
void *aws_about(AwsProvider *provider, const LaunchToken *token); /* new; freed by g_free() */
AwsHost *aws_about_host(const void *about);                       /* NULL: it is gone */
AwsTask *aws_about_task(const void *about);

/* ---- a cluster: an environment (aws_cluster.c, aws_apply.c, aws_look.c) ---- */

typedef enum { CLUSTER_UNKNOWN, CLUSTER_READY, CLUSTER_REFUSED } ClusterState;

struct AwsCluster {
    AwsProvider *provider;
    AwsPlace *place; /* NULL: not found yet */
    char *name, *cluster, *installation;
    AwsEnvironment *environment;
    ClusterState state;
    bool is_observed;       /* that all of it was looked at was told, before that of all others */
    bool was_ready;         /* it could be used, since this process began */
    bool is_gone;           /* what was held of it was removed, and nothing is asked for since */
    Digest applied;         /* what the cluster's tag says */
    uint64_t number;        /* of the newest request that was carried out */
    struct AwsApply *apply; /* under way; NULL: none */
    /* What references of the environment stand for (aws_pins.c), as objects REFERENCE → VALUE: what machines
     * are made from, NULL: to be looked up; what was found last, NULL: not yet. */
    json_t *pins, *newest;
    unsigned machines;                          /* bits 1 << MachineKind: which of them may be made */
    char generation[AWS_GENERATION_DIGITS + 1]; /* of what machines are made from, with its pins */
    struct AwsPinning *pinning;
    GHashTable *templates;    /* flavour → AwsTemplate* */
    GPtrArray *old_templates; /* of another generation; calls may be under way */
    GHashTable *definitions;  /* "NAME:REVISION/…" → AwsDefinition* */
    GPtrArray *hosts_waiting; /* of AwsHost*: for the cluster to be ready */
    GPtrArray *tasks_waiting; /* of AwsTask* */
    struct AwsLook *look;
    struct AwsSweep *sweep;
    struct AwsPace *pace;
    AwsEvents *events; /* the queue that tells of it; NULL: none */
    bool is_told;      /* ends of its tasks came from there, and none was found that should have come */
};

AwsCluster *aws_cluster_find(AwsProvider *provider, const char *environment);
/* Made when there is none; spec: its environment from now on; NULL: as it is. NULL with error. */
AwsCluster *aws_cluster_get(AwsProvider *provider, const ResourceRequest *request, GError **error);
void aws_cluster_free(AwsCluster *cluster);
/* What it is made from is another from now on: templates are looked for, or made, anew. */
void aws_cluster_retire_templates(AwsCluster *cluster);
/* It can be used: what waited for it goes on. */
void aws_cluster_ready(AwsCluster *cluster);
/* It cannot: what waited is refused. */
void aws_cluster_unready(AwsCluster *cluster, const char *reason);
/* Of DescribeClusters with TAGS: "" where there is none that is active; why it is not ours; NULL: it is. */
char *aws_cluster_fault(const AwsCluster *cluster, const json_t *described, bool *ret_is_there);
bool aws_cluster_is_ours(const AwsCluster *cluster, const json_t *described); /* whoever drives it now */
void aws_cluster_tell(AwsCluster *cluster, ProviderEventType type, const json_t *described,
                      const char *reason);
bool aws_tag_is_users(const char *key);      /* neither muster's nor AWS's own */
json_t *aws_tags(const AwsCluster *cluster); /* [{key, value}…] of everything in it; a new reference */
Query *aws_filter_query(const char *action,
                        const AwsCluster *cluster);    /* of EC2: by the tags of what is in it */
Query *aws_instances_query(const AwsCluster *cluster); /* DescribeInstances so, in pages; Filter.3 is free */
/* Why something of AWS is refused, for people. New string. */
char *aws_why(const char *what, const AwsError *error);

void aws_apply(AwsCluster *cluster, const ResourceRequest *request);
void aws_apply_free(struct AwsApply *apply);

/* ---- looking ---- */
void aws_look_begin(AwsCluster *cluster); /* all of it is to be found: at the start of a process */
bool aws_look_is_beginning(const AwsCluster *cluster); /* it is not found yet */
void aws_look_hosts_soon(AwsCluster *cluster, int64_t after_ms);
void aws_look_task_due(AwsTask *task); /* its due_ms was set, and may be the next one */
/* EC2 says that it is gone: told once its tasks were looked at. */
void aws_look_host_over(AwsHost *host, InstanceGoneReason gone, const char *reason);
void aws_look_for_task(AwsTask *task);
void aws_look_free(struct AwsLook *look);

/* The cluster is looked at, and what is found is told. */
void aws_look_cluster(AwsCluster *cluster);

/* ---- references whose meaning moves (aws_pins.c) ---- */
/* pins: as ResourceRequest says; NULL: all of them are looked up. */
void aws_pins_set(AwsCluster *cluster, const char *pins, unsigned machines);
/* They are looked up: cluster->newest is set, and what was not pinned is. fault: NULL: none; is_wrong:
 * somebody has to set it right. Called at once, or later. */
typedef void (*AwsPinsFound)(const char *fault, bool is_wrong, void *data);
void aws_pins_find(AwsCluster *cluster, AwsPinsFound found, void *data);
bool aws_pins_have(const AwsCluster *cluster, MachineKind kind); /* all that such machines need */
/* Borrowed; NULL: not pinned. */
const char *aws_pins_value(const AwsCluster *cluster, const char *reference);
char *aws_pins_text(const AwsCluster *cluster); /* as ProviderEvent.pins; new string or NULL */
void aws_pins_look(AwsCluster *cluster);        /* from now on, now and then */
void aws_pins_free(struct AwsPinning *pinning);

/* ---- what is told by itself: events of EventBridge in a queue of SQS (aws_events.c) ---- */
/* Its environment's queue is read from now on; none, where it names none. False with error: it is no queue of
 * this place. */
bool aws_events_follow(AwsCluster *cluster, AwsPlace *place, const AwsEnvironment *environment,
                       GError **error);
/* What was there at the start was looked at: what is told of it from now on is known to whom. */
void aws_events_go(AwsProvider *provider);
/* All that was in its queue when the process began was taken, or cannot be read; cluster NULL: in all queues.
 */
bool aws_events_are_read(const AwsProvider *provider, const AwsCluster *cluster);
/* It was committed how these ended: what told of it may be forgotten there. */
void aws_events_settled(AwsProvider *provider, const LaunchToken *tokens, size_t len);
/* It was found to have ended, by looking: whether that should have been told long before. */
void aws_events_missed(const AwsTask *task, const json_t *described);
void aws_events_free(void *events);

/* ---- when each task is looked at (aws_pace.c) ---- */
/* It was seen so: what is learned from it, and when it is due again. */
void aws_pace_seen(AwsTask *task, const TaskState *state);
/* Which tasks one call is to describe now: those that are due first, as many as fit, as ARNs into arns, which
 * is emptied. None: not before the time that is returned, in ms from now; G_MAXINT64: there is nothing to
 * look at. */
int64_t aws_pace_pick(AwsCluster *cluster, GPtrArray *arns);
void aws_pace_free(struct AwsPace *pace);

/* ---- a host: an instance of EC2 and what ECS knows of it (aws_host.c, aws_template.c) ---- */

typedef enum { HOST_WANTED, HOST_ASKED, HOST_MADE, HOST_REGISTERED, HOST_ENDING, HOST_OVER } HostState;

struct AwsHost {
    AwsCluster *cluster;
    LaunchToken token;
    char *type;
    bool is_spot, is_arm, is_gpu;
    int64_t max_price;
    HostState state;
    char *instance_id, *arn; /* of EC2, of ECS; NULL: not known */
    bool is_own;             /* of an UNMANAGED environment: it joined by itself */
    bool is_stopping;        /* we want it to end */
    bool is_warned;          /* EC2 takes it away soon, and that was told */
    size_t subnet;           /* RunInstances: the one that is tried */
    int tries;
    int64_t asked_ms, made_ms, stopped_ms; /* monotonic; 0: not yet */
    uint64_t seen;                         /* look that saw it */
    int missing;                           /* looks that did not */
    GSource *retry;
};

void aws_host_start(AwsProvider *provider, const InstanceRequest *request);
void aws_host_launch(AwsHost *host); /* its cluster is ready */
void aws_host_buy(AwsHost *host, const char *template_id, const char *template_version);
void aws_host_refuse(AwsHost *host, InstanceRefusal refusal, const char *reason);
void aws_host_stop(AwsHost *host);
void aws_host_gone(AwsHost *host, InstanceGoneReason gone, const char *reason);
/* Of DescribeInstances; item's host, made when the store expects it; NULL: nobody knows it. */
AwsHost *aws_host_seen(AwsCluster *cluster, const XmlElement *item, uint64_t look);
void aws_host_registered(AwsHost *host, const EcsHost *state, int64_t now_ms);
AwsHost *aws_host_joined(AwsCluster *cluster, const EcsHost *state, uint64_t look);
/* EC2 says, or ECS's agent on it, that it is taken away soon. */
void aws_host_warned(AwsHost *host, const char *reason);
void aws_host_free(void *host);

typedef struct AwsTemplate AwsTemplate;
/* What it is made from is there, or found, or made: it goes on with aws_host_buy(), or is refused. */
void aws_template_get(AwsHost *host);
void aws_template_free(void *template);
/* Of one with this environment's tags: nothing that is bought from now on is made from it. */
bool aws_template_is_former(const AwsCluster *cluster, const char *name);

/* ---- a task: an attempt (aws_task.c, aws_definition.c) ---- */

typedef enum { TASK_WAITING, TASK_ASKED, TASK_KNOWN, TASK_STARTED, TASK_OVER } TaskStep;

struct AwsTask {
    AwsCluster *cluster;
    LaunchToken token;
    TaskStep step;
    LaunchToken host;
    bool has_host;
    char *arn; /* NULL: not known */
    char *job_id, *definition, *spec, *overrides, *workspace;
    char **argv, **envp;
    size_t injected;
    int node, attempt;
    LaunchToken main_node; /* has_main_node: the one that has to run first */
    bool has_main_node;
    char *address; /* its own, private; NULL: not known */
    int64_t vcpus_e4, memory_mib, timeout_ms;
    int gpus;
    char **essential;          /* names of its containers whose exit codes count */
    char *run_arn;             /* of the definition that it is run from */
    char *run_overrides;       /* JSON, until the task is known to ECS */
    bool is_stopping, is_late; /* late: for its time limit */
    char *stop_reason;
    int64_t asked_ms, started_ms; /* monotonic; real */
    int64_t stopped_ms;           /* monotonic: StopTask was sent */
    int64_t missing_ms;           /* monotonic: since when it is not there */
    int64_t due_ms;               /* monotonic: when it is looked at again */
    uint64_t looked;              /* the call that saw it last */
    int tries, missing;
    GSource *retry;
};

void aws_task_start(AwsProvider *provider, const LaunchRequest *request);
void aws_task_prepare_soon(
    AwsTask *task); /* once the loop has looked at what else there is (aws_prepare.c) */
void aws_prepare_clear(AwsProvider *provider);
void aws_task_prepare(AwsTask *task);                                      /* its cluster is ready */
void aws_task_run(AwsTask *task);                                          /* its definition is there */
void aws_task_defined(AwsTask *task, const json_t *body, const char *arn); /* its definition is there */
void aws_task_again(AwsTask *task); /* a little later, with what it waits for */
/* reason: why the attempt failed; NULL: it is placed anew. */
void aws_task_refuse(AwsTask *task, const char *reason);
json_t *task_overrides_of_job(const json_t *body, const AwsTask *task); /* a new reference */
void aws_task_lost(AwsTask *task);
void aws_task_stop(AwsTask *task, const char *reason, bool is_late);
void aws_task_seen(AwsTask *task, const json_t *described);
/* Of a task that the store expects and this process did not start; NULL: it is none. */
AwsTask *aws_task_adopt(AwsCluster *cluster, const json_t *described);
void aws_task_free(void *task);

/* ---- what a restored state does not know (aws_found.c) ---- */

/* Told of, with what it is: it is ours, though nobody expects it. False: it is not. */
bool aws_found_task(AwsCluster *cluster, const LaunchToken *token, const json_t *described);
/* Names of its containers whose exit codes count; NULL: of the only one, or it does not say. */
char **aws_found_essential(const json_t *described);
void aws_found_host(AwsHost *host, const XmlElement *item, const Ec2Instance *instance);

/* ---- what nobody knows (aws_sweep.c) ---- */

/* It is looked for again a while later; harmless when repeated. */
void aws_sweep_later(AwsCluster *cluster);
void aws_sweep_free(struct AwsSweep *sweep);

/* ---- what is of no environment that is known (aws_orphans.c) ---- */

/* All of the place is looked at a while later; harmless when repeated. */
void aws_orphans_later(AwsPlace *place, const char *installation);
void aws_orphans_free(struct AwsOrphans *orphans);

/* ---- nodes of a multinode job (aws_node.c) ---- */

/* Whether it has to wait for its main node; it is prepared once that runs. */
bool aws_node_waits(AwsTask *task);
/* It runs: those that wait for it begin. */
void aws_node_runs(AwsTask *main_node);

typedef struct AwsDefinition AwsDefinition;
/* Registered, or found: the task goes on with aws_task_defined(). */
void aws_definition_get(AwsTask *task);
/* The body of RegisterTaskDefinition, with whose it is; a new reference. */
json_t *aws_definition_request(const AwsCluster *cluster, const json_t *body, const char *family,
                               const char *digest);
void aws_definition_free(void *definition);
