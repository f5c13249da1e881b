/* protocol_test.c: every interleaving of intent, commit, effect and observation for one small job, with
 * crashes between any two steps, commits that fail, requests that arrive late or twice, tasks that are lost.
 *
 * The real Reconciler and World run; the store, the wire and the far end are a model of a few lines, moved
 * one step at a time. Each step is taken in a forked process, so a state is simply kept by its process while
 * what can follow is tried; states that were seen before are known by their hash, in memory shared by all.
 * From every state the job must be able to end once nothing goes wrong any more. */
#include "reconciler/reconcile.h"
#include "tests/support/world_fixture.h"
#include "tests/support/world_records.h"
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKENS_MAX     12
#define WIRE_MAX       40
#define PATH_MAX_STEPS 200
#define SEEN_SLOTS     (UINT64_C(1) << 21)
#define SOON_MS        50

/* ---- the model ---- */

typedef enum { FAR_NONE, FAR_RUNNING, FAR_ENDED, FAR_REFUSED, FAR_LOST } FarState;

typedef enum {
    SEND_LAUNCH,
    SEND_STOP,
    SEND_SETTLED,
    SEND_OBSERVE,
    TELL_STARTED,
    TELL_ENDED,
    TELL_REFUSED,
    TELL_LOST,
    TELL_OBSERVED
} MessageType;

typedef struct {
    MessageType type;
    int token; /* -1: OBSERVE, OBSERVED */
    uint64_t term;
    int exit_code;
} Message;

/* How often each thing may still go wrong. */
typedef struct {
    int crashes, failed_commits, twice, refusals, lost_tasks, resets;
} Budget;

typedef struct {
    Records *records; /* durable */
    GQueue pending;   /* of Batch* */
    uint64_t first, next, term;
    int64_t now_ms, wake_ms;
    bool retries; /* a commit failed, and the store was not opened again yet */
    Provider provider;
    Reconciler *reconciler; /* NULL: crashed */
    uint64_t entropy;

    LaunchToken tokens[TOKENS_MAX];
    int attempts[TOKENS_MAX]; /* which attempt each is for */
    FarState far[TOKENS_MAX];
    bool began[TOKENS_MAX];
    int exit_codes[TOKENS_MAX];
    int tokens_len;
    uint64_t far_term;

    Message wire[WIRE_MAX];
    int wire_len;
    bool observing;
    int held[TOKENS_MAX], held_len;                  /* asked for while the provider observes */
    uint8_t told[TOKENS_MAX + 1][TELL_OBSERVED + 1]; /* to this process; last: OBSERVED */
    int unticked;                                    /* told since the last tick */
    Budget budget;
    char path[PATH_MAX_STEPS][40];
    int path_len;
} Model;

typedef struct {
    uint64_t states, edges, completions, longest;
    uint64_t seen[SEEN_SLOTS];
} Shared;

static Model model;
static Shared *shared;

static void fail(const char *text)
{
    fprintf(stderr, "protocol: %s; after:\n", text);
    for (int i = 0; i < model.path_len; i++)
        fprintf(stderr, "  %s\n", model.path[i]);
    _exit(1);
}

G_GNUC_PRINTF(1, 2)
static void note(const char *format, ...)
{
    va_list arguments;
    if (model.path_len == PATH_MAX_STEPS)
        fail("a path without end");
    va_start(arguments, format);
    g_vsnprintf(model.path[model.path_len++], sizeof model.path[0], format, arguments);
    va_end(arguments);
}

static void wire_put(MessageType type, int token)
{
    if (model.wire_len == WIRE_MAX)
        fail("the wire is full");
    int exit_code = token >= 0 ? model.exit_codes[token] : 0;
    model.wire[model.wire_len++] = (Message){type, token, model.term, exit_code};
}

static void wire_remove(int at)
{
    memmove(&model.wire[at], &model.wire[at + 1], (size_t)(model.wire_len - at - 1) * sizeof(Message));
    model.wire_len--;
}

