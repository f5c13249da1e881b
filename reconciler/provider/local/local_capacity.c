#include <glob.h>
#include <sched.h>
#include <stdio.h>
#include "reconciler/provider/local/launcher_cgroup.h"
#include "reconciler/provider/provider.h"

#define RESERVED_MIB  256
#define VCPUS_E4      10000
#define NOTICE_MAX    512
#define AFFINITY_CPUS 8192

static int64_t vcpus_of_affinity(void)
{
    cpu_set_t *set = CPU_ALLOC(AFFINITY_CPUS);
    size_t size = CPU_ALLOC_SIZE(AFFINITY_CPUS);
    int count = set && sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 1;
    CPU_FREE(set);
    return (int64_t)MAX(count, 1) * VCPUS_E4;
}

static int64_t memory_total_mib(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char line[256];
    long long kib = 0;
    while (file && fgets(line, sizeof line, file) && sscanf(line, "MemTotal: %lld", &kib) != 1)
        ;
    if (file)
        fclose(file);
    return kib / 1024;
}

static int gpus_count(void)
{
    glob_t found = {0};
    int count = 0;
    if (glob("/dev/nvidia[0-9]*", GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            const char *digits = found.gl_pathv[i] + strlen("/dev/nvidia");
            count += digits[strspn(digits, "0123456789")] == '\0';
        }
    globfree(&found);
    return count;
}

void provider_local_capacity(int64_t *ret_vcpus_e4, int64_t *ret_memory_mib, int *ret_gpus, char **ret_notice)
{
    int64_t limit_mib = cgroup_memory_limit_mib();
    int64_t memory_mib = MIN(memory_total_mib(), limit_mib) - RESERVED_MIB;
    char notice[NOTICE_MAX];
    *ret_vcpus_e4 = vcpus_of_affinity();
    *ret_memory_mib = MAX(memory_mib, 0);
    *ret_gpus = gpus_count();
    if (!ret_notice)
        return;
    cgroup_probe(notice, sizeof notice);
    *ret_notice = g_strdup(notice);
}
