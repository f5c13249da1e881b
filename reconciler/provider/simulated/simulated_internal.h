/* simulated_internal.h: the two ends of the simulated provider and the wire between them; for simulated*.c
 * only. */
#pragma once
#include "reconciler/provider/simulated/event_queue.h"
#include "reconciler/provider/simulated/simulated.h"
#include "spec/base/rng.h"
#include <jansson.h>

typedef enum {
    MESSAGE_LAUNCH,
    MESSAGE_STOP,
    MESSAGE_MAKE,  /* an instance */
    MESSAGE_END,   /* an instance */
    MESSAGE_APPLY, /* a resource */
    MESSAGE_SETTLED,
    MESSAGE_OBSERVE,
    MESSAGE_EVENT, /* to the near end; the others go to the far one */
    MESSAGE_RETRY  /* a timer of the near end */
} MessageType;

#define PROVIDER_ID_TEXT 24

/* What a launch or an instance was asked for with; a copy. */
typedef struct {
    char *job_id, *environment;
    int attempt;
    uint64_t term;
    LaunchToken instance;
    bool has_instance, spot;
    int64_t vcpus_e4, memory_mib, timeout_ms, kill_grace_ms, max_price_microusd_per_h;
    int gpus;
    CloudFate fate;
    char *instance_type;
} Order;

/* Of a resource: what is asked for, or what is told of it. */
typedef struct {
    Kind kind;
    char *name;
    char *text;  /* its spec, or what was observed, as JSON; NULL: it goes, or is not there */
    char **keep; /* or NULL */
    char *pins;  /* as of ResourceRequest, or of ProviderEvent */
    Digest digest;
    uint64_t number;
    unsigned machines; /* as of ResourceRequest */
} ResourceOrder;

typedef struct {
    MessageType type;
    LaunchToken token;
    uint64_t term;       /* to the far end */
    uint64_t connection; /* to the near end: of another one it goes nowhere */
    Order order;         /* LAUNCH, MAKE */
    ProviderEvent event; /* EVENT */
    char provider_id[PROVIDER_ID_TEXT];
    ResourceOrder *resource; /* APPLY, EVENT and RETRY of a resource; NULL: of none */
} Message;

/* What the near end was asked for last. */
typedef struct {
    ResourceOrder *order;
    bool is_answered, has_timer;
    int64_t sent_ms;
} NearResource;

/* What the far end holds, whoever made it so. */
typedef struct {
    Kind kind;
    char *name;
    json_t *spec;  /* NULL: somebody removed it */
    Digest digest; /* of what it was made by, and which */
    uint64_t number;
    int image; /* that its machines are made from; 0: it has none */
} FarResource;

/* What the near end still waits for. */
typedef struct {
    LaunchToken token;
    MessageType asked; /* LAUNCH or MAKE; SETTLED: neither was asked for by this process */
    Order order;
    bool answered; /* it was said to have started, or not to have been made */
    bool ending;   /* STOP or END was asked for and is not answered */
    bool held;     /* not to be sent before the observation */
    bool has_timer;
    int64_t sent_ms; /* arrival of the newest message about it: the next may not overtake it */
    uint64_t number; /* in the order asked */
} Near;

typedef enum { FAR_COMING, FAR_STARTED, FAR_OVER } FarState;

/* What the far end remembers of a launch or an instance until it is settled. */
typedef struct Far {
    LaunchToken token;
    bool is_instance, registered, lives; /* lives: in the cloud, by its number */
    FarState state;
    uint32_t number;
    ProviderEvent started, ready, end; /* as they are told; ready: INSTANCE_REGISTERED */
    char provider_id[PROVIDER_ID_TEXT];
    int64_t vcpus_e4, memory_mib, kill_grace_ms;
    Order order;                /* what it was asked for with, if it was */
    const char *environment;    /* of a host that joined by itself; else NULL */
    int64_t told_ms;            /* arrival of the newest event about it */
    struct Far *before, *after; /* by age */
} Far;

struct Simulated {
    Provider base; /* the near end */
    SimulatedOptions options;
    SimulatedFaults faults;
    int64_t now_ms;
    Rng rng;
    EventQueue wire;
    GPtrArray *messages; /* by what of a QueuedEvent; NULL: free */
    GArray *free_messages;

    /* near */
    ProviderEventFunc func; /* NULL: nobody is connected */
    void *data;
    uint64_t term, connection, asked;
    bool observing;
    GHashTable *known;         /* tokens, until all that is there was told to a restored state; else NULL */
    int64_t flushed_ms;        /* arrival of the newest message of what was held */
    GHashTable *near;          /* token → Near */
    GPtrArray *near_resources; /* of NearResource */

    /* far */
    SimulatedCloud *cloud;
    uint64_t seen_term, made; /* seen_term: the newest heard of; what comes of older ones is refused */
    GHashTable *far;          /* token → Far */
    Far *oldest, *newest;
    GPtrArray *held;      /* of FarResource, the oldest first */
    int newest_image;     /* from 1 */
    int64_t held_told_ms; /* arrival of the newest event about any of them */
};

/* simulated.c: the wire */
void simulated_send(Simulated *simulated, const Message *message, int64_t at_ms); /* copied */
/* When what is sent now arrives, not overtaking what arrives at not_before_ms. */
int64_t simulated_arrival(Simulated *simulated, int64_t not_before_ms);
bool simulated_strikes(Simulated *simulated, unsigned permille);
void order_copy(Order *to, const Order *from);
void order_clear(Order *order);
/* simulated_near.c */
void near_start(Simulated *simulated, ProviderEventFunc func, void *data);
void near_observe(Simulated *simulated);
void near_take(Simulated *simulated, Message *message);
void near_free(void *near);
/* simulated_far.c */
void far_take(Simulated *simulated, const Message *message);
void far_cloud_event(Simulated *simulated, const CloudEvent *event);
void far_free(void *far);
/* What an event about it has to be preceded by, for who does not know it. False: nothing. Borrows. */
bool far_found(const Simulated *simulated, const LaunchToken *token, ProviderEvent *ret_event);
void far_lose_tasks(Simulated *simulated);
void far_host_join(Simulated *simulated, const LaunchToken *token, const char *environment, int64_t vcpus_e4,
                   int64_t memory_mib);
void far_host_leave(Simulated *simulated, const LaunchToken *token);
/* simulated_resource.c */
ResourceOrder *resource_order_copy(const ResourceOrder *order);
void resource_order_free(void *order);
void held_free(void *held);
void near_resource_free(void *near);
int64_t far_resources_tell(Simulated *simulated); /* of all of them, surely; when the last arrives */
void far_resource_take(Simulated *simulated, const Message *message);
void near_resource_retry(Simulated *simulated, const ResourceOrder *order);
void near_resources_ask_again(Simulated *simulated);
void near_resource_told(Simulated *simulated, const ResourceOrder *order, ProviderEvent *event);
void near_resources_apply(Provider *provider, const ResourceRequest *requests, size_t len);
