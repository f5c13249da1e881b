#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reconciler/cli/command.h"
#include "reconciler/cli/output.h"
#include "reconciler/cli/planning.h"
#include "reconciler/cli/report.h"

typedef struct {
    const char *name, *text;
} StarterFile;

static const StarterFile files[] = {
    {"muster.yaml",
     "# What belongs to this source as a whole. Every other YAML file here holds manifests.\n"
     "# name: my-project      # the source's identity; else the directory's name. Do not change it later:\n"
     "#                        # what a source made belongs to this name.\n"
     "provider: local          # jobs run as processes on this machine; aws is where nothing is said\n"
     "retention: 7d            # how long finished jobs are kept\n"},
    {"environments.yaml",
     "# Where jobs run, and the queue that leads there.\n"
     "apiVersion: muster/v1\n"
     "kind: ComputeEnvironment\n"
     "metadata: {name: here}\n"
     "spec:\n"
     "  type: MANAGED            # on `local` the limit is the machine itself\n"
     "---\n"
     "apiVersion: muster/v1\n"
     "kind: JobQueue\n"
     "metadata: {name: default}\n"
     "spec:\n"
     "  priority: 1              # of several queues the one with the higher number goes first\n"
     "  computeEnvironmentOrder: [here]\n"},
    {"jobs.yaml", "# What can be run: a command and what it needs. Ref::who is replaced by a parameter.\n"
                  "apiVersion: muster/v1\n"
                  "kind: JobDefinition\n"
                  "metadata: {name: greet}\n"
                  "spec:\n"
                  "  type: container\n"
                  "  parameters: {who: world}\n"
                  "  retryStrategy: {attempts: 2}\n"
                  "  timeout: {attemptDurationSeconds: 60}\n"
                  "  containerProperties:\n"
                  "    command: [sh, -c, 'echo \"hello, $1\"', sh, 'Ref::who']\n"
                  "    resourceRequirements:\n"
                  "      - {type: VCPU, value: \"1\"}\n"
                  "      - {type: MEMORY, value: \"64\"}   # MiB\n"
                  "---\n"
                  "# A Job runs once for each content: change it, and `muster apply` runs it again.\n"
                  "apiVersion: muster/v1\n"
                  "kind: Job\n"
                  "metadata: {name: first}\n"
                  "spec:\n"
                  "  jobQueue: default\n"
                  "  jobDefinition: greet\n"
                  "  parameters: {who: muster}\n"},
    {"pipeline.yaml",
     "# Steps that depend on each other. All of them see the same directory as $MUSTER_WORKSPACE.\n"
     "apiVersion: muster/v1\n"
     "kind: JobDefinition\n"
     "metadata: {name: square}\n"
     "spec:\n"
     "  type: container\n"
     "  containerProperties:\n"
     "    command:\n"
     "      - sh\n"
     "      - -euc\n"
     "      - |\n"
     "        n=$AWS_BATCH_JOB_ARRAY_INDEX        # every child of an array has its own\n"
     "        echo $((n * n)) > \"$MUSTER_WORKSPACE/square.$n\"\n"
     "    resourceRequirements:\n"
     "      - {type: VCPU, value: \"1\"}\n"
     "      - {type: MEMORY, value: \"64\"}\n"
     "---\n"
     "apiVersion: muster/v1\n"
     "kind: JobDefinition\n"
     "metadata: {name: add-up}\n"
     "spec:\n"
     "  type: container\n"
     "  containerProperties:\n"
     "    command:\n"
     "      - sh\n"
     "      - -euc\n"
     "      - |\n"
     "        cat \"$MUSTER_WORKSPACE\"/square.* | awk '{ sum += $1 } END { print \"sum of squares:\", sum "
     "}'\n"
     "    resourceRequirements:\n"
     "      - {type: VCPU, value: \"1\"}\n"
     "      - {type: MEMORY, value: \"64\"}\n"
     "---\n"
     "apiVersion: muster/v1\n"
     "kind: Pipeline\n"
     "metadata: {name: squares}\n"
     "spec:\n"
     "  jobQueue: default\n"
     "  workspace: true\n"
     "  jobs:\n"
     "    - {name: square, jobDefinition: square, arrayProperties: {size: 4}}\n"
     "    - {name: sum, jobDefinition: add-up, dependsOn: [{job: square}]}\n"},
    {".gitignore", "# What muster keeps beside muster.yaml: state, logs, workspaces.\n.muster/\n"},
};

/* Nothing is written where anything is there already. */
static int check_free(const char *directory)
{
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(directory, files[i].name, NULL);
        struct stat status;
        bool is_optional = strcmp(files[i].name, ".gitignore") == 0; /* a repository has its own */
        if (!is_optional && lstat(path, &status) == 0)
            return report_failure(EXIT_REFUSED,
                                  "%s is there already; nothing was written (init never overwrites)", path);
    }
    return EXIT_OK;
}

static bool write_file(const char *path, const char *text, GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    size_t len = strlen(text);
    bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;
    int cause = errno;
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    if (!ok)
        g_set_error(error, CLI_ERROR, EXIT_ERROR, "%s: %s", path, g_strerror(cause));
    return ok;
}

static bool write_all(const char *directory, GString *out, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(directory, files[i].name, NULL);
        if (strcmp(files[i].name, ".gitignore") == 0 && g_file_test(path, G_FILE_TEST_EXISTS))
            continue;
        if (!write_file(path, files[i].text, error))
            return false;
        g_string_append_printf(out, "%s\n", path);
    }
    return true;
}

static int run(Invocation *invocation)
{
    const char *directory = invocation->arguments_len ? invocation->arguments[0] : ".";
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    if (g_mkdir_with_parents(directory, 0777) < 0)
        return report_failure(EXIT_ERROR, "%s: %s", directory, g_strerror(errno));
    int code = check_free(directory);
    if (code != EXIT_OK)
        return code;
    bool ok = write_all(directory, out, &error);
    output_string(out);
    if (!ok)
        return report_error(error);
    g_autofree char *next =
        shell_join((const char *const[]){"muster", "apply", directory, "--wait", "jobs", NULL});
    fprintf(stderr, "Next: %s\n", next);
    return EXIT_OK;
}

const Command command_init = {
    .name = "init",
    .group = GROUP_MANIFESTS,
    .arguments = "[DIR]",
    .summary = "write a small working set of manifests",
    .description = "Writes muster.yaml, an environment and a queue, a job definition with a Job, and a "
                   "Pipeline into DIR (by default "
                   "here): small, commented, and running on this machine as they are. Nothing is ever "
                   "overwritten: where one of the "
                   "files is there already, nothing is written.",
    .examples = "muster init hello && muster apply hello --wait jobs\tfrom nothing to finished jobs",
    .argument = ARGUMENT_SOURCE,
    .min_arguments = 0,
    .max_arguments = 1,
    .exits = EXITS(EXIT_REFUSED),
    .run = run,
};
