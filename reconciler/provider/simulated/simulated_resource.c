/* simulated_resource.c: what the far end holds of resources, people who change it there, and the near end
 * that asks for it and tells of it. */
#include "reconciler/provider/simulated/simulated_internal.h"
#include <jansson.h>

/* What the far end keeps of a spec. */
static const char *const fields[] = {"spec.state", "spec.computeResources.minvCpus",
                                     "spec.computeResources.maxvCpus", "spec.computeResources.tags"};

/* ---- orders ---- */

ResourceOrder *resource_order_copy(const ResourceOrder *order)
{
    ResourceOrder *copy = g_memdup2(order, sizeof *order);
    copy->name = g_strdup(order->name);
    copy->text = g_strdup(order->text);
    copy->keep = g_strdupv(order->keep);
    copy->pins = g_strdup(order->pins);
    return copy;
}

void resource_order_free(void *data)
{
    ResourceOrder *order = data;
    if (!order)
        return;
    g_free(order->name);
    g_free(order->text);
    g_strfreev(order->keep);
    g_free(order->pins);
    g_free(order);
}

static bool is_of(const ResourceOrder *order, Kind kind, const char *name)
{
    return order->kind == kind && strcmp(order->name, name) == 0;
}

/* ---- JSON by paths ---- */

static json_t *member_at(json_t *spec, const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, ".", -1);
    json_t *at = spec;
    for (guint i = 1; names[i]; i++) /* the first is "spec" */
        at = json_object_get(at, names[i]);
    return at;
}

/* value is taken; NULL: it goes. */
static void set_at(json_t *spec, const char *path, json_t *value)
{
    g_auto(GStrv) names = g_strsplit(path, ".", -1);
    json_t *at = spec;
    guint last = g_strv_length(names) - 1;
    for (guint i = 1; i < last; i++) {
        if (!json_object_get(at, names[i]))
            json_object_set_new(at, names[i], json_object());
        at = json_object_get(at, names[i]);
    }
    if (value)
        json_object_set_new(at, names[last], value);
    else
        json_object_del(at, names[last]);
    if (last == 2 && json_object_size(at) == 0)
        json_object_del(spec, names[1]);
}

static char *text_of(const json_t *value)
{
    char *dumped = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS), *text = g_strdup(dumped);
    free(dumped); /* jansson's allocator is malloc */
    return text;
}

/* ---- the far end ---- */

void held_free(void *data)
{
    FarResource *held = data;
    g_free(held->name);
    json_decref(held->spec);
    g_free(held);
}

static FarResource *held_find(const Simulated *simulated, Kind kind, const char *name)
{
    for (guint i = 0; i < simulated->held->len; i++) {
        FarResource *held = simulated->held->pdata[i];
        if (held->kind == kind && strcmp(held->name, name) == 0)
            return held;
    }
    return NULL;
}

static char *observed_of(const FarResource *held)
{
    if (!held->spec)
        return NULL;
    json_t *observed = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        json_t *value = member_at(held->spec, fields[i]);
        json_object_set_new(observed, fields[i], value ? json_incref(value) : json_null());
    }
    char *text = text_of(observed);
    json_decref(observed);
    return text;
}

/* NULL: no machines are made of it. New string. */
static char *pins_of(const Simulated *simulated, const FarResource *held)
{
    return held->image ? g_strdup_printf("{\"newest\":{\"image\":\"%d\"},\"pinned\":{\"image\":\"%d\"}}",
                                         simulated->newest_image, held->image)
                       : NULL;
}

typedef enum { MAY_BE_LOST, SURE } Delivery;

static void tell(Simulated *simulated, ProviderEventType type, const ResourceOrder *order, Delivery delivery)
{
    Message message = {.type = MESSAGE_EVENT,
                       .connection = simulated->connection,
                       .event = {.type = type, .is_complete = true},
                       .resource = (ResourceOrder *)(uintptr_t)order};
    simulated->held_told_ms = simulated_arrival(simulated, simulated->held_told_ms);
    if (delivery == SURE || !simulated_strikes(simulated, simulated->faults.lost_permille))
        simulated_send(simulated, &message, simulated->held_told_ms);
    if (!simulated_strikes(simulated, simulated->faults.twice_permille))
        return;
    simulated->held_told_ms = simulated_arrival(simulated, simulated->held_told_ms);
    simulated_send(simulated, &message, simulated->held_told_ms);
}

