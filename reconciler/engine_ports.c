/* engine_ports.c: what the tick reaches the outside through, for real. */
#include "reconciler/engine_ports.h"
#include "reconciler/api/meters.h"
#include "reconciler/aws_edge.h"
#include "reconciler/provider/aws/aws.h"
#include "reconciler/provider/docker/docker.h"
#include "reconciler/provider_set.h"
#include "reconciler/worker.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct EnginePorts {
    char *state_dir;
    StoreCommitted committed;
    ProviderEventFunc event;
    void (*log)(void *data, const char *text);
    void (*entry)(void *data, const LogEntry *entry);
    void (*expect)(uint64_t sequence, void *data);
    void *data;
    Store *store;
    StoreReader *reader; /* of the query thread */
    Meters *meters;      /* NULL: nothing is counted */
    Provider *provider;
    AwsTime time;
    Worker *query, *load, *files;
    WorkPort work;
};

/* ---- store
 * ---------------------------------------------------------------------------------------------------------------
 */

static bool changes_resources(const Batch *batch)
{
    size_t resources, runs, applies;
    batch_resource(batch, &resources);
    batch_run(batch, &runs);
    batch_apply(batch, &applies);
    return resources + runs + applies > 0;
}

static uint64_t port_commit(void *self, Batch *batch, int64_t now_ms)
{
    EnginePorts *ports = self;
    bool is_expected = ports->expect && changes_resources(batch);
    uint64_t sequence = store_commit(ports->store, batch, now_ms);
    if (is_expected)
        ports->expect(sequence, ports->data);
    return sequence;
}

static bool port_load(void *self, const RecordSink *sink, void *data, GError **error)
{
    g_autoptr(StoreReader) reader = store_reader_open(((EnginePorts *)self)->state_dir, error);
    return reader && store_reader_begin(reader, error) && store_reader_load(reader, sink, data, error);
}

static bool port_open(EnginePorts *ports, GError **error)
{
    ports->store = store_open(ports->state_dir, NULL, error);
    if (ports->store)
        store_on_committed(ports->store, ports->committed, ports->data);
    return ports->store != NULL;
}

static bool port_reopen(void *self, GError **error)
{
    EnginePorts *ports = self;
    g_clear_pointer(&ports->store, store_free);
    return port_open(ports, error);
}

static uint64_t port_term(void *self)
{
    return store_term(((EnginePorts *)self)->store);
}

/* ---- figures ---- */

/* Pages in use; 0: not known. */
static int64_t resident_bytes(void)
{
    g_autofree char *text = NULL;
    long long all, resident;
    if (!g_file_get_contents("/proc/self/statm", &text, NULL, NULL) ||
        sscanf(text, "%lld %lld", &all, &resident) != 2)
        return 0;
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

static int64_t cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

static void collect(Meters *meters, void *data)
{
    const EnginePorts *ports = data;
    uint64_t transactions;
    meters->resident_bytes = resident_bytes();
    meters->cpu_us = cpu_us();
    if (!ports->store) /* it is being opened again */
        return;
    meters->store.transaction = store_transaction_times(ports->store);
    store_counters(ports->store, &transactions, &meters->store.rows);
}

/* ---- work
 * ------------------------------------------------------------------------------------------------------------------
 */

typedef struct {
    EnginePorts *ports;
    PortQuery query;
    PortDone done;
    void *data;
} QueryItem;

static void query_work(void *data)
{
    QueryItem *item = data;
    EnginePorts *ports = item->ports;
    g_autoptr(GError) error = NULL;
    if (!ports->reader)
        ports->reader = store_reader_open(ports->state_dir, &error);
    if (!ports->reader || !store_reader_begin(ports->reader, &error)) {
        g_clear_pointer(&ports->reader, store_reader_free);
        item->query(NULL, error->message, item->data);
        return;
    }
    item->query(ports->reader, NULL, item->data);
    store_reader_end(ports->reader);
}

static void query_done(void *data)
{
    QueryItem *item = data;
    item->done(item->data);
    g_free(item);
}

static void port_query(void *self, PortQuery query, PortDone done, void *data)
{
    EnginePorts *ports = self;
    QueryItem *item = g_new(QueryItem, 1);
    *item = (QueryItem){ports, query, done, data};
    worker_push(ports->query, query_work, query_done, item);
}

static void port_load_work(void *self, const PortLoad *load, void *data)
{
    EnginePorts *ports = self;
    if (ports->load)
        worker_push(ports->load, load->run, load->done, data);
    else if (!load->done) /* it is ending: a load is not worth beginning, what cleans up must be */
        load->run(data);
}

/* ---- files
 * -------------------------------------------------------------------------------------------------------------------
 */

/* Never follows a symbolic link out of the tree. */
static void remove_at(int dir_fd, const char *name)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno != EISDIR)
        if (errno != EPERM && errno != EISDIR)
            return;
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_at(dirfd(dir), entry->d_name);
    closedir(dir);
    unlinkat(dir_fd, name, AT_REMOVEDIR);
}

static void tree_work(void *data)
{
    g_autofree char *path = data;
    remove_at(AT_FDCWD, path);
}

static void empty_work(void *data)
{
    g_autofree char *path = data;
    rmdir(path); /* ENOTEMPTY: what the job left stays */
}

static void port_remove_tree(void *self, char *path)
{
    worker_push(((EnginePorts *)self)->files, tree_work, NULL, path);
}

