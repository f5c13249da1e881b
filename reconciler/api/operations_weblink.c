/* operations_weblink.c: `weblink`: a link that signs in to the web page. Where there is one, the door makes
 * it before it comes here (web/web_door.h), so that nothing of it is recorded. */
#include "reconciler/api/operation.h"

OperationStep weblink_step(OperationContext *context, Call *call)
{
    (void)context;
    return call_fail(call, FAULT_REFUSED,
                     "the web page is served over TCP, and this daemon listens at no address: start it with "
                     "muster serve --listen :8080");
}
