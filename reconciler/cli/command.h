/* command.h: what every command is made of: its row in the table, its options, one invocation of it.
 * Owns:   Invocation owns its options' text, its arguments and its Interrupt.
 * Calls:  GLib, ports.h.
 * Holds:  the table is the only place that describes a command: parsing, --help, man pages and completion
 * read it. */
#pragma once
#include "reconciler/cli/cli.h"
#include "reconciler/cli/interrupt.h"

typedef struct Command Command;

typedef enum { OPTION_FLAG, OPTION_TEXT, OPTION_LIST } OptionType;
typedef struct {
    const char *name; /* long name without dashes */
    char letter;      /* short name, or 0 */
    OptionType type;
    size_t offset;        /* of the member of Options that takes it: gboolean, char *, char ** */
    const char *argument; /* "DIR" for help; NULL for flags */
    const char *help;     /* one line */
    const char *values;   /* "table|wide|json": nothing else is accepted, completion offers them; or NULL */
} OptionSpec;

/* Every option of every command: one struct, since many are shared. Absent: NULL or FALSE. */
typedef struct {
    gboolean help;
    char *state, *output;
    char *format, *out, *provider, *only, *source, *plan, *wait_for, *timeout, *allow_deletes, *first_run,
        *interval;
    gboolean no_forecast, yes, wait, follow, failed;
    char *queue, *definition, *array, *name, *share_identifier, *vcpus, *memory, *gpus, *job_timeout,
        *attempts, *file;
    char **depends_on, **parameters, **env;
    char *status, *run, *limit, *attempt, *node, *after, *reason, *man;
    char *created_before, *created_after;
    char **set, **values;
    char *policy;
    gboolean reset_values, defaults, clear, dry_run;
    char *lasting;
    char *against, *installation, *publish_snapshot, *notify, *listen;
    gboolean force, unprivileged;
    char **behind_proxy, **scopes, **allow_queues, **allow_shares, **allow_roles, **allow_host_paths;
    char *key_file, *rate, *tls_cert, *tls_key, *server;
    char *backup, *backup_interval, *from, *log_format;
    char *profile, *region, *account, *role;
    gboolean all, strict;
    char *record, *replay, *workload, *seed, *compare, *html, *until, *begin, *spot_reclaim, *spot_refuse;
} Options;

typedef struct {
    const Command *command;
    const Host *host;
    Options options;
    char *picked;     /* what --provider auto became, and why; NULL: it was not given */
    char **arguments; /* NULL-terminated */
    int arguments_len;
    char **rest;          /* what follows "--"; NULL: there was none */
    Interrupt *interrupt; /* made by invocation_interrupt() */
} Invocation;

typedef enum {
    ARGUMENT_NONE,
    ARGUMENT_SOURCE,
    ARGUMENT_KIND,     /* whatever can be looked at: jobs, runs, resources */
    ARGUMENT_RESOURCE, /* resources only */
    ARGUMENT_SCHEMA,   /* whatever has a schema */
    ARGUMENT_JOB,
    ARGUMENT_COMMAND,
    ARGUMENT_SHELL
} ArgumentType;
typedef enum {
    GROUP_MANIFESTS,
    GROUP_RUNNING,
    GROUP_LOOKING,
    GROUP_JOBS,
    GROUP_OTHER,
    GROUP_COUNT
} CommandGroup;

/* Bits of Command.exits: which codes of the contract this command can end with. */
#define EXITS(code) (1u << (code))

struct Command {
    const char *name;
    CommandGroup group;
    const char *arguments;     /* "SOURCE…": shown in the usage line */
    const char *summary;       /* one line, starts in lower case */
    const char *description;   /* paragraphs, each one line, separated by "\n\n" */
    const char *examples;      /* lines "COMMAND\tWHAT IT DOES" */
    const OptionSpec *options; /* beside --state and --help */
    size_t options_len;
    ArgumentType argument;            /* what completion offers */
    int min_arguments, max_arguments; /* max -1: any number */
    unsigned exits;                   /* EXITS() bits; EXIT_OK and EXIT_ERROR are always there */
    bool takes_rest;                  /* "-- COMMAND…" */
    bool is_local;                    /* works where the state is, and not with --server */
    int (*run)(Invocation *invocation);
};

