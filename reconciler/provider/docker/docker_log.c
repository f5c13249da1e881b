/* docker_log.c: where a container's output goes. muster reads it back from the engine, so it is kept there,
 * bounded, unless the definition names another driver. */
#include <string.h>
#include "reconciler/provider/docker/docker_building.h"

#define FILE_MAX  "16m" /* of one file of json-file, … */
#define FILES_MAX "4"   /* … and how many there are: older lines of a container go */

static json_t *kept_here(void)
{
    return json_pack("{s:s,s:{s:s,s:s}}", "Type", "json-file", "Config", "max-size", FILE_MAX, "max-file",
                     FILES_MAX);
}

static bool set_secret_options(const DockerBuilding *building, const json_t *secrets, json_t *options,
                               GError **error)
{
    size_t index;
    json_t *secret;
    json_array_foreach(secrets, index, secret)
    {
        g_autofree char *value = docker_secret_value(building, secret, error);
        if (!value)
            return false;
        json_object_set_new(options, docker_text(secret, "name"), json_string(value));
    }
    return true;
}

static bool set_driver(const DockerBuilding *building, const json_t *said, const char *driver, json_t *host,
                       GError **error)
{
    json_t *options = json_object(),
           *configuration = json_pack("{s:s,s:o}", "Type", driver, "Config", options);
    if (json_is_object(json_object_get(said, "options")))
        json_object_update(options, json_object_get(said, "options"));
    bool is_good = set_secret_options(building, json_object_get(said, "secretOptions"), options, error);
    if (is_good)
        json_object_set(host, "LogConfig", configuration);
    json_decref(configuration);
    return is_good;
}

/* awslogs is what Batch has without a word of it: here it is the engine's own file. */
bool docker_log_set(const DockerBuilding *building, const DockerPart *part, json_t *host, GError **error)
{
    const json_t *said = json_object_get(part->defined, "logConfiguration");
    const char *driver = docker_text(said, "logDriver");
    if (json_object_get(part->defined, "firelensConfiguration") || g_strcmp0(driver, "awsfirelens") == 0)
        return docker_refuse(error, "container %s: on docker there are no log routers (FireLens)",
                             part->name);
    if (driver && strcmp(driver, "awslogs") != 0)
        return set_driver(building, said, driver, host, error);
    json_object_set_new(host, "LogConfig", kept_here());
    return true;
}
