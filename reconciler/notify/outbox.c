#include "reconciler/notify/outbox.h"
#include <signal.h>
#include <string.h>
#include "reconciler/notify/courier.h"
#include "reconciler/notify/outbox_list.h"
#include "reconciler/notify/message.h"
#include "reconciler/store/store.h"
#include "reconciler/world/state.h"

#define REPORT_MS       1000
#define ASK_AGAIN_MS    5000 /* what was reported and is not committed is reported again */
#define SCAN_GAP_MS     20   /* between two looks: events come in handfuls */
#define SCAN_PAGE       1000
#define SCAN_PAGES      10    /* in one look */
#define POSITION_STRIDE 10000 /* what is of no interest moves the committed position in steps */
#define READER_RETRY_MS 1000

struct Outbox {
    char *state_dir;
    OutboxTold told;
    OutboxJob job;
    void *data;
    GMainContext *context;
    GThread *thread; /* NULL: ended */
    Courier *courier;

    GMutex mutex; /* over what follows */
    NotifyConfig *new_config;
    uint64_t durable;
    bool is_stopping;
    bool is_durable_news; /* something was committed since the last look */

    /* of the thread */
    OutboxList list;
    StoreReader *reader;
    uint64_t scan_to;
    char *installation;   /* NULL: not committed yet */
    json_t *sources;      /* the setting, as of this look */
    bool is_carried;      /* a delivery ended since it was last asked */
    bool may_be_gone;     /* destinations are new, or gone, and the committed state does not know it yet */
    GHashTable *reported; /* name → uint64_t*: position */
    int64_t scan_at_ms, report_at_ms, ask_at_ms, reader_at_ms; /* delay clock: not before */
};

static int64_t delay_clock_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static int64_t wall_clock_ms(void)
{
    return g_get_real_time() / 1000;
}

/* ---- reports ---- */

typedef struct {
    Outbox *outbox;
    GArray *reports; /* of OutboxReport, whose texts are owned */
} Reports;

static void report_clear(void *data)
{
    OutboxReport *report = data;
    g_free((char *)(uintptr_t)report->name);
    g_free((char *)(uintptr_t)report->place);
    g_free((char *)(uintptr_t)report->error);
}

static GArray *reports_new(void)
{
    GArray *reports = g_array_new(FALSE, FALSE, sizeof(OutboxReport));
    g_array_set_clear_func(reports, report_clear);
    return reports;
}

static void reports_add(GArray *reports, const OutboxReport *report)
{
    OutboxReport copy = *report;
    copy.name = g_strdup(report->name);
    copy.place = g_strdup(report->place);
    copy.error = g_strdup(report->error);
    g_array_append_val(reports, copy);
}

static gboolean on_reports(gpointer data)
{
    const Reports *reports = data;
    const Outbox *outbox = reports->outbox;
    outbox->told((const OutboxReport *)(void *)reports->reports->data, reports->reports->len, outbox->data);
    return G_SOURCE_REMOVE;
}

static void reports_free(gpointer data)
{
    Reports *reports = data;
    g_array_unref(reports->reports);
    g_free(reports);
}

/* Taken. */
static void post(Outbox *outbox, GArray *reports)
{
    Reports *posted = g_new(Reports, 1);
    *posted = (Reports){outbox, reports};
    g_autoptr(GSource) source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, on_reports, posted, reports_free);
    g_source_attach(source, outbox->context);
}

static void add_standing(Outbox *outbox, OutboxEntry *entry, GArray *reports)
{
    Destination *destination = &entry->destination;
    uint64_t position = destination_position(destination);
    g_autofree char *place = destination_place(entry->config);
    reports_add(reports, &(OutboxReport){.name = entry->config->name,
                                         .kind = destination_kind_name(entry->config->kind),
                                         .place = place,
                                         .position = position,
                                         .counts = destination->counts,
                                         .pending = g_queue_get_length(&destination->pending),
                                         .tries = destination->tries,
                                         .failing_since_ms = destination->failing_since_ms,
                                         .error = destination->error});
    destination->is_news = false;
    g_hash_table_replace(outbox->reported, g_strdup(entry->config->name),
                         g_memdup2(&position, sizeof position));
}

