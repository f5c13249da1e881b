/* provider.h: carry out decisions, report what is true. Implemented by local/, docker/, aws/ and
 * simulated/, and by provider_set.h for several of them. Holds:  a provider never decides. Every call returns
 * at once; outcomes arrive as ProviderEvents on the main loop that the provider was made on. Effects carry
 * the launch token and may be repeated harmlessly; a term older than one already seen is refused (invariant
 * 6). Nothing is believed because it was asked for (invariant 2). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "reconciler/world/launch.h"
#include "spec/canonical.h"
#include "spec/decode.h"

/* What one attempt needs to start. The provider copies what it keeps. */
typedef struct {
    LaunchToken token;
    uint64_t term;
    ProviderType provider;      /* of its environment */
    const char *environment;    /* compute environment's name; NULL: it is gone */
    const char *job_id;         /* "UUID" or "UUID:INDEX", for logs and names only */
    const char *queue;          /* its name, for these only, too */
    int32_t attempt;            /* of the job, from 1 */
    const char *const *argv;    /* NULL-terminated; on local at least one, else none: as the image says */
    const char *const *envp;    /* NULL-terminated "NAME=VALUE": the job's environment and nothing else */
    size_t injected;            /* of envp, where those begin that every container of the job has */
    const char *work_dir;       /* absolute; the provider makes it */
    const char *workspace;      /* absolute and made by the provider, or NULL */
    const char *workspace_name; /* where the provider has a place of its own for them; NULL: there is none */
    const char *stdout_path,
        *stderr_path; /* absolute; may be the same path; their directory is made by the provider */
    int64_t vcpus_e4, memory_mib; /* limits to enforce as far as the machine lets it */
    int gpus;
    int64_t timeout_ms;           /* 0: none; measured from the start of the process */
    int64_t kill_grace_ms;        /* SIGTERM to SIGKILL; 30,000 */
    const char *user;             /* may be NULL */
    const LaunchToken *instance;  /* token of the machine to run on; NULL: the provider has one only */
    const char *definition;       /* "NAME:REVISION" */
    const char *definition_spec;  /* of that, canonical JSON */
    const char *overrides;        /* what the job says otherwise, canonical JSON with SubmitJob's members */
    int node;                     /* of a multinode job; -1: it is none */
    const LaunchToken *main_node; /* of another node of it: its main one, which has to run first; else NULL */
} LaunchRequest;

/* What one machine needs to be made. Its token comes from the same source as those of launches: one is never
 * both. The provider copies what it keeps. */
typedef struct {
    LaunchToken token;
    uint64_t term;
    ProviderType provider;   /* of its environment */
    const char *environment; /* compute environment's name */
    const char *type;        /* "c5.large" */
    bool spot, is_arm;
    int64_t vcpus_e4, memory_mib; /* planned, as the catalogue says; REGISTERED tells what is really there */
    int gpus;
    int64_t max_price_microusd_per_h; /* Spot: not above it; 0: no limit */
} InstanceRequest;

/* Kinds of machines for which images differ. */
typedef enum { MACHINE_X86, MACHINE_ARM, MACHINE_X86_GPU, MACHINE_ARM_GPU, MACHINE_KINDS } MachineKind;

/* A resource as the provider is to hold it: what it keeps of it outside (a cluster, its settings, tags, a
 * template of its machines) is made so. Doing it again changes nothing. The provider copies what it keeps. */
typedef struct {
    Kind kind;
    const char *name;
    ProviderType provider;    /* PROVIDER_UNSET: of who holds it; nobody declares it any more */
    const char *installation; /* hexadecimal: who owns what is made; NULL: not named yet */
    uint64_t term;
    uint64_t number;  /* of this request; greater than those before */
    Digest digest;    /* of spec */
    const char *spec; /* canonical JSON in force; NULL: the resource is gone, and what is held of it goes */
    const char *const *keep; /* paths that are left as they are there, and all below them; NULL-terminated;
                                NULL: none */
    unsigned machines; /* bits 1 << MachineKind: what it may have to make of them; 0: nothing, or not known */
    /* What references in spec stand for, JSON as it was told (ProviderEvent.pins); one that is not in it is
     * looked up, and stays what it was found to be then. NULL: all are looked up as this is carried out. */
    const char *pins;
} ResourceRequest;