static bool to_far(const Message *message)
{
    return message->type <= SEND_OBSERVE;
}

/* ---- ports ---- */

static int64_t port_now(void *self)
{
    (void)self;
    return model.now_ms;
}

static void port_wake(void *self, int64_t at_ms)
{
    (void)self;
    model.wake_ms = at_ms;
}

static uint64_t port_commit(void *self, Batch *batch, int64_t now_ms)
{
    (void)self, (void)now_ms;
    g_queue_push_tail(&model.pending, batch);
    return model.next++;
}

static bool port_load(void *self, const RecordSink *sink, void *data, GError **error)
{
    (void)self, (void)error;
    records_load(model.records, sink, data);
    return true;
}

static bool port_reopen(void *self, GError **error)
{
    (void)self, (void)error;
    model.first = model.next;
    model.retries = false;
    return true;
}

static uint64_t port_term(void *self)
{
    (void)self;
    return model.term;
}

static void port_query(void *self, PortQuery query, PortDone done, void *data)
{
    (void)self;
    query(NULL, "nothing to read", data);
    done(data);
}

static void port_work(void *self, const PortLoad *load, void *data)
{
    (void)self;
    load->run(data);
    if (load->done)
        load->done(data);
}

static void port_remove(void *self, char *path)
{
    (void)self;
    g_free(path);
}

static void port_log(void *self, const char *text)
{
    (void)self, (void)text;
}

static void port_entropy(void *self, void *bytes, size_t len)
{
    (void)self;
    memset(bytes, 0, len);
    model.entropy++;
    memcpy(bytes, &model.entropy, MIN(len, sizeof model.entropy));
}

/* ---- near end ---- */

static int token_number(const LaunchToken *token)
{
    for (int i = 0; i < model.tokens_len; i++)
        if (memcmp(&model.tokens[i], token, sizeof *token) == 0)
            return i;
    return -1;
}

static const AttemptRecord *durable_attempt(const LaunchToken *token)
{
    g_autofree char *key = records_token_key(token);
    return g_tree_lookup(model.records->tables[TABLE_ATTEMPT], key);
}

static bool near_start(Provider *provider, const ProviderStart *start, GError **error)
{
    (void)provider, (void)start, (void)error;
    model.observing = true;
    wire_put(SEND_OBSERVE, -1);
    return true;
}

static void near_launch(Provider *provider, const LaunchRequest *requests, size_t len)
{
    (void)provider;
    for (size_t i = 0; i < len; i++) {
        const AttemptRecord *row = durable_attempt(&requests[i].token);
        if (!row || row->state != LAUNCH_INTENDED)
            fail("invariant 2: launched without a durable intent");
        if (model.tokens_len == TOKENS_MAX)
            fail("too many launches");
        model.attempts[model.tokens_len] = row->attempt;
        model.tokens[model.tokens_len++] = requests[i].token;
        if (model.observing)
            model.held[model.held_len++] = model.tokens_len - 1;
        else
            wire_put(SEND_LAUNCH, model.tokens_len - 1);
    }
}

static void near_stop(Provider *provider, const LaunchToken *token, const char *reason)
{
    (void)provider, (void)reason;
    wire_put(SEND_STOP, token_number(token));
}

static void near_settled(Provider *provider, const LaunchToken *tokens, size_t len)
{
    (void)provider;
    for (size_t i = 0; i < len; i++) {
        const AttemptRecord *row = durable_attempt(&tokens[i]);
        if (row && row->state != LAUNCH_ENDED && row->state != LAUNCH_REFUSED)
            fail("invariant 1: settled before its end is durable");
        if (token_number(&tokens[i]) >= 0)
            wire_put(SEND_SETTLED, token_number(&tokens[i]));
    }
}

static void tell(ProviderEventType type, const Message *message)
{
    ProviderEvent event = {.type = type,
                           .at_ms = model.now_ms,
                           .started_ms = model.now_ms,
                           .cause = END_EXITED,
                           .exit_code = message->exit_code};
    if (message->token >= 0)
        event.token = model.tokens[message->token];
    reconciler_provider_event(&event, model.reconciler);
}

