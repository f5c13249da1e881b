/* reconcile_calls.c: requests: stepped on the loop, gathered off it, answered when durable. */
#include "reconciler/reconcile_internal.h"
#include <malloc.h>

static void trim_work(void *data)
{
    (void)data;
    malloc_trim(0);
}

/* The thread that read the requests has a heap of its own, which keeps what it once had. */
static void trim(const WorkPort *work)
{
    static const PortLoad load = {.run = trim_work};
    work->load(work->self, &load, NULL);
}

void calls_answer(Reconciler *reconciler, Call *call)
{
    if (call->is_large)
        trim(&reconciler->ports.work);
    g_ptr_array_add(reconciler->outgoing->answers, call);
}

void calls_refuse(Reconciler *reconciler, Call *call, Fault fault, const char *message)
{
    operation_fault(&call->result, call->operation->batch, fault, message);
    calls_let_go(reconciler, call);
}

void calls_let_go(Reconciler *reconciler, Call *call)
{
    meter_answered(reconciler, call);
    call->answer(call);
}

/* ---- the query thread
 * ---------------------------------------------------------------------------------------------------- */

typedef struct {
    Reconciler *reconciler;
    Call *call;
} Gathering;

static void gather(StoreReader *reader, const char *error, void *data)
{
    Call *call = ((Gathering *)data)->call;
    if (reader)
        call->operation->gather(reader, call);
    else
        call->gather_error = g_strdup(error);
}

static void gathered(void *data)
{
    Gathering *gathering = data;
    Reconciler *reconciler = gathering->reconciler;
    reconciler->gathering--;
    reconciler_take_call(reconciler, gathering->call);
    g_free(gathering);
}

static void start_gathering(Reconciler *reconciler, Call *call)
{
    Gathering *gathering = g_new(Gathering, 1);
    *gathering = (Gathering){reconciler, call};
    reconciler->gathering++;
    reconciler->ports.work.query(reconciler->ports.work.self, gather, gathered, gathering);
}

/* ---- stepping
 * ---------------------------------------------------------------------------------------------------------------
 */

void reconciler_take_call(Reconciler *reconciler, Call *call)
{
    if (reconciler->fault) {
        calls_refuse(reconciler, call, FAULT_INTERNAL, reconciler->fault->message);
        return;
    }
    meter_call_taken(reconciler, call);
    g_queue_push_tail(&reconciler->calls, call);
    reconciler_wake(reconciler);
}

/* Waiters look again when something changed; those over many jobs not more often than they asked for. */
static void wake_waiters(Reconciler *reconciler)
{
    guint kept = 0;
    for (guint i = 0; i < reconciler->waiters->len; i++) {
        Call *call = reconciler->waiters->pdata[i];
        bool late = call->deadline_ms && reconciler->now_ms >= call->deadline_ms;
        bool due = reconciler->waiters_due ? reconciler->now_ms >= call->not_before_ms
                                           : call->not_before_ms && reconciler->now_ms >= call->not_before_ms;
        if (due || late || reconciler->draining)
            g_queue_push_tail(&reconciler->calls, call);
        else
            reconciler->waiters->pdata[kept++] = call;
    }
    g_ptr_array_set_size(reconciler->waiters, (gint)kept);
    reconciler->waiters_due = false;
}

static void step_call(Reconciler *reconciler, Call *call)
{
    OperationContext context = reconciler_context(reconciler);
    if (call->operation->changes && reconciler->refusal) {
        calls_refuse(reconciler, call, FAULT_BUSY, reconciler->refusal);
        return;
    }
    context.offline = reconciler->draining; /* long polls end */
    OperationStep step = call->operation->step(&context, call);
    if (context.resources_changed)
        reconciler_epoch_advance(reconciler);
    switch (step) {
    case STEP_DONE: calls_answer(reconciler, call); break;
    case STEP_GATHER: start_gathering(reconciler, call); break;
    case STEP_WAIT: g_ptr_array_add(reconciler->waiters, call); break;
    case STEP_AGAIN: g_queue_push_tail(&reconciler->calls, call); break;
    case STEP_APPLY: apply_take(reconciler, call); break;
    }
}

void calls_run(Reconciler *reconciler)
{
    wake_waiters(reconciler);
    /* Those that ask for another slice are pushed to the tail and wait for the next tick. */
    guint len = MIN(g_queue_get_length(&reconciler->calls), CALLS_MAX);
    for (guint i = 0; i < len && (i == 0 || budget_left(&reconciler->budget)); i++)
        step_call(reconciler, g_queue_pop_head(&reconciler->calls));
}

int64_t calls_deadline_ms(const Reconciler *reconciler)
{
    int64_t next_ms = 0;
    for (guint i = 0; i < reconciler->waiters->len; i++) {
        const Call *call = reconciler->waiters->pdata[i];
        int64_t at_ms = call->deadline_ms;
        if (call->not_before_ms > reconciler->now_ms)
            at_ms = MIN(at_ms, call->not_before_ms);
        next_ms = next_ms == 0 ? at_ms : MIN(next_ms, at_ms);
    }
    return next_ms;
}

/* Of what changes state some may be done already: only looking and waiting go on with the next host. */
static void fail_call(Reconciler *reconciler, Call *call, Fault fault, const char *message)
{
    bool is_partly_done = fault == FAULT_STOPPING && call->operation->changes;
    calls_refuse(reconciler, call, is_partly_done ? FAULT_BUSY : fault, message);
}

void calls_fail_all(Reconciler *reconciler, Fault fault, const char *message)
{
    for (Call *call; (call = g_queue_pop_head(&reconciler->calls));)
        fail_call(reconciler, call, fault, message);
    for (guint i = 0; i < reconciler->waiters->len; i++)
        fail_call(reconciler, reconciler->waiters->pdata[i], fault, message);
    g_ptr_array_set_size(reconciler->waiters, 0);
    for (guint i = 0; i < reconciler->outgoing->answers->len; i++)
        fail_call(reconciler, reconciler->outgoing->answers->pdata[i], fault, message);
    g_ptr_array_set_size(reconciler->outgoing->answers, 0);
    for (GList *at = reconciler->in_flight.head; at; at = at->next) {
        Outgoing *outgoing = at->data;
        for (guint i = 0; i < outgoing->answers->len; i++)
            fail_call(reconciler, outgoing->answers->pdata[i], fault, message);
        g_ptr_array_set_size(outgoing->answers, 0);
    }
    applies_reset(reconciler, message);
}