static bool is_worth_reporting(const Outbox *outbox, const OutboxEntry *entry)
{
    const uint64_t *before = g_hash_table_lookup(outbox->reported, entry->config->name);
    return entry->is_known &&
           (entry->destination.is_news ||
            destination_position(&entry->destination) - (before ? *before : 0) >= POSITION_STRIDE);
}

static GArray *standings(Outbox *outbox)
{
    GArray *reports = reports_new();
    for (guint i = 0; i < outbox->list.entries->len; i++)
        if (is_worth_reporting(outbox, outbox->list.entries->pdata[i]))
            add_standing(outbox, outbox->list.entries->pdata[i], reports);
    return reports;
}

static void report_standings(Outbox *outbox, int64_t now_ms)
{
    if (now_ms < outbox->report_at_ms)
        return;
    GArray *reports = standings(outbox);
    if (reports->len == 0) {
        g_array_unref(reports);
        return;
    }
    outbox->report_at_ms = now_ms + REPORT_MS;
    post(outbox, reports);
}

/* ---- where destinations stand ---- */

typedef struct {
    Outbox *outbox;
    GArray *reports;
} Asking;

static bool add_gone(const SettingRecord *record, void *data)
{
    Asking *asking = data;
    size_t front = strlen(OUTBOX_SETTING);
    if (record->value.len == 0 || record->name.len <= front)
        return true;
    g_autofree char *name = g_strndup(record->name.data + front, record->name.len - front);
    if (!outbox_list_find(&asking->outbox->list, name))
        reports_add(asking->reports, &(OutboxReport){.name = name, .kind = "", .is_gone = true});
    return true;
}

static void add_new(OutboxEntry *entry, uint64_t position, GArray *reports)
{
    g_autofree char *place = destination_place(entry->config);
    reports_add(reports, &(OutboxReport){.name = entry->config->name,
                                         .kind = destination_kind_name(entry->config->kind),
                                         .place = place,
                                         .position = position});
}

static bool learn(Outbox *outbox, OutboxEntry *entry)
{
    g_autofree char *name = g_strconcat(OUTBOX_SETTING, entry->config->name, NULL), *value = NULL;
    uint64_t position;
    DestinationCounts counts;
    if (!store_reader_setting(outbox->reader, name, &value, NULL) || !value ||
        !outbox_state_read(view_from(value), &position, &counts))
        return false;
    outbox_entry_begin(&outbox->list, entry, position, &counts);
    g_hash_table_replace(outbox->reported, g_strdup(entry->config->name),
                         g_memdup2(&position, sizeof position));
    return true;
}

/* Those that are new begin where the committed state is now, and those that are gone are forgotten: once that
 * is committed. Until then it is asked for again. */
static void settle_destinations(Outbox *outbox, int64_t now_ms)
{
    Asking asking = {outbox, reports_new()};
    if (!outbox->installation)
        store_reader_setting(outbox->reader, INSTALLATION_SETTING, &outbox->installation, NULL);
    for (guint i = 0; i < outbox->list.entries->len; i++) {
        OutboxEntry *entry = outbox->list.entries->pdata[i];
        if (!entry->is_known && !learn(outbox, entry))
            add_new(entry, outbox->scan_to, asking.reports);
    }
    if (outbox->may_be_gone)
        store_reader_settings(outbox->reader, OUTBOX_SETTING, add_gone, &asking, NULL);
    outbox->may_be_gone = asking.reports->len > 0;
    if (asking.reports->len > 0 && now_ms >= outbox->ask_at_ms) {
        outbox->ask_at_ms = now_ms + ASK_AGAIN_MS;
        post(outbox, asking.reports);
    } else {
        g_array_unref(asking.reports);
    }
}

/* ---- looking for events ---- */

typedef struct {
    Outbox *outbox;
    uint64_t after, last;
} Scan;