static void tell_held(Simulated *simulated, ProviderEventType type, const FarResource *held,
                      Delivery delivery)
{
    g_autofree char *observed = observed_of(held), *pins = pins_of(simulated, held);
    ResourceOrder order = {.kind = held->kind,
                           .name = held->name,
                           .text = observed,
                           .pins = pins,
                           .digest = held->digest,
                           .number = held->number};
    tell(simulated, type, &order, delivery);
}

int64_t far_resources_tell(Simulated *simulated)
{
    for (guint i = 0; i < simulated->held->len; i++) {
        const FarResource *held = simulated->held->pdata[i];
        if (held->spec)
            tell_held(simulated, PROVIDER_EVENT_RESOURCE_OBSERVED, held, SURE);
    }
    return simulated->held_told_ms;
}

/* As it is pinned; looked up now where it is not. */
static int image_of(const Simulated *simulated, const ResourceOrder *order)
{
    json_t *pins = order->pins ? json_loads(order->pins, 0, NULL) : NULL;
    const char *image = json_string_value(json_object_get(pins, "image"));
    int number = !order->machines ? 0
                 : image          ? (int)g_ascii_strtoll(image, NULL, 10)
                                  : simulated->newest_image;
    json_decref(pins);
    return number;
}

/* What is to be left stays as it is there. */
static void make(const Simulated *simulated, FarResource *held, const ResourceOrder *order)
{
    json_t *spec = json_loads(order->text, 0, NULL);
    for (guint i = 0; held->spec && order->keep && order->keep[i]; i++) {
        json_t *value = member_at(held->spec, order->keep[i]);
        set_at(spec, order->keep[i], value ? json_deep_copy(value) : NULL);
    }
    json_decref(held->spec);
    held->spec = spec;
    held->digest = order->digest;
    held->number = order->number;
    held->image = image_of(simulated, order);
}

static FarResource *held_add(Simulated *simulated, const ResourceOrder *order)
{
    FarResource *held = g_new0(FarResource, 1);
    held->kind = order->kind;
    held->name = g_strdup(order->name);
    g_ptr_array_add(simulated->held, held);
    return held;
}

static void drop(Simulated *simulated, const ResourceOrder *order, FarResource *held)
{
    ResourceOrder gone = {.kind = order->kind, .name = order->name, .number = order->number};
    if (held)
        g_ptr_array_remove(simulated->held, held);
    tell(simulated, PROVIDER_EVENT_RESOURCE_APPLIED, &gone, MAY_BE_LOST);
}

void far_resource_take(Simulated *simulated, const Message *message)
{
    const ResourceOrder *order = message->resource;
    FarResource *held = held_find(simulated, order->kind, order->name);
    ResourceOrder refused = {.kind = order->kind, .name = order->name, .number = order->number};
    if (held && order->number < held->number)
        return; /* it was overtaken */
    bool is_done = held && order->number == held->number;
    if (!is_done && simulated_strikes(simulated, simulated->faults.refuse_permille)) {
        tell(simulated, PROVIDER_EVENT_RESOURCE_REFUSED, &refused, MAY_BE_LOST);
        return;
    }
    if (!order->text) {
        drop(simulated, order, held);
        return;
    }
    held = held ? held : held_add(simulated, order);
    if (!is_done)
        make(simulated, held, order);
    tell_held(simulated, PROVIDER_EVENT_RESOURCE_APPLIED, held, MAY_BE_LOST);
}

/* ---- people ---- */

static json_t *drawn_value(size_t field, Rng *rng)
{
    static const char *const owners[] = {"finance", "platform", "nobody"};
    if (rng_below(rng, 6) == 0)
        return NULL;
    if (field == 0)
        return json_string("DISABLED");
    if (field < 3)
        return json_integer(rng_between(rng, 0, 500));
    return json_pack("{s:s}", "owner", owners[rng_below(rng, G_N_ELEMENTS(owners))]);
}

bool simulated_meddle(Simulated *simulated, Rng *rng)
{
    if (simulated->held->len == 0)
        return false;
    guint at = (guint)rng_below(rng, simulated->held->len);
    FarResource *held = simulated->held->pdata[at];
    size_t field = (size_t)rng_below(rng, G_N_ELEMENTS(fields));
    if (rng_below(rng, 12) == 0)
        g_clear_pointer(&held->spec, json_decref);
    else if (held->spec)
        set_at(held->spec, fields[field], drawn_value(field, rng));
    return true;
}

void simulated_release(Simulated *simulated)
{
    simulated->newest_image++;
}

int simulated_image(const Simulated *simulated, const char *environment, int *ret_newest)
{
    const FarResource *held = held_find(simulated, KIND_COMPUTE_ENVIRONMENT, environment);
    *ret_newest = simulated->newest_image;
    return held ? held->image : 0;
}

