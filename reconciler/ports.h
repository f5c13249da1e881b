/* ports.h: what joins the rooms. The tick reaches the outside only through Ports; the command line reaches
 * the program's other halves only through Host. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "reconciler/forecast/outlook.h"
#include "reconciler/forecast/result.h"
#include "reconciler/forecast/workload.h"
#include "reconciler/plan/plan.h"
#include "reconciler/provider/provider.h"
#include "reconciler/store/backup.h"
#include "reconciler/store/store.h"
#include "reconciler/world/record.h"
#include "spec/base/log_entry.h"

/* ---- Ports: real ones from host.c, fake ones from tests, simulated ones later ---- */

typedef struct ClockPort {
    int64_t (*now_ms)(void *self); /* CLOCK_REALTIME */
    /* Runs reconciler_tick() once at or soon after at_ms; 0: as soon as possible; -1: not by itself. The last
     * call counts. */
    void (*wake_at)(void *self, int64_t at_ms);
    /* CLOCK_MONOTONIC, for telling how long something took; decides nothing. May be NULL. */
    int64_t (*monotonic_us)(void *self);
    void *self;
} ClockPort;

typedef struct StorePort {
    /* Hands the batch over (taken); completion arrives as reconciler_committed(), in order. */
    uint64_t (*commit)(void *self, Batch *batch, int64_t now_ms);
    bool (*load)(void *self, const RecordSink *sink, void *data, GError **error);
    /* After a failed commit: closes and opens again; sequences start anew. */
    bool (*reopen)(void *self, GError **error);
    uint64_t (*term)(void *self);
    void *self;
} StorePort;

typedef void (*PortWork)(void *data); /* run on another thread; touches only data */
typedef void (*PortDone)(void *data); /* run on the loop afterwards */
typedef void (*PortQuery)(StoreReader *reader, const char *error,
                          void *data); /* reader NULL: error says why */

/* What a load brought back beside some bytes. */
typedef struct {
    ManifestSet *set;  /* borrowed, and written by another thread: immutable; NULL: none */
    bool has_position; /* it has read what is committed: this state */
    StorePosition position;
} PortFound;

/* What is done off the loop beside the store: sources, plans, files. What it brings back enters the tick with
 * done(), so a recording keeps it: save() appends it to bytes. restore() does the same again from that, in
 * place of run(), with a store in state_dir that is in the state that was read. done NULL: it only cleans up;
 * save and restore NULL: nothing that it finds enters a tick by itself. */
typedef struct {
    PortWork run;
    PortDone done;
    PortFound (*save)(const void *data, GByteArray *bytes);
    bool (*restore)(void *data, View saved, ManifestSet *set, const char *state_dir); /* false: damaged */
} PortLoad;

/* Threads for what must not block the loop. query: one thread with a reader of the committed state. load:
 * another one; the PortLoad is a constant. */
typedef struct WorkPort {
    void (*query)(void *self, PortQuery query, PortDone done, void *data);
    void (*load)(void *self, const PortLoad *load, void *data);
    void *self;
} WorkPort;

/* Deletes what expired or emptied (log files, work directories), off the loop; best effort. path is taken. */
typedef struct FilePort {
    void (*remove_tree)(void *self, char *path);
    void (*remove_empty)(void *self, char *path); /* a directory, when nothing is in it */
    void *self;
} FilePort;

typedef struct EntropyPort {
    void (*fill)(void *self, void *bytes, size_t len);
    void *self;
} EntropyPort;

typedef struct LogPort {
    void (*line)(void *self, const char *text); /* one happening; may be a no-op */
    void *self;
    /* The same with what is known beside its text; NULL: the text goes to line. */
    void (*entry)(void *self, const LogEntry *entry);
} LogPort;
static inline void log_tell(const LogPort *log, const LogEntry *entry)
{
    if (log->entry)
        log->entry(log->self, entry);
    else
        log->line(log->self, entry->message);
}

/* Who is told of events. It reads them where they are committed, and tells how far it came by
 * reconciler_outbox(). durable NULL: there is nobody. */
typedef struct OutboxPort {
    void (*durable)(void *self, uint64_t event_sequence); /* events up to this one are committed */
    void *self;
} OutboxPort;

/* The inbox is reconciler_take_call(), whose answers are each call's answer(); the source port is follow.h on
 * WorkPort. The lease is held by whoever makes the Ports, for as long as they are used. */
typedef struct Ports {
    ClockPort clock;
    StorePort store;
    WorkPort work;
    FilePort files;
    LogPort log;
    OutboxPort outbox;
    Provider *provider; /* NULL: commit only, nothing is launched */
    EntropyPort entropy;
} Ports;