static void port_remove_empty(void *self, char *path)
{
    worker_push(((EnginePorts *)self)->files, empty_work, NULL, path);
}

/* ---- the rest
 * ------------------------------------------------------------------------------------------------------------------
 */

static void port_entropy(void *self, void *bytes, size_t len)
{
    (void)self;
    uint8_t *at = bytes;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        g_assert(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
}

/* Tests of faults do not wait a minute for what AWS may take so long for. */
static int64_t settle_ms(void)
{
    const char *text = g_getenv("MUSTER_TEST_AWS_SETTLE_MS");
    return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

/* A provider speaks of what does not work; what it is about comes first: "ComputeEnvironment/NAME: …". */
static void log_provider(const EnginePorts *ports, ProviderType provider, const char *text)
{
    const char *end = g_str_has_prefix(text, "ComputeEnvironment/") ? strchr(text, ':') : NULL;
    g_autofree char *resource = end ? g_strndup(text, (gsize)(end - text)) : NULL;
    const LogPort log = {.line = ports->log, .entry = ports->entry, .self = ports->data};
    log_tell(&log, &(LogEntry){.level = LOG_LEVEL_WARNING,
                               .message = text,
                               .provider = provider_type_name(provider),
                               .resource = resource});
}

static void log_aws(void *data, const char *text)
{
    log_provider(data, PROVIDER_AWS, text);
}

static void log_docker(void *data, const char *text)
{
    log_provider(data, PROVIDER_DOCKER, text);
}

/* NULL: they are not counted. */
static CallMeter *calls_of(EnginePorts *ports, ProviderType provider)
{
    return ports->meters ? &ports->meters->calls[provider] : NULL;
}

static bool open_providers(EnginePorts *ports, GError **error)
{
    ProviderSet *set = provider_set_new(ports->event, ports->data);
    ports->provider = provider_set_provider(set);
    Provider *local = provider_local_new(ports->state_dir, provider_set_event,
                                         provider_set_member(set, PROVIDER_LOCAL), error);
    if (!local)
        return false;
    provider_set_put(set, PROVIDER_LOCAL, local);
    uint64_t seed;
    port_entropy(NULL, &seed, sizeof seed);
    ports->time = aws_edge_time(seed);
    const AwsProviderOptions aws = {.event = provider_set_event,
                                    .data = provider_set_member(set, PROVIDER_AWS),
                                    .log = log_aws,
                                    .log_data = ports,
                                    .variable = aws_edge_variable,
                                    .time = &ports->time,
                                    .calls = calls_of(ports, PROVIDER_AWS),
                                    .settle_ms = settle_ms()};
    provider_set_put(set, PROVIDER_AWS, provider_aws_new(&aws));
    const DockerProviderOptions docker = {.event = provider_set_event,
                                          .data = provider_set_member(set, PROVIDER_DOCKER),
                                          .log = log_docker,
                                          .log_data = ports,
                                          .variable = aws_edge_variable,
                                          .now_ms = ports->time.now_ms,
                                          .monotonic_ms = ports->time.monotonic_ms,
                                          .time = ports->time.self,
                                          .calls = calls_of(ports, PROVIDER_DOCKER)};
    provider_set_put(set, PROVIDER_DOCKER, provider_docker_new(&docker));
    return true;
}

EnginePorts *engine_ports_new(const EnginePortsOptions *options, GError **error)
{
    g_autoptr(EnginePorts) ports = g_new0(EnginePorts, 1);
    ports->state_dir = g_strdup(options->state_dir);
    ports->committed = options->committed;
    ports->event = options->event;
    ports->log = options->log;
    ports->entry = options->entry;
    ports->expect = options->expect;
    ports->data = options->data;
    ports->meters = options->meters;
    if (ports->meters) {
        ports->meters->collect = collect;
        ports->meters->collect_data = ports;
    }
    if (!port_open(ports, error))
        return NULL;
    if (options->launch && !open_providers(ports, error))
        return NULL;
    ports->query = worker_new("query");
    ports->load = worker_new("load");
    ports->files = worker_new("files");
    ports->work = (WorkPort){.query = port_query, .load = port_load_work, .self = ports};
    return g_steal_pointer(&ports);
}

void engine_ports_stop_work(EnginePorts *ports)
{
    g_clear_pointer(&ports->load, worker_free);
    g_clear_pointer(&ports->query, worker_free);
    g_clear_pointer(&ports->files, worker_free);
    g_clear_pointer(&ports->reader, store_reader_free);
}

void engine_ports_free(EnginePorts *ports)
{
    if (!ports)
        return;
    engine_ports_stop_work(ports);
    if (ports->meters)
        ports->meters->collect = NULL;
    if (ports->provider)
        ports->provider->free(ports->provider);
    g_clear_pointer(&ports->store, store_free);
    g_free(ports->state_dir);
    g_free(ports);
}

Ports engine_ports_get(EnginePorts *ports)
{
    return (Ports){
        .store = {.commit = port_commit,
                  .load = port_load,
                  .reopen = port_reopen,
                  .term = port_term,
                  .self = ports},
        .work = ports->work,
        .files = {.remove_tree = port_remove_tree, .remove_empty = port_remove_empty, .self = ports},
        .log = {.line = ports->log, .entry = ports->entry, .self = ports->data},
        .provider = ports->provider,
        .entropy = {port_entropy, NULL}};
}

const WorkPort *engine_ports_work(EnginePorts *ports)
{
    return &ports->work;
}
