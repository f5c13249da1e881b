#include "reconciler/provider/docker/docker_plan.h"
#include <string.h>
#include "reconciler/provider/docker/docker_image.h"
#include "spec/task_part.h"

#define NAMES_SHOWN 20 /* of a list, at most */

struct DockerWants {
    GPtrArray *names;  /* of char*: canonical, of images that are pulled where they are not there */
    GPtrArray *always; /* of those that are pulled before each attempt */
    bool has_quota, has_swap, has_swappiness;
};

DockerWants *docker_wants_new(void)
{
    DockerWants *wants = g_new0(DockerWants, 1);
    wants->names = g_ptr_array_new_with_free_func(g_free);
    wants->always = g_ptr_array_new_with_free_func(g_free);
    return wants;
}

void docker_wants_free(DockerWants *wants)
{
    if (!wants)
        return;
    g_ptr_array_unref(wants->names);
    g_ptr_array_unref(wants->always);
    g_free(wants);
}

/* ---- what definitions want ---- */

static void add_container(DockerWants *wants, const json_t *container)
{
    const json_t *parameters = json_object_get(container, "linuxParameters");
    const char *image = json_string_value(json_object_get(container, "image")),
               *policy = json_string_value(json_object_get(container, "imagePullPolicy"));
    char *name = image ? docker_image_canonical(image) : NULL;
    if (name)
        g_ptr_array_add(g_strcmp0(policy, "Always") == 0 ? wants->always : wants->names, name);
    wants->has_quota |= json_is_true(json_object_get(container, "cpuQuota"));
    wants->has_swap |= json_object_get(parameters, "maxSwap") != NULL;
    wants->has_swappiness |=
        json_object_get(parameters, "maxSwap") && json_object_get(parameters, "swappiness");
}

static void add_part(DockerWants *wants, const TaskPart *part)
{
    for (size_t i = 0; i < task_part_len(part); i++)
        add_container(wants, task_part_container(part, i));
}

void docker_wants_add(DockerWants *wants, const json_t *spec)
{
    const json_t *ranges = json_object_get(json_object_get(spec, "nodeProperties"), "nodeRangeProperties");
    TaskPart part;
    if (task_part_find(spec, -1, &part, NULL))
        add_part(wants, &part);
    for (size_t i = 0; i < json_array_size(ranges); i++)
        if (task_part_of_range(json_array_get(ranges, i), &part))
            add_part(wants, &part);
}

/* ---- what the engine has ---- */

static void add_present(GHashTable *present, const json_t *names)
{
    size_t index;
    json_t *name;
    json_array_foreach(names, index, name)
    {
        char *canonical = json_string_value(name) ? docker_image_canonical(json_string_value(name)) : NULL;
        if (canonical)
            g_hash_table_add(present, canonical);
    }
}

static GHashTable *present_of(const json_t *images)
{
    GHashTable *present = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    size_t index;
    json_t *image;
    json_array_foreach(images, index, image)
    {
        const char *id = json_string_value(json_object_get(image, "Id"));
        add_present(present, json_object_get(image, "RepoTags"));
        add_present(present, json_object_get(image, "RepoDigests"));
        if (id)
            g_hash_table_add(present, g_strdup(id));
    }
    return present;
}

/* ---- sentences ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Those that are there, or are not; each once. present NULL: all. */
static GPtrArray *chosen(const GPtrArray *names, GHashTable *present, bool is_there)
{
    GPtrArray *list = g_ptr_array_new();
    g_autoptr(GPtrArray) sorted = g_ptr_array_copy((GPtrArray *)(uintptr_t)names, NULL, NULL);
    g_ptr_array_set_free_func(sorted, NULL);
    g_ptr_array_sort(sorted, by_text);
    for (guint i = 0; i < sorted->len; i++) {
        const char *name = sorted->pdata[i];
        bool is_again = i > 0 && strcmp(name, sorted->pdata[i - 1]) == 0;
        if (!is_again && (!present || (bool)g_hash_table_contains(present, name) == is_there))
            g_ptr_array_add(list, sorted->pdata[i]);
    }
    return list;
}

/* names: taken. NULL: there is none. */
static char *listed(GPtrArray *names)
{
    g_autoptr(GPtrArray) list = names;
    g_autoptr(GString) text = g_string_new(NULL);
    if (list->len == 0)
        return NULL;
    for (guint i = 0; i < MIN(list->len, NAMES_SHOWN); i++)
        g_string_append_printf(text, "%s%s", i == 0 ? "" : ", ", (const char *)list->pdata[i]);
    if (list->len > NAMES_SHOWN)
        g_string_append_printf(text, " and %u more", list->len - NAMES_SHOWN);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* names: taken. */
static void say_images(GPtrArray *notices, const char *what, GPtrArray *names)
{
    g_autofree char *list = listed(names);
    if (list)
        g_ptr_array_add(notices, g_strdup_printf("%s %s", what, list));
}

char *docker_wants_list(const DockerWants *wants, const json_t *images, bool is_there)
{
    g_autoptr(GHashTable) present = present_of(images);
    return listed(chosen(wants->names, present, is_there));
}

static bool lacks(const json_t *info, const char *name)
{
    return !json_is_true(json_object_get(info, name));
}

char *docker_wants_lacking(const DockerWants *wants, const json_t *info)
{
    const char *version = json_string_value(json_object_get(info, "CgroupVersion"));
    const struct {
        bool is_lacking;
        const char *what;
    } limits[] = {
        {lacks(info, "MemoryLimit"), "memory"},
        {lacks(info, "SwapLimit"), wants->has_swap ? "maxSwap" : "that containers do not swap"},
        {lacks(info, "CPUShares"), "the weight of vCPUs"},
        {wants->has_quota && lacks(info, "CpuCfsQuota"), "cpuQuota"},
        {wants->has_swappiness && g_strcmp0(version, "1") != 0, "swappiness (it needs cgroup v1)"},
    };
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++)
        if (limits[i].is_lacking)
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", limits[i].what);
    return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

static void say_limits(GPtrArray *notices, const DockerWants *wants, const json_t *info)
{
    g_autofree char *lacking = docker_wants_lacking(wants, info);
    if (lacking)
        g_ptr_array_add(notices, g_strdup_printf("docker: the engine cannot enforce %s", lacking));
}

static void say_fault(GPtrArray *notices, const DockerWants *wants, const char *fault)
{
    g_ptr_array_add(notices,
                    g_strdup_printf("docker: the engine does not answer, and jobs wait until it does: "
                                    "%s",
                                    fault));
    say_images(notices,
               "docker: whether it has these images is not known:", chosen(wants->names, NULL, true));
}

char **docker_wants_notices(const DockerWants *wants, const DockerFacts *facts)
{
    GPtrArray *notices = g_ptr_array_new();
    if (facts->fault) {
        say_fault(notices, wants, facts->fault);
    } else {
        g_autoptr(GHashTable) present = facts->images ? present_of(facts->images) : NULL;
        if (present)
            say_images(notices, "docker: there already:", chosen(wants->names, present, true));
        say_images(notices,
                   "docker: pulled when a job first needs them:", chosen(wants->names, present, false));
        say_images(notices, "docker: pulled before each attempt:", chosen(wants->always, NULL, true));
        say_limits(notices, wants, facts->info);
    }
    g_ptr_array_add(notices, NULL);
    return (char **)g_ptr_array_free(notices, FALSE);
}