/* A launch or an instance that the store holds. */
typedef struct {
    LaunchToken token;
    ProviderType provider; /* PROVIDER_UNSET: not known any more */
    bool is_instance;
    bool was_there; /* it is known to have started, or to have been made */
    bool is_named;  /* a launch: what it is called there is committed (see Provider.named) */
    const char
        *definition_spec; /* of a launch: of its definition, canonical JSON; NULL: not known any more */
    int node;             /* of a launch: as LaunchRequest says */
} ProviderExpected;

/* What a process begins with. */
typedef struct {
    uint64_t term;
    /* CLOCK_REALTIME: the state is that of a backup made then, and nobody has looked at what is there since;
     * 0: it is not. What was asked for later is known to nobody here. */
    int64_t restored_from_ms;
    /* What the store holds as intended, unknown or running, so that leftovers of a dead launcher are found
     * and killed before LOST or REFUSED is reported for them. */
    const ProviderExpected *expected;
    size_t expected_len;
    /* What is in force of which the provider may hold something, so that it knows where to look. Their number
     * is 0: nothing is to be done about them. */
    const ResourceRequest *resources;
    size_t resources_len;
} ProviderStart;

/* Why a machine was not made: what follows from it differs. */
typedef enum {
    INSTANCE_REFUSED_CAPACITY,      /* there is none of this type and zone: another pool, this one later */
    INSTANCE_REFUSED_CONFIGURATION, /* it can never be made as asked for: the environment is INVALID */
    INSTANCE_REFUSED_LIMIT,         /* a quota of the account */
    INSTANCE_REFUSED_PRICE,         /* Spot costs more than max_price */
    INSTANCE_REFUSED_UNKNOWN_LATER  /* nothing was made, and why says nothing about the pool: again later */
} InstanceRefusal;

typedef enum {
    INSTANCE_GONE_STOPPED,   /* we asked for it */
    INSTANCE_GONE_RECLAIMED, /* Spot took it back */
    INSTANCE_GONE_DIED
} InstanceGoneReason;

typedef enum {
    PROVIDER_EVENT_ACCEPTED, /* it was taken in and has neither started nor been made yet: told in an
                                observation, so that it is not taken for absent; its outcome follows.
                                reason: what it waits for there, for people; NULL: nothing special */
    PROVIDER_EVENT_STARTED,  /* effective: the process runs; at_ms is its start */
    PROVIDER_EVENT_REFUSED,  /* proven never to have started; reason says why */
    PROVIDER_EVENT_ENDED,    /* ended and every process of it is gone */
    PROVIDER_EVENT_LOST, /* it was started or may have been; every process that carried its token is proven
                            gone;    how it ended is unknown */
    PROVIDER_EVENT_OBSERVED, /* a complete observation of `providers` is done: all of their launches that were
                                asked for before it and were not reported by it are proven never to have
                                started. It covers instances too: one that was asked for before and not
                                reported does not exist. */
    PROVIDER_EVENT_CAPACITY, /* capacity of the machine, and notices about how limits are enforced */
    /* Of instances; token is the instance's. Each may come again, and none follows GONE or REFUSED but these
     * themselves. */
    PROVIDER_EVENT_INSTANCE_STARTED,    /* it was made and boots; provider_id is its name */
    PROVIDER_EVENT_INSTANCE_REGISTERED, /* it takes tasks; capacity: what it really offers */
    PROVIDER_EVENT_INSTANCE_REFUSED,    /* proven never to have been made; refusal and reason say why */
    /* Proven gone, and every task on it: what was not reported to have ended there is lost, whether LOST is
     * reported for it or not. */
    PROVIDER_EVENT_INSTANCE_GONE,
    /* Of a state that was restored (ProviderStart.restored_from_ms), before OBSERVED: what is there, is ours,
     * and was not expected. What else is told of it follows as of what was. */
    PROVIDER_EVENT_INSTANCE_FOUND, /* environment, instance_type, is_spot, is_former; at_ms: made then */
    PROVIDER_EVENT_FOUND,          /* an attempt, also one that has ended: environment, job, attempt, host,
                                      provider_id, and as capacity what it takes there */
    /* Of what is held of resources; kind, resource and number are set. What is told of one resource keeps its
     * order: an observation that began before a request was carried out is not told after its answer. Only
     * what carries our owner tag is told of (invariant 5). */
    PROVIDER_EVENT_RESOURCE_OBSERVED, /* what is there of it: told in each observation, before OBSERVED, and
                                         on each pass of the provider's own */
    PROVIDER_EVENT_RESOURCE_APPLIED,  /* a request was carried out; the same, as it was found afterwards. Of
                                         one with  spec NULL: nothing is held any more */
    PROVIDER_EVENT_RESOURCE_REFUSED,  /* a request was not carried out, or not all of it; reason says why. Of
                                         number 0, before OBSERVED: why that does not come yet */
    PROVIDER_EVENT_COLLECTED,         /* something of ours that nobody knows was found, and is being ended:
                                         provider_id,         environment, reason */
    PROVIDER_EVENT_INSTANCE_WARNED,   /* of an instance: it will be taken away soon, whatever is asked for:
                                         reason; _GONE follows. May come again */
} ProviderEventType;