static void tell_observed(const Message *message)
{
    ProviderEvent capacity = {.type = PROVIDER_EVENT_CAPACITY, .vcpus_e4 = 40000, .memory_mib = 4096};
    if (model.held_len) { /* what was held belongs to the observation */
        for (int i = 0; i < model.held_len; i++)
            wire_put(SEND_LAUNCH, model.held[i]);
        model.held_len = 0;
        wire_put(SEND_OBSERVE, -1);
        return;
    }
    model.observing = false;
    reconciler_provider_event(&capacity, model.reconciler);
    tell(PROVIDER_EVENT_OBSERVED, message);
}

static void note_told(const Message *message)
{
    int row = message->token >= 0 ? message->token : TOKENS_MAX;
    model.told[row][message->type] = (uint8_t)MIN(model.told[row][message->type] + 1, 2);
    model.unticked++;
}

static void near_take(const Message *message)
{
    static const ProviderEventType types[] = {[TELL_STARTED - TELL_STARTED] = PROVIDER_EVENT_STARTED,
                                              [TELL_ENDED - TELL_STARTED] = PROVIDER_EVENT_ENDED,
                                              [TELL_REFUSED - TELL_STARTED] = PROVIDER_EVENT_REFUSED,
                                              [TELL_LOST - TELL_STARTED] = PROVIDER_EVENT_LOST};
    note_told(message);
    if (message->type == TELL_OBSERVED)
        tell_observed(message);
    else
        tell(types[message->type - TELL_STARTED], message);
}

/* ---- far end ---- */

static void far_report(int token)
{
    static const MessageType ends[] = {
        [FAR_ENDED] = TELL_ENDED, [FAR_REFUSED] = TELL_REFUSED, [FAR_LOST] = TELL_LOST};
    if (model.far[token] != FAR_NONE && model.began[token])
        wire_put(TELL_STARTED, token);
    if (model.far[token] > FAR_RUNNING)
        wire_put(ends[model.far[token]], token);
}

static void far_begin(int token)
{
    for (int i = 0; i < model.tokens_len; i++) {
        if (i != token && model.far[i] == FAR_RUNNING)
            fail("invariant 3: two attempts overlap");
        if (model.began[i] && (i == token || model.attempts[i] == model.attempts[token]))
            fail("invariant 2: an attempt begins twice");
    }
    const AttemptRecord *row = durable_attempt(&model.tokens[token]);
    if (row->state == LAUNCH_REFUSED || row->state == LAUNCH_ENDED)
        fail("invariant 2: what is over begins");
    model.far[token] = FAR_RUNNING;
    model.began[token] = true;
}

typedef enum { TAKES, REFUSES } FarMood;

static void far_take(const Message *message, FarMood mood)
{
    int token = message->token;
    if (message->term < model.far_term)
        return; /* invariant 6 */
    switch (message->type) {
    case SEND_LAUNCH:
        if (model.far[token] == FAR_NONE && mood == REFUSES)
            model.far[token] = FAR_REFUSED;
        else if (model.far[token] == FAR_NONE)
            far_begin(token);
        far_report(token);
        return;
    case SEND_STOP:
        if (model.far[token] == FAR_NONE)
            model.far[token] = FAR_REFUSED;
        else if (model.far[token] == FAR_RUNNING)
            model.far[token] = FAR_ENDED;
        far_report(token);
        return;
    case SEND_SETTLED:
        if (model.far[token] > FAR_RUNNING)
            model.far[token] = FAR_NONE;
        return;
    case SEND_OBSERVE:
        model.far_term = message->term;
        for (int i = 0; i < model.tokens_len; i++)
            far_report(i);
        wire_put(TELL_OBSERVED, -1);
        return;
    case TELL_STARTED:
    case TELL_ENDED:
    case TELL_REFUSED:
    case TELL_LOST:
    case TELL_OBSERVED: break;
    }
    g_assert_not_reached();
}