/* What main.c hands to cli/: running the reconciler inside this process, so that no command includes
 * reconcile.h. Commands are always clients of the socket; hosting only makes sure that somebody answers it.
 */
#define RECORD_MIB_DEFAULT 64
#define RECORD_MIB_MAX     1024
#define WEB_CONFIG_FILE    "web.yaml" /* in the state directory: who may use the web page */
typedef struct HostOptions {
    const char *state_dir; /* absolute */
    const char
        *command; /* "serve", "apply", "wait", "start", "submit" …: shown to whoever finds the lease held */
    bool launch;  /* false: commit only; nothing is started (submit, cancel, apply --wait none) */
    const char *const
        *follow; /* sources to follow (serve): absolute directories, git locations; NULL-terminated or NULL */
    const char *const
        *follow_values;      /* what their variables are given (given_values.h), JSON or ""; NULL: none */
    const char *source_name; /* --source NAME for a single followed source, or NULL */
    const char *provider;    /* --provider or NULL */
    const char *policy;      /* --policy: a file, absolute (policy.h); NULL: everything is allowed */
    const char *listen;      /* --listen ADDRESS:PORT (listen_address.h, checked), or NULL */
    const char *key_file;    /* of the API over TCP (key.h), absolute; may be absent; NULL without listen */
    const char *tls_cert, *tls_key;     /* PEM files of the listener, absolute; NULL: nothing is encrypted */
    const struct AddressRange *proxies; /* --behind-proxy (address_range.h) */
    size_t proxies_len;
    const char *web;   /* who may use the web page: a file, absolute (web_config.h); may be absent */
    bool web_is_named; /* it was asked for: it must be there */
    const char *web_user_header, *web_groups_header; /* as a proxy names who asks; NULL: it names nobody */
    const char *metrics_token;  /* file of the token that /metrics asks for, absolute; NULL: none */
    const char *publish;        /* --publish-snapshot FILE, absolute, or NULL */
    const char *backup;         /* --backup: an absolute path or s3://…, or NULL */
    int64_t backup_interval_ms; /* 0: the default */
    const char *notify;         /* who is told of events: a file, absolute (notify_config.h); NULL: nobody */
    bool notify_is_named;       /* it was asked for: it must be there */
    int64_t interval_ms;        /* slow full pass; 0: default */
    bool log_to_stderr;         /* serve: log lines; else quiet */
    LogFormat log_format;       /* of these */
    int64_t record_bytes;       /* at most, for replays; 0: nothing is recorded */
} HostOptions;

/* What is simulated: the manifests of one source, with what a workload submits beside them. Everything is
 * borrowed until simulate() returns. */
typedef struct SimulateOptions {
    const ManifestSet *set;   /* validated */
    const char *source;       /* what the result calls it */
    const char *provider;     /* --provider or NULL */
    const Workload *workload; /* checked against set; NULL: the manifests' own jobs and pipelines alone */
    uint64_t seed;
    SpotRisk spot_risk;
    int64_t start_ms; /* of the simulated clock; the workload's times count from here */
    int64_t until_ms; /* ends there whatever is left; 0: when everything has ended */
} SimulateOptions;

/* What a plan leads to. Borrowed until forecast() returns. */
typedef struct ForecastOptions {
    const char *state_dir; /* absolute; NULL, or may not exist: then there is nothing to compare with */
    const Plan *plan;
    const char *source, *provider; /* identity; --provider or NULL */
    const char *region; /* whose prices count where an environment names none; NULL: muster.yaml's */
    uint64_t seed;
    int64_t now_ms;
    bool (*give_up)(
        void *data); /* asked now and then, in two threads: true cuts the forecast there; may be NULL */
    void *give_up_data;
} ForecastOptions;

/* Where a replay begins: with the daemon of this term, or the one that was recorded last when it was at_ms,
 * or with the oldest if all began later. Both 0: with the oldest. */
typedef struct {
    uint64_t term;
    int64_t at_ms;
} ReplayFrom;

/* What the replay of one process of a recording came to. Texts are owned. */
typedef enum { RECORDING_ENDS_WELL, RECORDING_IS_TORN, RECORDING_IS_FULL, RECORDING_IS_DAMAGED } RecordingEnd;
typedef struct {
    uint64_t term;
    char *version;                               /* of the program that recorded it */
    int64_t begun_ms, last_ms;                   /* the clock at the beginning and when it was asked last */
    uint64_t ticks, requests, events, revisions; /* taken in */
    uint64_t commits, rows, launches, stops;     /* decided */
    RecordingEnd end;
    uint64_t damaged_at; /* byte of the file */
    char *problem;       /* why it could not be replayed: then nothing but term is known; NULL: it could */
    char *difference;    /* the first; NULL: the replay decided the same */
    uint64_t differs_at; /* tick, from 1; 0: before the first */
    int64_t differs_ms;  /* its time */
} ReplayedRun;

