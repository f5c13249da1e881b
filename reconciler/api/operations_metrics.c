/* operations_metrics.c: `metrics` and `ready`: what whoever watches the process asks for. */
#include "reconciler/api/metrics.h"

OperationStep metrics_step(OperationContext *context, Call *call)
{
    return call_done_text(call, metrics_text(context));
}

/* An answer is as good as any other's: it left after what was decided before it was durable. So there being
 * one says that the engine turns and commits. */
OperationStep ready_step(OperationContext *context, Call *call)
{
    json_t *body = json_object();
    json_object_set_new(body, "ready", json_boolean(!context->refusal && !context->offline));
    json_set_text(body, "reason",
                  context->refusal   ? context->refusal
                  : context->offline ? "muster stops"
                                     : NULL);
    return call_done(call, body);
}