/* ---- process ---- */

static void host(void)
{
    g_autoptr(GError) error = NULL;
    Ports ports = {.clock = {.now_ms = port_now, .wake_at = port_wake},
                   .store = {port_commit, port_load, port_reopen, port_term, NULL},
                   .work = {port_query, port_work, NULL},
                   .files = {port_remove, port_remove, NULL},
                   .log = {.line = port_log, .self = NULL},
                   .provider = &model.provider,
                   .entropy = {port_entropy, NULL}};
    ReconcilerOptions options = {.state_dir = "/nowhere", .mode = "test", .launch = true};
    model.term++;
    model.wake_ms = -1;
    model.retries = false;
    model.reconciler = reconciler_new(&ports, &options, &error);
    if (!model.reconciler)
        fail(error->message);
}

static void make_durable(void)
{
    records_take(model.records, g_queue_pop_head(&model.pending));
    /* Invariant 2 in the rows: at most one launch is open; one called refused never began. */
    int open = 0;
    for (GTreeNode *node = g_tree_node_first(model.records->tables[TABLE_ATTEMPT]); node;
         node = g_tree_node_next(node)) {
        const AttemptRecord *row = g_tree_node_value(node);
        int token = token_number(&row->token);
        open += row->state != LAUNCH_ENDED && row->state != LAUNCH_REFUSED;
        if (row->state == LAUNCH_REFUSED && token >= 0 && model.began[token])
            fail("invariant 2: what began is called refused");
        if (row->state == LAUNCH_ENDED && token >= 0 && model.far[token] == FAR_RUNNING)
            fail("invariant 3: what runs is called over");
    }
    if (open > 1)
        fail("invariant 2: two launches are open");
}

static void forget_connection(void)
{
    for (int i = model.wire_len - 1; i >= 0; i--)
        if (!to_far(&model.wire[i]) || model.wire[i].type == SEND_OBSERVE)
            wire_remove(i);
}

/* kept: how many of the batches that were handed over are on the disk all the same. */
static void crash(int kept)
{
    reconciler_free(g_steal_pointer(&model.reconciler));
    while (kept-- > 0)
        make_durable();
    g_queue_clear_full(&model.pending, (GDestroyNotify)batch_free);
    model.first = model.next;
    model.held_len = model.unticked = 0;
    memset(model.told, 0, sizeof model.told);
    forget_connection();
    host();
}

static void commit_fails(void)
{
    GError *error = g_error_new(STORE_ERROR, STORE_ERROR_FULL, "disk full");
    g_queue_clear_full(&model.pending, (GDestroyNotify)batch_free);
    model.retries = true;
    reconciler_committed(model.first, error, model.reconciler);
    g_error_free(error);
}

/* What the connection carried to us is lost; the observation says it again. */
static void reset(void)
{
    forget_connection();
    model.observing = true;
    wire_put(SEND_OBSERVE, -1);
}

/* ---- what can happen ---- */

/* Messages about one token keep their order; an observation comes after everything sent before it in its
 * direction, but for what an earlier process sent, which comes when it comes. */
static bool must_follow(const Message *message, const Message *other)
{
    if (to_far(other) != to_far(message) || other->term != message->term)
        return false;
    return other->token == message->token || other->token < 0 || message->token < 0;
}

static bool may_arrive(int at)
{
    for (int i = 0; i < at; i++)
        if (must_follow(&model.wire[at], &model.wire[i]))
            return false;
    return true;
}

static bool tick_is_due(void)
{
    return model.wake_ms >= 0 && (model.wake_ms <= model.now_ms + SOON_MS || model.retries);
}

static void run_tick(void)
{
    model.now_ms = MAX(model.now_ms, model.wake_ms);
    model.wake_ms = -1;
    model.unticked = 0;
    reconciler_tick(model.reconciler);
    world_check(reconciler_world(model.reconciler));
}