typedef struct {
    ProviderEventType type;
    unsigned providers; /* bits 1 << ProviderType: whose it is; 0: of the only one there is */
    LaunchToken token;  /* ACCEPTED … LOST, INSTANCE_… */
    int64_t at_ms;      /* CLOCK_REALTIME of the start or end */
    int64_t started_ms; /* ENDED: when it had started */
    EndCause cause;     /* ENDED; STOPPED: by provider_stop */
    int exit_code;      /* ENDED: exit status, or 128 + signal */
    const char
        *reason; /* ACCEPTED, REFUSED, LOST, OOM text; borrowed during the call, as all text; may be NULL */
    int64_t vcpus_e4, memory_mib; /* CAPACITY, INSTANCE_REGISTERED, FOUND */
    int gpus;                     /* the same */
    const char *notice; /* CAPACITY: sentence for the plan, e.g. "memory limits: cgroup v1; …"; may be NULL */
    const char *provider_id; /* INSTANCE_STARTED, _REGISTERED, _GONE: "i-0a1b…"; ACCEPTED … LOST: what the
                                attempt is called there (the ARN of a task), NULL where it has no name */
    /* INSTANCE_REGISTERED of a host that nobody asked for: its UNMANAGED environment; else NULL. Its token is
     * the provider's, the same whenever it is told; it is told in every observation. */
    const char *environment;          /* and of COLLECTED, FOUND, INSTANCE_FOUND: its environment */
    const char *instance_type, *zone; /* INSTANCE_REFUSED: of which pool; zone may be NULL: of every zone */
    InstanceRefusal refusal;          /* INSTANCE_REFUSED */
    const char *job;         /* FOUND: as it says itself, LaunchRequest.job_id; NULL: it does not say */
    int attempt;             /* FOUND: the same; 0: it does not say */
    LaunchToken host;        /* FOUND: the instance that it is on; zeros: on none, or not known */
    bool is_spot;            /* INSTANCE_FOUND */
    bool is_former;          /* INSTANCE_FOUND: not made from what its environment now says */
    InstanceGoneReason gone; /* INSTANCE_GONE */
    /* RESOURCE_…: */
    Kind kind;
    const char *resource; /* its name */
    uint64_t number; /* of the newest request for it that was carried out, or that this answers; 0: not known,
                        as before the first of this process */
    Digest applied; /* OBSERVED, APPLIED: digest of the request that what is held was made by, whatever became
                       of it since */
    bool is_complete; /* OBSERVED, APPLIED: observed has all of the spec that is held; else the rest is not
                         known */
    /* OBSERVED, APPLIED: JSON object of paths in the spec ("spec.computeResources.maxvCpus"), as people write
     * it, with what is there; null: nothing is. Lists are told whole. Every path whose value could be found
     * out, whether it differs or not: what differs is not the provider's to say. At most OBSERVED_FIELDS_MAX
     * paths and OBSERVED_BYTES_MAX bytes (world/drift_compare.h). */
    const char *observed;
    /* OBSERVED, APPLIED: {"pinned": {REFERENCE: VALUE}, "newest": {…}} of the references in the spec whose
     * meaning moves: what machines are made from, and what was found when it was looked last; NULL: there are
     * none such, or it is not known. At most PINS_BYTES_MAX bytes (world/pins.h). */
    const char *pins;
} ProviderEvent;