static const char *location_of(const char *source, void *data)
{
    const Outbox *outbox = data;
    return json_string_value(json_object_get(json_object_get(outbox->sources, source), "path"));
}

static bool offer(const EventRecord *event, void *data)
{
    Scan *scan = data;
    if (event->sequence > scan->last + 1)
        outbox_list_lost(&scan->outbox->list, event->sequence - 1);
    scan->last = event->sequence;
    outbox_list_offer(&scan->outbox->list, event, location_of, scan->outbox);
    return true;
}

/* True: there is more. */
static bool scan(Outbox *outbox)
{
    uint64_t from = outbox_list_scanned(&outbox->list);
    Scan at = {.outbox = outbox, .after = from, .last = from};
    if (from >= outbox->scan_to)
        return false;
    for (int page = 0; page < SCAN_PAGES && at.last < outbox->scan_to; page++) {
        uint64_t before = at.last;
        if (!store_reader_events(outbox->reader, before, SCAN_PAGE, offer, &at, NULL))
            return false;
        if (at.last == before)
            break;
    }
    outbox_list_scanned_to(&outbox->list, at.last);
    return at.last < outbox->scan_to && at.last > from;
}

/* ---- sending ---- */

typedef struct {
    Outbox *outbox;
    OutboxEntry *entry;
    uint64_t sequence;
    EventRecord event; /* its texts are owned */
    bool is_found;
} Sending;

static void end_try(OutboxEntry *entry, const DeliveryResult *result)
{
    destination_result(&entry->destination, result->outcome, result->asked_ms, result->error,
                       delay_clock_ms(), wall_clock_ms());
}

static void on_carried(const char *name, const DeliveryResult *result, void *data)
{
    Outbox *outbox = data;
    OutboxEntry *entry = outbox_list_find(&outbox->list, name);
    outbox->is_carried = true;
    if (entry && entry->is_known)
        end_try(entry, result);
}

static void event_clear(EventRecord *event)
{
    const View texts[] = {event->type,   event->subject,  event->message,
                          event->source, event->revision, event->details};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free((char *)(uintptr_t)texts[i].data);
    *event = (EventRecord){0};
}

static View view_copy(View text)
{
    return (View){view_dup(text), text.len};
}

static bool take_event(const EventRecord *event, void *data)
{
    Sending *sending = data;
    if (event->sequence != sending->sequence)
        return false;
    sending->is_found = true;
    sending->event = *event;
    sending->event.type = view_copy(event->type);
    sending->event.subject = view_copy(event->subject);
    sending->event.message = view_copy(event->message);
    sending->event.source = view_copy(event->source);
    sending->event.revision = view_copy(event->revision);
    sending->event.details = view_copy(event->details);
    return false;
}

static void send_event(const Sending *sending)
{
    Outbox *outbox = sending->outbox;
    const DestinationConfig *config = sending->entry->config;
    const EventRecord *event = &sending->event;
    g_auto(Message) message = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *source = view_dup(event->source);
    bool wants_job = config->event_source && outbox->job && view_is(event->type, "job.state");
    MessageFacts facts = {.installation = outbox->installation,
                          .host = g_get_host_name(),
                          .location = location_of(source, outbox),
                          .job = wants_job ? outbox->job(outbox->reader, event) : NULL};
    if (message_make(config, event, &facts, wall_clock_ms() / 1000, &message, &error)) {
        courier_send(outbox->courier, config, &message);
    } else {
        DeliveryResult failed = {.outcome = DELIVERY_RETRY, .error = error->message};
        end_try(sending->entry, &failed);
    }
    json_decref(facts.job);
}