/* What muster would use of AWS, and of a container engine, is looked at; nothing is changed there. Borrowed;
 * NULL: as the environment says. */
typedef struct DoctorOptions {
    const char *profile, *region, *account, *role_arn; /* account: that it has to be; role: assumed first */
    const ManifestSet *set; /* its environments are looked at; NULL: none, only what is at hand */
    const char *provider;   /* of environments that name none: "aws" … */
    bool overrides;         /* and of all others */
} DoctorOptions;

/* The log of a task on AWS: a stream of CloudWatch Logs. Borrowed. */
typedef struct CloudLogPlace {
    const char *region, *group, *stream;
} CloudLogPlace;
typedef struct CloudLog CloudLog;
typedef void (*CloudLogLine)(View text, void *data); /* without its newline */

/* What is passed on, and to whom (proxy.h). Borrowed for as long as the proxy is. */
typedef struct ProxyOptions {
    const char *listen;      /* ADDRESS:PORT of this machine alone, checked (listen_address.h) */
    const char *url;         /* of the daemon, without a slash at its end */
    const char *id, *secret; /* the key of muster that signs */
    const char *authorities; /* file of the certificate authorities to trust; NULL: the system's */
} ProxyOptions;

typedef struct HostHandle HostHandle;
typedef struct Host {
    /* Starts the engine in a thread of its own: takes the lease, opens the store, serves DIR/muster.sock;
     * returns when the socket answers. LEASE_ERROR_HELD: somebody else hosts (become its client). */
    HostHandle *(*start)(const HostOptions *options, GError **error);
    /* Ends it orderly: commits what is under way, jobs go on running. Returns false with error when the
     * engine had failed meanwhile. */
    bool (*stop)(HostHandle *handle, GError **error);
    /* Readable when the engine has ended by itself (a fault); for poll. */
    int (*failed_fd)(HostHandle *handle);
    /* Loads every followed source again at once (SIGHUP). */
    void (*reload)(HostHandle *handle);
    /* Runs the engine over simulated machines in virtual time, in the calling thread. *ret_result is the
     * caller's (simulation_result_free). NULL: this program cannot. */
    bool (*simulate)(const SimulateOptions *options, SimulationResult **ret_result, GError **error);
    /* The committed state with and without the plan's changes, simulated; blocks for as long as that takes.
     * Both results are the caller's: outlook_free, g_ptr_array_unref (of Violation). */
    bool (*forecast)(const ForecastOptions *options, Outlook **ret_outlook, GPtrArray **ret_violations,
                     GError **error);
    /* Replays what the daemons of a state directory recorded, the oldest first: the same engine, fed with
     * what it was fed with. *ret_runs: of ReplayedRun, the caller's. False: there is nothing that can be
     * replayed, or nothing from there on. */
    bool (*replay)(const char *state_dir, const ReplayFrom *from, GPtrArray **ret_runs, GError **error);
    /* *ret_checks: [{"check", "status": "ok|warning|failed|not checked", "detail", "cure"?, "policy"?,
     * "scope"?}…], the caller's; policy: of IAM, as it has to be added. */
    bool (*doctor)(const DoctorOptions *options, json_t **ret_checks, GError **error);
    /* Whether a container engine answers from here; *ret_text: new, which one and where, or why not
     * (docker_probe.h). Blocks for two seconds at most. */
    bool (*docker)(char **ret_text);
    /* What a plan says of the container engine that set would use (docker_facts.h); provider: where what does
     * not say it runs. Blocks for some seconds at most. */
    char **(*docker_notices)(const ManifestSet *set, const char *provider, bool overrides);
    /* What tasks on AWS printed (cloud_log.h). Block. */
    CloudLog *(*log_open)(const CloudLogPlace *place, GError **error);
    bool (*log_read)(CloudLog *log, CloudLogLine line, void *data, GError **error);
    void (*log_close)(CloudLog *log);
    /* The state to a file or "s3://BUCKET/KEY" (backup_send.h); a file from there (object_store.h). Block. */
    bool (*backup)(const char *state_dir, const char *place, bool replaces, BackupInfo *ret_info,
                   GError **error);
    bool (*object_get)(const char *url, const char *path, GError **error);
    /* What AWS Batch has (batch_reader.h); of options the place and the credentials count. Blocks. */
    bool (*batch_read)(const DoctorOptions *options, json_t **ret_answers, GError **error);
    /* Passes on what clients of AWS Batch ask until stop_fd is readable, and then what is under way; says on
     * stderr where it listens. False with error: it cannot listen there. */
    bool (*proxy)(const ProxyOptions *options, int stop_fd, GError **error);
} Host;
