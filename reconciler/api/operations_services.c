/* operations_services.c: Batch's service environments, service jobs and quota shares: they are for SageMaker
 * alone, and nothing here runs them. What lists them has none, what names one finds none, and none is made.
 */
#include "reconciler/api/declare.h"
#include "reconciler/api/page.h"

typedef enum { SERVICE_MAKE, SERVICE_FIND, SERVICE_LIST } ServiceAct;

typedef struct {
    const char *operation;
    ServiceAct act;
    const char *what;
    const char *member; /* FIND: of the request, which names one; LIST: of the answer */
} ServiceOperation;

static const ServiceOperation services[] = {
    {"createserviceenvironment", SERVICE_MAKE, "service environments", NULL},
    {"updateserviceenvironment", SERVICE_FIND, "Service environment", "serviceEnvironment"},
    {"deleteserviceenvironment", SERVICE_FIND, "Service environment", "serviceEnvironment"},
    {"describeserviceenvironments", SERVICE_LIST, "", "serviceEnvironments"},
    {"submitservicejob", SERVICE_MAKE, "service jobs", NULL},
    {"updateservicejob", SERVICE_FIND, "Service job", "jobId"},
    {"terminateservicejob", SERVICE_FIND, "Service job", "jobId"},
    {"describeservicejob", SERVICE_FIND, "Service job", "jobId"},
    {"listservicejobs", SERVICE_LIST, "", "jobSummaryList"},
    {"createquotashare", SERVICE_MAKE, "quota shares", NULL},
    {"updatequotashare", SERVICE_FIND, "Quota share", "quotaShareArn"},
    {"deletequotashare", SERVICE_FIND, "Quota share", "quotaShareArn"},
    {"describequotashare", SERVICE_FIND, "Quota share", "quotaShareArn"},
    {"listquotashares", SERVICE_LIST, "", "quotaShares"},
};

static OperationStep find_none(Call *call, const ServiceOperation *service)
{
    const char *name;
    if (!request_required(call, service->member, &name))
        return STEP_DONE;
    return call_fail(call, FAULT_NOT_FOUND, "%s %s does not exist", service->what, name);
}

static OperationStep list_none(Call *call, const ServiceOperation *service)
{
    Page page;
    if (!page_begin(call, PAGE_MAX, &page))
        return STEP_DONE;
    return page_done(call, &page, service->member);
}

OperationStep service_step(OperationContext *context, Call *call)
{
    (void)context;
    const ServiceOperation *service = services;
    while (strcmp(service->operation, call->operation->name) != 0)
        service++;
    switch (service->act) {
    case SERVICE_MAKE: return call_fail(call, FAULT_INVALID, "%s are not supported", service->what);
    case SERVICE_FIND: return find_none(call, service);
    case SERVICE_LIST: return list_none(call, service);
    }
    g_assert_not_reached();
}
