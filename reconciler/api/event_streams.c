/* event_streams.c: see event_streams.h. */
#include "reconciler/api/event_streams.h"
#include <string.h>
#include "spec/base/units.h"

#define PAGE        1000                            /* events at a time */
#define WAITING_MAX (LISTENER_STREAM_BYTES_MAX / 4) /* who has more waiting is told later */

typedef struct {
    EventStreams *all;
    ListenerStream *stream; /* NULL: gone, and only a call still knows it */
    uint64_t position;      /* the last event that it was told */
    bool is_asking;         /* for what it has missed */
    int64_t next_us;        /* not before */
} Listening;

struct EventStreams {
    GPtrArray *list;        /* of Listening* */
    uint64_t durable, head; /* head: up to where those who are up to date were told */
    bool is_asking, is_stopping;
    int64_t next_us; /* not before */
    GSource *timer;  /* NULL: nothing is due */
    GSource *quiet;  /* while there are any */
    ClockPort clock;
    void (*call)(Call *call, void *data);
    void *data;
};

static void look(EventStreams *streams);

static int64_t now_us(const EventStreams *streams)
{
    return streams->clock.monotonic_us(streams->clock.self);
}

/* ---- texts ---- */

/* Every line of a text has to begin anew; JSON in one line has none. */
static GBytes *events_text(const json_t *events)
{
    GString *text = g_string_new(NULL);
    const json_t *event;
    size_t i;
    json_array_foreach(events, i, event)
    {
        char *json = json_dumps(event, JSON_COMPACT);
        g_string_append_printf(text, "id: %" JSON_INTEGER_FORMAT "\nevent: %s\ndata: %s\n\n",
                               json_integer_value(json_object_get(event, "sequence")),
                               json_string_value(json_object_get(event, "type")), json);
        free(json);
    }
    return g_string_free_to_bytes(text);
}

static void tell_all(EventStreams *streams, const char *text)
{
    g_autoptr(GBytes) piece = g_bytes_new(text, strlen(text));
    for (guint i = 0; i < streams->list->len; i++)
        listener_stream_add(((Listening *)streams->list->pdata[i])->stream, piece);
}

/* ---- asking ---- */

static void ask(const EventStreams *streams, uint64_t after, void (*answer)(Call *call), void *owner)
{
    Call *call = call_new(operation_find_name("events"),
                          json_pack("{s:I,s:i}", "after", (json_int_t)after, "limit", PAGE));
    call->answer = answer;
    call->owner = owner;
    streams->call(call, streams->data);
}

static bool is_slow(const Listening *listening)
{
    return listener_stream_waiting(listening->stream) > WAITING_MAX;
}

/* What those who are up to date have not been told. */
static void on_news(Call *call)
{
    EventStreams *streams = call->owner;
    const json_t *events = json_object_get(call->result.body, "events");
    uint64_t last = (uint64_t)json_integer_value(json_object_get(call->result.body, "last"));
    streams->is_asking = false;
    bool is_more = json_array_size(events) == PAGE;
    streams->next_us = now_us(streams) + (is_more ? 0 : (int64_t)EVENT_STREAMS_MS * 1000);
    if (json_array_size(events) > 0 && last > streams->head) {
        g_autoptr(GBytes) piece = events_text(events);
        for (guint i = 0; i < streams->list->len; i++) {
            Listening *listening = streams->list->pdata[i];
            if (listening->position != streams->head || listening->is_asking || is_slow(listening))
                continue; /* asks for itself */
            listening->position = last;
            listener_stream_add(listening->stream, piece);
        }
        streams->head = last;
    } /* else what was read is older than what was told of: it is asked for again */
    call_free(call);
    look(streams);
}

/* What one has missed. */
static void on_missed(Call *call)
{
    Listening *listening = call->owner;
    EventStreams *streams = listening->all;
    const json_t *events = json_object_get(call->result.body, "events");
    listening->is_asking = false;
    if (!listening->stream) {
        g_free(listening);
        call_free(call);
        return;
    }
    if (json_array_size(events) > 0) {
        g_autoptr(GBytes) piece = events_text(events);
        listening->position = (uint64_t)json_integer_value(json_object_get(call->result.body, "last"));
        listener_stream_add(listening->stream, piece);
    } else { /* as above */
        listening->next_us = now_us(streams) + (int64_t)EVENT_STREAMS_MS * 1000;
    }
    call_free(call);
    look(streams);
}

static gboolean on_timer(gpointer data)
{
    EventStreams *streams = data;
    g_clear_pointer(&streams->timer, g_source_unref);
    look(streams);
    return G_SOURCE_REMOVE;
}