static void arrive(int at, FarMood mood, bool again)
{
    Message message = model.wire[at];
    if (!again)
        wire_remove(at);
    if (to_far(&message))
        far_take(&message, mood);
    else
        near_take(&message);
}

static void durable(void)
{
    make_durable();
    reconciler_committed(model.first++, NULL, model.reconciler);
}

static void end_task(int token, int exit_code)
{
    model.far[token] = FAR_ENDED;
    model.exit_codes[token] = exit_code;
    wire_put(TELL_ENDED, token);
}

/* ---- states ---- */

static void hash_add(uint64_t *hash, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        *hash = (*hash ^ (value >> (8 * i) & 0xff)) * UINT64_C(0x100000001b3);
}

/* Of messages that may overtake each other the order does not matter. */
static uint64_t wire_hash(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < model.wire_len; i++) {
        const Message *message = &model.wire[i];
        uint64_t hash = UINT64_C(0xcbf29ce484222325), before = 0;
        for (int j = 0; j < i; j++)
            before += must_follow(message, &model.wire[j]);
        hash_add(&hash, (uint64_t)message->type << 16 | (uint64_t)(message->token + 1) << 8 |
                            (model.term - message->term));
        hash_add(&hash, before);
        sum += hash;
    }
    return sum;
}

/* Tokens by their order; times and what only counts are left out. */
static uint64_t state_hash(void)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    const World *world = reconciler_world(model.reconciler);
    for (const Launch *launch = NULL; (launch = world_launch_next(world, launch));) {
        hash_add(&hash, (uint64_t)(token_number(&launch->token) + 2));
        hash_add(&hash, (uint64_t)launch->state << 8 | (uint64_t)launch->attempt << 4 | launch->stopping);
    }
    for (const Job *job = world_job_next(world, 0); job; job = world_job_next(world, job->sequence))
        hash_add(&hash, (uint64_t)job->state << 8 | (uint64_t)job->attempts);
    for (GTreeNode *node = g_tree_node_first(model.records->tables[TABLE_ATTEMPT]); node;
         node = g_tree_node_next(node)) {
        const AttemptRecord *row = g_tree_node_value(node);
        hash_add(&hash, (uint64_t)(token_number(&row->token) + 2) << 8 | (uint64_t)row->state);
    }
    for (GList *at = model.pending.head; at; at = at->next) {
        size_t len;
        const AttemptRecord *rows = batch_attempt(at->data, &len);
        hash_add(&hash, 77);
        for (size_t i = 0; i < len; i++)
            hash_add(&hash, (uint64_t)(token_number(&rows[i].token) + 2) << 8 | (uint64_t)rows[i].state);
        batch_job(at->data, &len);
        hash_add(&hash, len);
    }
    for (int i = 0; i < model.tokens_len; i++)
        hash_add(&hash,
                 (uint64_t)model.far[i] << 8 | (uint64_t)model.began[i] << 4 | (uint64_t)model.exit_codes[i]);
    hash_add(&hash, wire_hash());
    for (int i = 0; i < model.held_len; i++)
        hash_add(&hash, (uint64_t)model.held[i]);
    for (int i = 0; i <= TOKENS_MAX; i++)
        for (int type = 0; type <= TELL_OBSERVED; type++)
            hash_add(&hash, model.told[i][type]);
    hash_add(&hash, (uint64_t)model.unticked);
    hash_add(&hash, model.term - model.far_term);
    hash_add(&hash,
             (uint64_t)model.observing << 3 | (uint64_t)model.retries << 2 | (uint64_t)tick_is_due() << 1);
    const Budget *budget = &model.budget;
    int left[] = {budget->crashes,  budget->failed_commits, budget->twice,
                  budget->refusals, budget->lost_tasks,     budget->resets};
    for (size_t i = 0; i < G_N_ELEMENTS(left); i++)
        hash_add(&hash, (uint64_t)left[i]);
    return hash ? hash : 1;
}