/* When it is to be looked at again; -1: not by itself. */
static int64_t send_due(Outbox *outbox, OutboxEntry *entry, int64_t now_ms)
{
    Sending sending = {.outbox = outbox, .entry = entry};
    int64_t at_ms;
    destination_expire(&entry->destination, wall_clock_ms());
    if (!destination_next(&entry->destination, now_ms, &sending.sequence, &at_ms))
        return at_ms;
    bool is_read = store_reader_events(outbox->reader, sending.sequence - 1, 1, take_event, &sending, NULL);
    DeliveryResult lost = {.outcome = DELIVERY_GIVEN_UP, .error = "the event is not kept any more"};
    if (!is_read)
        destination_forget_try(&entry->destination);
    else if (!sending.is_found)
        end_try(entry, &lost);
    else
        send_event(&sending);
    event_clear(&sending.event);
    return is_read && entry->destination.is_under_way ? -1 : now_ms;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : MIN(a, b);
}

static int64_t send_all(Outbox *outbox, int64_t now_ms)
{
    int64_t at_ms = -1;
    if (!outbox->installation)
        return -1; /* its commit wakes us */
    for (guint i = 0; i < outbox->list.entries->len; i++) {
        OutboxEntry *entry = outbox->list.entries->pdata[i];
        if (entry->is_known)
            at_ms = sooner(at_ms, send_due(outbox, entry, now_ms));
    }
    return at_ms;
}

/* ---- the thread ---- */

static void configure(Outbox *outbox, NotifyConfig *config)
{
    for (guint i = 0; i < outbox->list.entries->len; i++) {
        OutboxEntry *entry = outbox->list.entries->pdata[i];
        courier_cancel(outbox->courier, entry->config->name);
        if (entry->is_known)
            destination_forget_try(&entry->destination);
    }
    outbox_list_configure(&outbox->list, config);
    outbox->may_be_gone = true;
    outbox->ask_at_ms = 0;
}

/* False: it is to end. *ret_is_news: something was committed. */
static bool take_mail(Outbox *outbox, bool *ret_is_news)
{
    g_mutex_lock(&outbox->mutex);
    g_autoptr(NotifyConfig) config = g_steal_pointer(&outbox->new_config);
    bool goes_on = !outbox->is_stopping;
    outbox->scan_to = outbox->durable;
    *ret_is_news = outbox->is_durable_news || config;
    outbox->is_durable_news = false;
    g_mutex_unlock(&outbox->mutex);
    if (config && goes_on)
        configure(outbox, config);
    return goes_on;
}

static bool has_reader(Outbox *outbox, int64_t now_ms)
{
    if (outbox->reader)
        return true;
    if (now_ms < outbox->reader_at_ms)
        return false;
    outbox->reader = store_reader_open(outbox->state_dir, NULL);
    outbox->reader_at_ms = now_ms + READER_RETRY_MS;
    return outbox->reader != NULL;
}

static void read_sources(Outbox *outbox)
{
    g_autofree char *text = NULL;
    g_clear_pointer(&outbox->sources, json_decref);
    if (store_reader_setting(outbox->reader, "sources", &text, NULL) && text)
        outbox->sources = json_loads(text, 0, NULL);
}

/* is_whole: something was committed since the last one. Gives when the next is due; -1: not by itself. */
static int64_t look(Outbox *outbox, int64_t now_ms, bool is_whole)
{
    bool is_more = false;
    if (!has_reader(outbox, now_ms))
        return outbox->reader_at_ms;
    if (!store_reader_begin(outbox->reader, NULL)) {
        g_clear_pointer(&outbox->reader, store_reader_free);
        return outbox->reader_at_ms = now_ms + READER_RETRY_MS;
    }
    if (is_whole) {
        read_sources(outbox);
        settle_destinations(outbox, now_ms);
    }
    is_more = scan(outbox);
    int64_t at_ms = send_all(outbox, now_ms);
    store_reader_end(outbox->reader);
    return is_more ? now_ms : at_ms;
}

static bool has_news(const Outbox *outbox)
{
    for (guint i = 0; i < outbox->list.entries->len; i++)
        if (is_worth_reporting(outbox, outbox->list.entries->pdata[i]))
            return true;
    return false;
}