static void look_later(EventStreams *streams, int64_t wait_us)
{
    if (streams->timer)
        return;
    streams->timer = g_timeout_source_new((guint)(wait_us / 1000 + 1));
    g_source_set_callback(streams->timer, on_timer, streams, NULL);
    g_source_attach(streams->timer, g_main_context_get_thread_default());
}

/* Asks for what is to be told, where nothing is asked for yet. */
static void look(EventStreams *streams)
{
    if (streams->is_stopping || streams->list->len == 0)
        return;
    for (guint i = 0; i < streams->list->len; i++) {
        Listening *listening = streams->list->pdata[i];
        if (listening->is_asking || listening->position >= streams->head)
            continue;
        if (is_slow(listening) || listening->next_us > now_us(streams)) {
            look_later(streams, (int64_t)EVENT_STREAMS_MS * 1000);
            continue;
        }
        listening->is_asking = true;
        ask(streams, listening->position, on_missed, listening);
    }
    int64_t wait_us = streams->next_us - now_us(streams);
    if (streams->durable <= streams->head || streams->is_asking)
        return;
    if (wait_us > 0) {
        look_later(streams, wait_us);
        return;
    }
    streams->is_asking = true;
    ask(streams, streams->head, on_news, streams);
}

void event_streams_durable(EventStreams *streams, uint64_t sequence)
{
    streams->durable = MAX(streams->durable, sequence);
    if (streams->list->len == 0)
        streams->head = streams->durable;
    look(streams);
}

/* ---- who listens ---- */

static gboolean on_quiet(gpointer data)
{
    tell_all(data, ":\n\n");
    return G_SOURCE_CONTINUE;
}

static void set_quiet(EventStreams *streams)
{
    bool is_wanted = streams->list->len > 0;
    if (is_wanted && !streams->quiet) {
        streams->quiet = g_timeout_source_new(EVENT_STREAMS_QUIET_MS);
        g_source_set_callback(streams->quiet, on_quiet, streams, NULL);
        g_source_attach(streams->quiet, g_main_context_get_thread_default());
    } else if (!is_wanted && streams->quiet) {
        g_source_destroy(streams->quiet);
        g_clear_pointer(&streams->quiet, g_source_unref);
    }
}

static void on_gone(void *data)
{
    Listening *listening = data;
    listening->stream = NULL;
    g_ptr_array_remove_fast(listening->all->list, listening);
    set_quiet(listening->all);
    if (!listening->is_asking)
        g_free(listening);
}

void event_streams_open(EventStreams *streams, ListenerRequest *request, const char *last_id)
{
    int64_t last = 0;
    if (streams->is_stopping || streams->list->len >= listener_connections_max() / 4 * 3) {
        listener_answer(request, &(ListenerAnswer){.status = 503,
                                                   .text = g_strdup("too many listen already\n"),
                                                   .retry_after_s = 10});
        return;
    }
    if (last_id && (!integer_parse(view_from(last_id), &last) || last < 0)) {
        listener_answer(request,
                        &(ListenerAnswer){.status = 400, .text = g_strdup("Last-Event-ID is no number\n")});
        return;
    }
    Listening *listening = g_new0(Listening, 1);
    *listening = (Listening){.all = streams, .position = last_id ? (uint64_t)last : streams->head};
    listening->stream = listener_stream(request, "text/event-stream", on_gone, listening);
    g_ptr_array_add(streams->list, listening);
    static const char greeting[] = "retry: 2000\n\n"; /* and the headers go out at once */
    g_autoptr(GBytes) piece = g_bytes_new_static(greeting, sizeof greeting - 1);
    listener_stream_add(listening->stream, piece);
    set_quiet(streams);
    look(streams);
}

/* ---- the face ---- */

EventStreams *event_streams_new(const EventStreamsOptions *options)
{
    EventStreams *streams = g_new0(EventStreams, 1);
    *streams = (EventStreams){.list = g_ptr_array_new(),
                              .durable = options->durable,
                              .head = options->durable,
                              .clock = options->clock,
                              .call = options->call,
                              .data = options->data};
    return streams;
}

void event_streams_stop(EventStreams *streams)
{
    if (!streams)
        return;
    streams->is_stopping = true;
    for (guint i = 0; i < streams->list->len; i++)
        listener_stream_end(((Listening *)streams->list->pdata[i])->stream);
    if (streams->timer) {
        g_source_destroy(streams->timer);
        g_clear_pointer(&streams->timer, g_source_unref);
    }
}

void event_streams_free(EventStreams *streams)
{
    if (!streams)
        return;
    g_assert(streams->list->len == 0); /* the listener was freed before */
    g_ptr_array_unref(streams->list);
    g_free(streams);
}
