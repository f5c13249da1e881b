/* generate_manifests.c: see generate_manifests.h. Of 1,000 manifests 1 is an environment, 9 are queues, 190
 * are job definitions and 800 are jobs, which refer to those of their own thousand. */
#include "tests/bench/generate_manifests.h"
#include <errno.h>
#include <sys/stat.h>

#define GROUP       1000u
#define QUEUES      9u
#define DEFINITIONS 190u

static void write_environment(FILE *out, size_t group)
{
    fprintf(
        out,
        "# Environment of group %zu: what the laptop, the build machine and the cluster have in common.\n"
        "# Members that only the cluster needs are left out; the provider is decided in muster.yaml.\n"
        "apiVersion: muster/v1\nkind: ComputeEnvironment\nmetadata:\n  name: environment-%06zu\n  labels:\n"
        "    team: platform\n    tier: shared\n  annotations:\n    muster/deletion: drain\nspec:\n"
        "  provider: local\n  type: MANAGED\n  state: ENABLED\n  computeResources:\n    type: EC2\n"
        "    minvCpus: 0\n    maxvCpus: 256\n",
        group, group);
}

static void write_queue(FILE *out, size_t group, size_t index)
{
    fprintf(out,
            "# Queue %zu of group %zu. Queues that share an environment are served by priority, jobs of one\n"
            "# queue in the order of their submission.\n"
            "apiVersion: muster/v1\nkind: JobQueue\nmetadata:\n  name: queue-%06zu-%zu\n  labels:\n"
            "    team: platform\n    tier: shared\n  annotations:\n    muster/prune: \"false\"\n    "
            "muster/deletion: drain\n"
            "spec:\n  state: ENABLED\n  priority: %zu\n  computeEnvironmentOrder:\n"
            "    - order: 1\n      computeEnvironment: environment-%06zu\n",
            index, group, group, index, 10 + index, group);
}

static void write_definition(FILE *out, size_t group, size_t index)
{
    fprintf(
        out,
        "# Definition %zu of group %zu: one step of the analysis. The image is for the cluster only.\n"
        "apiVersion: muster/v1\nkind: JobDefinition\nmetadata:\n  name: definition-%06zu-%03zu\n  labels:\n"
        "    team: genomics\n    project: \"project-%03zu\"\nspec:\n  type: container\n"
        "  parameters:\n    reference: GRCh38\n    sample: NA12878\n  containerProperties:\n"
        "    image: registry.example.org/genomics/align:%zu.%zu.0\n"
        "    command: [\"/usr/bin/align\", \"--reference\", \"Ref::reference\", \"--sample\", "
        "\"Ref::sample\", \"--threads\", \"2\"]\n"
        "    resourceRequirements:\n      - {type: VCPU, value: \"2\"}\n      - {type: MEMORY, value: "
        "\"2048\"}\n"
        "    environment:\n      - {name: LOG_LEVEL, value: info}\n      - {name: OUTPUT, value: "
        "\"/data/out/%06zu/%03zu\"}\n"
        "      - {name: CHUNK_SIZE, value: \"65536\"}\n"
        "  retryStrategy:\n    attempts: 3\n  timeout:\n    attemptDurationSeconds: %zu\n",
        index, group, group, index, index % 17, 1 + index % 5, index % 10, group, index, 600 + index);
}

static void write_job(FILE *out, size_t group, size_t index)
{
    fprintf(out,
            "# Job %zu of group %zu: a sample of the cohort, run once for each content of this manifest.\n"
            "apiVersion: muster/v1\nkind: Job\nmetadata:\n  name: job-%06zu-%03zu\n  labels:\n"
            "    team: genomics\n    cohort: \"cohort-%03zu\"\n    sample: \"sample-%06zu-%03zu\"\nspec:\n"
            "  jobQueue: queue-%06zu-%zu\n  jobDefinition: definition-%06zu-%03zu\n  parameters:\n"
            "    reference: GRCh38\n    sample: \"sample-%06zu-%03zu\"\n"
            "    input: \"/data/cohort/%06zu/%03zu/reads.fastq.gz\"\n"
            "  containerOverrides:\n    resourceRequirements:\n      - {type: VCPU, value: \"%zu\"}\n"
            "      - {type: MEMORY, value: \"%zu\"}\n    environment:\n"
            "      - {name: SAMPLE, value: \"sample-%06zu-%03zu\"}\n      - {name: SHARD, value: \"%zu\"}\n"
            "      - name: DESCRIPTION\n        value: >-\n"
            "          aligns the reads of this sample to the reference, marks duplicates\n"
            "          and leaves the result beside the input\n",
            index, group, group, index, index % 50, group, index, group, index % QUEUES, group,
            index % DEFINITIONS, group, index, group, index, 1 + index % 2, 512 * (1 + index % 4), group,
            index, index);
}

void generate_manifests(FILE *out, size_t first, size_t len, size_t total)
{
    for (size_t i = first; i < first + len && i < total; i++) {
        size_t group = i / GROUP, index = i % GROUP;
        fputs("---\n", out);
        if (index == 0)
            write_environment(out, group);
        else if (index <= QUEUES)
            write_queue(out, group, index - 1);
        else if (index <= QUEUES + DEFINITIONS)
            write_definition(out, group, index - 1 - QUEUES);
        else
            write_job(out, group, index - 1 - QUEUES - DEFINITIONS);
    }
}

int generate_stream(const char *path, size_t total)
{
    FILE *out = fopen(path, "w");
    if (!out)
        return -1;
    generate_manifests(out, 0, total, total);
    return fclose(out);
}

static int make_directory(const char *path)
{
    return mkdir(path, 0777) != 0 && errno != EEXIST ? -1 : 0;
}

static int write_config(const char *directory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/muster.yaml", directory);
    FILE *out = fopen(path, "w");
    if (!out)
        return -1;
    fputs("name: bench\nprovider: local\n", out);
    return fclose(out);
}

int generate_tree(const char *directory, size_t total, size_t files)
{
    char path[4096];
    size_t per_file = (total + files - 1) / files;
    if (make_directory(directory) != 0 || write_config(directory) != 0)
        return -1;
    for (size_t i = 0; i < files; i++) {
        snprintf(path, sizeof path, "%s/%04zu", directory, i / 100);
        if (i % 100 == 0 && make_directory(path) != 0)
            return -1;
        snprintf(path, sizeof path, "%s/%04zu/%06zu.yaml", directory, i / 100, i);
        FILE *out = fopen(path, "w");
        if (!out)
            return -1;
        generate_manifests(out, i * per_file, per_file, total);
        if (fclose(out) != 0)
            return -1;
    }
    return 0;
}