static gpointer outbox_main(gpointer data)
{
    Outbox *outbox = data;
    bool is_news = false, is_owed = false; /* owed: something was committed and is not looked at yet */
    int64_t at_ms = -1;
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    while (take_mail(outbox, &is_news)) {
        int64_t now_ms = delay_clock_ms();
        is_owed = is_owed || is_news || (outbox->may_be_gone && now_ms >= outbox->ask_at_ms);
        bool is_whole = is_owed && now_ms >= outbox->scan_at_ms;
        if (is_whole || (at_ms >= 0 && now_ms >= at_ms))
            at_ms = look(outbox, now_ms, is_whole);
        if (is_whole) {
            is_owed = !outbox->reader;
            outbox->scan_at_ms = now_ms + (outbox->reader ? SCAN_GAP_MS : READER_RETRY_MS);
        }
        report_standings(outbox, now_ms);
        int64_t next_ms = is_owed ? sooner(at_ms, outbox->scan_at_ms) : at_ms;
        next_ms = has_news(outbox) ? sooner(next_ms, outbox->report_at_ms) : next_ms;
        next_ms = outbox->may_be_gone ? sooner(next_ms, outbox->ask_at_ms) : next_ms;
        outbox->is_carried = false;
        courier_run(outbox->courier, next_ms < 0 ? -1 : MAX(next_ms - delay_clock_ms(), 0));
        at_ms = outbox->is_carried ? 0 : at_ms; /* what ended makes room for the next */
    }
    return NULL;
}

/* ---- the face ---- */

Outbox *outbox_new(const OutboxOptions *options)
{
    Outbox *outbox = g_new0(Outbox, 1);
    outbox->state_dir = g_strdup(options->state_dir);
    outbox->told = options->told;
    outbox->job = options->job;
    outbox->data = options->data;
    outbox->context = g_main_context_ref_thread_default();
    outbox->new_config = notify_config_ref(options->config);
    outbox->durable = options->durable;
    outbox->reported = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    outbox->courier = courier_new(options->state_dir, on_carried, outbox);
    outbox_list_init(&outbox->list, options->seed);
    g_mutex_init(&outbox->mutex);
    outbox->thread = g_thread_new("outbox", outbox_main, outbox);
    return outbox;
}

void outbox_set_config(Outbox *outbox, NotifyConfig *config)
{
    g_mutex_lock(&outbox->mutex);
    notify_config_unref(outbox->new_config);
    outbox->new_config = notify_config_ref(config);
    g_mutex_unlock(&outbox->mutex);
    courier_wake(outbox->courier);
}

void outbox_durable(Outbox *outbox, uint64_t event_sequence)
{
    g_mutex_lock(&outbox->mutex);
    bool was_news = outbox->is_durable_news;
    outbox->durable = MAX(outbox->durable, event_sequence);
    outbox->is_durable_news = true;
    g_mutex_unlock(&outbox->mutex);
    if (!was_news)
        courier_wake(outbox->courier);
}

void outbox_stop(Outbox *outbox)
{
    if (!outbox->thread)
        return;
    g_mutex_lock(&outbox->mutex);
    outbox->is_stopping = true;
    g_mutex_unlock(&outbox->mutex);
    courier_wake(outbox->courier);
    g_thread_join(g_steal_pointer(&outbox->thread));
    g_autoptr(GArray) reports = standings(outbox);
    if (reports->len > 0)
        outbox->told((const OutboxReport *)(void *)reports->data, reports->len, outbox->data);
}

void outbox_free(Outbox *outbox)
{
    if (!outbox)
        return;
    outbox_stop(outbox);
    while (g_main_context_iteration(outbox->context, FALSE))
        ; /* reports that were posted refer to it */
    g_clear_pointer(&outbox->courier, courier_free);
    outbox_list_clear(&outbox->list);
    g_clear_pointer(&outbox->reader, store_reader_free);
    g_clear_pointer(&outbox->sources, json_decref);
    g_clear_pointer(&outbox->new_config, notify_config_unref);
    g_hash_table_unref(outbox->reported);
    g_main_context_unref(outbox->context);
    g_mutex_clear(&outbox->mutex);
    g_free(outbox->installation);
    g_free(outbox->state_dir);
    g_free(outbox);
}