void simulated_look(Simulated *simulated)
{
    for (guint i = 0; simulated->func && i < simulated->held->len; i++)
        tell_held(simulated, PROVIDER_EVENT_RESOURCE_OBSERVED, simulated->held->pdata[i], MAY_BE_LOST);
}

size_t simulated_held_len(const Simulated *simulated)
{
    size_t len = 0;
    for (guint i = 0; i < simulated->held->len; i++)
        len += ((const FarResource *)simulated->held->pdata[i])->spec != NULL;
    return len;
}

char *simulated_held(const Simulated *simulated, Kind kind, const char *name, Digest *ret_digest)
{
    const FarResource *held = held_find(simulated, kind, name);
    if (!held || !held->spec)
        return NULL;
    *ret_digest = held->digest;
    return text_of(held->spec);
}

/* ---- the near end ---- */

void near_resource_free(void *data)
{
    NearResource *near = data;
    resource_order_free(near->order);
    g_free(near);
}

static NearResource *near_find(const Simulated *simulated, Kind kind, const char *name)
{
    for (guint i = 0; i < simulated->near_resources->len; i++) {
        NearResource *near = simulated->near_resources->pdata[i];
        if (is_of(near->order, kind, name))
            return near;
    }
    return NULL;
}

static void send_order(Simulated *simulated, NearResource *near)
{
    Message message = {.type = MESSAGE_APPLY, .term = simulated->term, .resource = near->order},
            retry = {.type = MESSAGE_RETRY, .connection = simulated->connection, .resource = near->order};
    near->sent_ms = simulated_arrival(simulated, near->sent_ms);
    if (!simulated_strikes(simulated, simulated->faults.lost_permille))
        simulated_send(simulated, &message, near->sent_ms);
    if (simulated_strikes(simulated, simulated->faults.twice_permille)) {
        near->sent_ms = simulated_arrival(simulated, near->sent_ms);
        simulated_send(simulated, &message, near->sent_ms);
    }
    if (near->has_timer)
        return;
    near->has_timer = true;
    simulated_send(simulated, &retry, simulated->now_ms + MAX(simulated->faults.retry_ms, 1));
}

void near_resource_retry(Simulated *simulated, const ResourceOrder *order)
{
    NearResource *near = near_find(simulated, order->kind, order->name);
    if (!near)
        return;
    near->has_timer = false;
    if (!near->is_answered && !simulated->observing)
        send_order(simulated, near);
}

/* The connection is another one, or its observation is done. */
void near_resources_ask_again(Simulated *simulated)
{
    for (guint i = 0; i < simulated->near_resources->len; i++) {
        NearResource *near = simulated->near_resources->pdata[i];
        near->has_timer = false;
        if (!near->is_answered && !simulated->observing)
            send_order(simulated, near);
    }
}

void near_resource_told(Simulated *simulated, const ResourceOrder *order, ProviderEvent *event)
{
    NearResource *near = near_find(simulated, order->kind, order->name);
    event->kind = order->kind;
    event->resource = order->name;
    event->number = order->number;
    event->applied = order->digest;
    event->observed = order->text;
    event->pins = order->pins;
    if (event->type == PROVIDER_EVENT_RESOURCE_REFUSED)
        event->reason = "Throttling: refused by the simulation";
    if (near && event->type != PROVIDER_EVENT_RESOURCE_OBSERVED && near->order->number == order->number)
        near->is_answered = true;
}

void near_resources_apply(Provider *provider, const ResourceRequest *requests, size_t len)
{
    Simulated *simulated = (Simulated *)provider;
    for (size_t i = 0; i < len; i++) {
        const ResourceRequest *request = &requests[i];
        ResourceOrder order = {.kind = request->kind,
                               .name = (char *)(uintptr_t)request->name,
                               .text = (char *)(uintptr_t)request->spec,
                               .keep = (char **)(uintptr_t)request->keep,
                               .pins = (char *)(uintptr_t)request->pins,
                               .machines = request->machines,
                               .digest = request->digest,
                               .number = request->number};
        NearResource *near = near_find(simulated, request->kind, request->name);
        if (!near) {
            near = g_new0(NearResource, 1);
            g_ptr_array_add(simulated->near_resources, near);
        }
        resource_order_free(near->order);
        near->order = resource_order_copy(&order);
        near->is_answered = false;
        simulated->term = MAX(simulated->term, request->term);
        if (!simulated->observing)
            send_order(simulated, near);
    }
}