/* False: it was there already. */
static bool remember(uint64_t hash)
{
    for (uint64_t slot = hash % SEEN_SLOTS, tries = 0; tries < SEEN_SLOTS;
         slot = (slot + 1) % SEEN_SLOTS, tries++) {
        if (shared->seen[slot] == hash)
            return false;
        if (shared->seen[slot] == 0) {
            shared->seen[slot] = hash;
            return true;
        }
    }
    fail("more states than there is room for");
    return false;
}

/* ---- from here on nothing goes wrong ---- */

static bool all_is_over(void)
{
    const Job *job = world_job_next(reconciler_world(model.reconciler), 0);
    bool over = !job || job_state_final(job->state);
    for (int i = 0; i < model.tokens_len; i++)
        over = over && model.far[i] == FAR_NONE;
    return over && model.pending.length == 0 && !tick_is_due();
}

static void drop_late(void)
{
    for (int i = model.wire_len - 1; i >= 0; i--)
        if (model.wire[i].term < model.far_term && to_far(&model.wire[i]))
            wire_remove(i);
}

static bool go_on(void)
{
    drop_late();
    if (tick_is_due()) {
        run_tick();
        return true;
    }
    if (model.pending.length) {
        durable();
        return true;
    }
    for (int i = 0; i < model.wire_len; i++)
        if (may_arrive(i)) {
            arrive(i, TAKES, false);
            return true;
        }
    for (int i = 0; i < model.tokens_len; i++)
        if (model.far[i] == FAR_RUNNING) {
            end_task(i, 0);
            return true;
        }
    return false;
}

static void complete(void)
{
    uint64_t steps = 0;
    note("from here on nothing goes wrong");
    while (steps < 400 && go_on())
        steps++;
    if (!all_is_over())
        fail("invariant 11: it does not come to an end");
    if (steps > shared->longest)
        shared->longest = steps;
    shared->completions++;
}

/* ---- exploring ---- */

static void explore(void);

/* True in the child, which then takes the step. */
static bool branch(void)
{
    pid_t child = fork();
    g_assert(child >= 0);
    if (child == 0)
        return true;
    int status;
    while (waitpid(child, &status, 0) < 0)
        g_assert(errno == EINTR);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        _exit(1); /* it has said why */
    shared->edges++;
    return false;
}

#define STEP(text, token, action)                                                                            \
    if (branch()) {                                                                                          \
        note("%s %d", text, token);                                                                          \
        action;                                                                                              \
        explore();                                                                                           \
        _exit(0);                                                                                            \
    }

static const char *message_text(MessageType type)
{
    switch (type) {
    case SEND_LAUNCH: return "arrives: launch";
    case SEND_STOP: return "arrives: stop";
    case SEND_SETTLED: return "arrives: settled";
    case SEND_OBSERVE: return "arrives: observe";
    case TELL_STARTED: return "told: started";
    case TELL_ENDED: return "told: ended";
    case TELL_REFUSED: return "told: refused";
    case TELL_LOST: return "told: lost";
    case TELL_OBSERVED: return "told: observed";
    }
    g_assert_not_reached();
}

static void explore_messages(void)
{
    for (int i = 0; i < model.wire_len; i++) {
        const Message *message = &model.wire[i];
        if (!may_arrive(i))
            continue;
        STEP(message_text(message->type), message->token, arrive(i, TAKES, false))
        if (message->type == SEND_LAUNCH && model.budget.refusals > 0)
            STEP("refused: launch", message->token, (model.budget.refusals--, arrive(i, REFUSES, false)))
        if (message->token >= 0 && model.budget.twice > 0)
            STEP("comes, and will come again: message", message->token,
                 (model.budget.twice--, arrive(i, TAKES, true)))
        if (to_far(message) && message->term < model.term)
            STEP("lost: old message", message->token, wire_remove(i))
    }
}

