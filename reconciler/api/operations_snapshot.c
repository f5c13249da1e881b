/* operations_snapshot.c: the committed state, redacted, for plans elsewhere. */
#include "reconciler/api/operation.h"
#include "reconciler/api/state_publish.h"

typedef struct {
    char *state_dir;
    GString *text; /* NULL: not gathered yet */
} Snapshot;

static void snapshot_free(void *data)
{
    Snapshot *snapshot = data;
    if (snapshot->text)
        g_string_free(snapshot->text, TRUE);
    g_free(snapshot->state_dir);
    g_free(snapshot);
}

void snapshot_gather(StoreReader *reader, Call *call)
{
    Snapshot *snapshot = call->state;
    g_autoptr(GError) error = NULL;
    g_autofree char *installation = installation_ensure(snapshot->state_dir, &error);
    snapshot->text = g_string_new(NULL);
    if (!installation || !state_snapshot_of(reader, installation, snapshot->text, &error))
        call->gather_error = g_strdup(error->message);
}

OperationStep snapshot_step(OperationContext *context, Call *call)
{
    Snapshot *snapshot = call->state;
    if (!snapshot) {
        call->state = snapshot = g_new0(Snapshot, 1);
        call->state_free = snapshot_free;
        snapshot->state_dir = g_strdup(context->facts->state_dir);
        return STEP_GATHER;
    }
    if (call->gather_error)
        return call_fail(call, FAULT_INTERNAL, "%s", call->gather_error);
    return call_done(call, json_pack("{s:s%}", "snapshot", snapshot->text->str, snapshot->text->len));
}