typedef void (*ProviderEventFunc)(const ProviderEvent *event, void *data);

typedef struct Provider Provider;
struct Provider {
    /* Begins work: connects or starts what it needs, reports CAPACITY, every launch it still knows
     * (STARTED, then ENDED for those that ended), then OBSERVED. Called once. May not block over 5 ms. False
     * with error when it can never work (then nothing was started). Instances are reported before the
     * launches on them. start: borrowed. */
    bool (*start)(Provider *provider, const ProviderStart *start, GError **error);
    /* Batch form: n requests at once, to save system calls. Never blocks; outcome by events. */
    void (*launch)(Provider *provider, const LaunchRequest *requests, size_t len);
    /* SIGTERM, after kill grace SIGKILL; ENDED with END_STOPPED follows. Unknown token: REFUSED follows. */
    void (*stop)(Provider *provider, const LaunchToken *token, const char *reason);
    /* The store has committed the final state of these launches and instances: records may be dropped. */
    void (*settled)(Provider *provider, const LaunchToken *tokens, size_t len);
    /* The store has committed what these launches are called (ACCEPTED with a provider_id). One that is made
     * first and started then is started now: from here on it is never taken for one that was not made. NULL:
     * it makes no difference. */
    void (*named)(Provider *provider, const LaunchToken *tokens, size_t len);
    /* Disconnects. Jobs go on running. */
    void (*free)(Provider *provider);
    /* Makes machines: INSTANCE_STARTED or _REFUSED follows for each, then _REGISTERED, then _GONE. NULL, with
     * instances_stop: the provider has one machine that it does not make (CAPACITY). */
    void (*instances_start)(Provider *provider, const InstanceRequest *requests, size_t len);
    /* Ends them with every task on them: INSTANCE_GONE follows. Unknown token: INSTANCE_REFUSED follows.
     * Harmless when repeated. */
    void (*instances_stop)(Provider *provider, const LaunchToken *tokens, size_t len);
    /* Makes what it holds of resources as they are in force: new ones, changed ones, those that were changed
     * outside (muster/drift: correct). RESOURCE_APPLIED or _REFUSED follows for each. A newer request for the
     * same resource is made only after the answer to the one before. NULL: the provider holds nothing of
     * them, and tells of none. */
    void (*resources_apply)(Provider *provider, const ResourceRequest *requests, size_t len);
    unsigned holds_nothing; /* bits 1 << ProviderType: of whose environments it holds nothing, with
                               resources_apply; constant */
};

/* local/: the launcher's executable is found beside the program (muster-launcher), then in ../libexec/muster.
 * state_dir is absolute and exists. events are delivered on the thread-default GMainContext at the time of
 * the call. */
Provider *provider_local_new(const char *state_dir, ProviderEventFunc func, void *data, GError **error);
/* What this machine offers, without starting anything: for plan and validate. notice: new string or NULL. */
void provider_local_capacity(int64_t *ret_vcpus_e4, int64_t *ret_memory_mib, int *ret_gpus,
                             char **ret_notice);