#define OPTION(member) offsetof(Options, member)
#define OPTION_OUTPUT                                                                                        \
    {                                                                                                        \
        "output", 'o', OPTION_TEXT, OPTION(output), "FORMAT", "table (default), wide, json or yaml",         \
            "table|wide|json|yaml"                                                                           \
    }
#define OPTION_PROVIDER                                                                                      \
    {                                                                                                        \
        "provider", 0, OPTION_TEXT, OPTION(provider), "P", "run every compute environment on this provider", \
            "local|docker|auto|aws|simulated"                                                                \
    }
/* Of every command that reads a SOURCE. */
#define OPTION_VARIABLES                                                                                     \
    {"set",        0,                                                                                        \
     OPTION_LIST,  OPTION(set),                                                                              \
     "NAME=VALUE", "value of a variable of muster.yaml (repeatable; wins over the others)",                  \
     NULL},                                                                                                  \
        {"values",                                                                                           \
         0,                                                                                                  \
         OPTION_LIST,                                                                                        \
         OPTION(values),                                                                                     \
         "FILE",                                                                                             \
         "YAML file with values of variables (repeatable; the later wins); else $MUSTER_VAR_NAME",           \
         NULL},                                                                                              \
    {                                                                                                        \
        "reset-values", 0, OPTION_FLAG, OPTION(reset_values), NULL,                                          \
            "leave out the values kept from the last apply", NULL                                            \
    }
#define OPTION_YES                                                                                           \
    {                                                                                                        \
        "yes", 'y', OPTION_FLAG, OPTION(yes), NULL, "do not ask", NULL                                       \
    }
#define OPTION_TIMEOUT                                                                                       \
    {                                                                                                        \
        "timeout", 0, OPTION_TEXT, OPTION(timeout), "D", "stop waiting after this long (90s, 10m, 2h)", NULL \
    }
/* Of every command that begins an apply. */
#define OPTION_WAIT_FOR                                                                                      \
    {                                                                                                        \
        "wait", 0, OPTION_TEXT, OPTION(wait_for), "FOR",                                                     \
            "resources (default): until they are as wanted; jobs: until the jobs ended; none",               \
            "resources|jobs|none"                                                                            \
    }
#define OPTION_ALLOW_DELETES                                                                                 \
    {                                                                                                        \
        "allow-deletes", 0, OPTION_TEXT, OPTION(allow_deletes), "N",                                         \
            "let up to N resources of a kind be deleted", NULL                                               \
    }
#define OPTION_NO_FORECAST                                                                                   \
    {                                                                                                        \
        "no-forecast", 0, OPTION_FLAG, OPTION(no_forecast), NULL,                                            \
            "leave the forecast out, and what queues assert unchecked", NULL                                 \
    }
#define OPTION_SOURCE                                                                                        \
    {                                                                                                        \
        "source", 0, OPTION_TEXT, OPTION(source), "NAME",                                                    \
            "identity of the source where its muster.yaml has no name", NULL                                 \
    }

#define OPTION_POLICY                                                                                        \
    {                                                                                                        \
        "policy", 0, OPTION_TEXT, OPTION(policy), "FILE", "what each source may do (muster schema policy)",  \
            NULL                                                                                             \
    }

/* The table, in the order of help; NULL-terminated. */
const Command *const *command_table(void);
const Command *command_find(const char *name); /* NULL: no such command */
/* The nearest name, or NULL. */
const char *command_suggest(const char *name);
/* Calls func for common and own options, in the order of help. */
typedef void (*OptionFunc)(const OptionSpec *option, void *data);
void command_each_option(const Command *command, OptionFunc func, void *data);

/* Made on first use: from then on SIGINT and SIGTERM are events, not the end. */
Interrupt *invocation_interrupt(Invocation *invocation);

extern const Command command_approve, command_rollback, command_init, command_validate, command_render,
    command_plan, command_apply, command_serve, command_destroy, command_get, command_describe,
    command_explain, command_status, command_submit, command_wait, command_logs, command_cancel,
    command_terminate, command_start, command_rerun, command_suspend, command_resume, command_events,
    command_history, command_forget, command_override, command_refresh, command_graph, command_schema,
    command_simulate, command_export, command_proxy, command_key, command_snapshot, command_backup,
    command_restore, command_doctor, command_version, command_completion, command_help;