static void explore_tasks(void)
{
    for (int i = 0; i < model.tokens_len; i++) {
        if (model.far[i] != FAR_RUNNING)
            continue;
        STEP("succeeds: task", i, end_task(i, 0))
        STEP("fails: task", i, end_task(i, 1))
        if (model.budget.lost_tasks > 0)
            STEP("lost: task", i,
                 (model.budget.lost_tasks--, model.far[i] = FAR_LOST, wire_put(TELL_LOST, i)))
    }
}

static void explore_faults(void)
{
    for (int kept = 0; model.budget.crashes > 0 && kept <= (int)model.pending.length; kept++)
        STEP("crash, batches kept:", kept, (model.budget.crashes--, crash(kept)))
    if (model.budget.failed_commits > 0 && model.pending.length)
        STEP("commit fails", 0, (model.budget.failed_commits--, commit_fails()))
    if (model.budget.resets > 0 && !model.observing)
        STEP("connection breaks", 0, (model.budget.resets--, reset()))
}

static void explore(void)
{
    if (!remember(state_hash()))
        return;
    shared->states++;
    if (branch()) {
        complete();
        _exit(0);
    }
    if (tick_is_due())
        STEP("tick", 0, run_tick())
    if (model.pending.length)
        STEP("durable", 0, durable())
    explore_messages();
    explore_tasks();
    explore_faults();
}

/* ---- the tests ---- */

static void setup(const Budget *budget, const char *definition)
{
    model = (Model){.records = records_new(), .first = 1, .next = 1, .now_ms = 1000000, .budget = *budget};
    model.provider =
        (Provider){.start = near_start, .launch = near_launch, .stop = near_stop, .settled = near_settled};
    g_autoptr(World) world = fixture_world();
    fixture_definition(world, "twice", 1, 16, ",\"retryStrategy\":{\"attempts\":2}");
    fixture_job(world, 1, definition, "");
    records_take(model.records, world_take_batch(world));
}

static void run(const char *name, const Budget *budget, const char *definition)
{
    memset(shared, 0, sizeof *shared);
    pid_t child = fork();
    g_assert(child >= 0);
    if (child == 0) {
        setup(budget, definition);
        host();
        explore();
        _exit(0);
    }
    int status;
    g_assert(waitpid(child, &status, 0) == child);
    g_test_message("%s: %" PRIu64 " states, %" PRIu64 " steps, at most %" PRIu64 " to the end", name,
                   shared->states, shared->edges, shared->longest);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    g_assert_cmpuint(shared->completions, ==, shared->states);
}

typedef struct {
    const char *name, *definition;
    Budget budget;
} Case;

/* What may go wrong, at most. The deep ones take minutes: with PROTOCOL_DEEP set. */
static const Case cases[] = {
    {"crash-and-failed-commit", "one", {.crashes = 1, .failed_commits = 1}},
    {"refused", "one", {.refusals = 1}},
    {"twice", "one", {.twice = 1}},
    {"lost", "twice", {.lost_tasks = 1}},
    {"reset-and-failed-commit", "one", {.resets = 1, .failed_commits = 1}},
};
static const Case deep_cases[] = {
    {"crashes", "one", {.crashes = 2}},
    {"crash-and-twice", "one", {.crashes = 1, .twice = 1}},
    {"crash-and-lost", "twice", {.crashes = 1, .lost_tasks = 1}},
    {"crash-and-refused", "one", {.crashes = 1, .refusals = 1}},
    {"crash-and-reset", "one", {.crashes = 1, .resets = 1}},
    {"failed-commits", "twice", {.failed_commits = 2}},
};

static void test_case(gconstpointer data)
{
    const Case *one = data;
    run(one->name, &one->budget, one->definition);
}

static void add_cases(const Case *list, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        g_autofree char *path = g_strdup_printf("/protocol/%s", list[i].name);
        g_test_add_data_func(path, &list[i], test_case);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_assert(shared != MAP_FAILED);
    add_cases(cases, G_N_ELEMENTS(cases));
    if (g_getenv("PROTOCOL_DEEP"))
        add_cases(deep_cases, G_N_ELEMENTS(deep_cases));
    return g_test_run();
}
