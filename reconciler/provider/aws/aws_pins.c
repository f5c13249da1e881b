/* aws_pins.c: what references of an environment stand for whose meaning moves: $Latest and $Default of its
 * launch template, parameters of SSM that name images. They are looked up when an environment is made so,
 * where one is missing, and now and then, so that what is newer is told; what is pinned changes only by
 * aws_pins_set(). Two calls a look. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/ecs_words.h"

#define LOOK_MS ((int64_t)5 * 60 * 1000)

typedef struct {
    AwsPinsFound found;
    void *data;
} Waiting;

typedef struct AwsPinning {
    AwsCluster *cluster;
    GSource *timer;
    GArray *waiting;                            /* of Waiting; none: nothing is under way */
    json_t *result;                             /* of the look under way */
    json_t *parameters;                         /* in it: NAME → REFERENCE */
    char *told;                                 /* aws_pins_text() as the last look left it; NULL: none was */
    char generation[AWS_GENERATION_DIGITS + 1]; /* of the environment, as it began */
    unsigned machines;
} Pinning;

static Pinning *pinning_of(AwsCluster *cluster)
{
    Pinning *pinning = cluster->pinning;
    if (pinning)
        return pinning;
    pinning = g_new0(Pinning, 1);
    pinning->cluster = cluster;
    pinning->waiting = g_array_new(FALSE, FALSE, sizeof(Waiting));
    cluster->pinning = pinning;
    return pinning;
}

void aws_pins_free(Pinning *pinning)
{
    if (!pinning)
        return;
    if (pinning->timer)
        g_source_destroy(pinning->timer);
    g_clear_pointer(&pinning->timer, g_source_unref);
    g_array_unref(pinning->waiting);
    json_decref(pinning->result);
    json_decref(pinning->parameters);
    g_free(pinning->told);
    g_free(pinning);
}

static bool has_machines(const AwsCluster *cluster)
{
    return cluster->environment->type == CE_TYPE_EC2 || cluster->environment->type == CE_TYPE_SPOT;
}

/* ---- what is pinned ---- */

/* Machines of other pins are made from other templates. */
static void set(AwsCluster *cluster, json_t *pins)
{
    char before[sizeof cluster->generation], hex[2 * DIGEST_BYTES + 1];
    char *text = pins ? json_dumps(pins, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    g_autofree char *all = g_strdup_printf("%s %s", cluster->environment->generation, text ? text : "");
    Digest digest;
    free(text);
    json_decref(cluster->pins);
    cluster->pins = pins;
    memcpy(before, cluster->generation, sizeof before);
    digest_of(view_from(all), &digest);
    digest_to_hex(&digest, hex);
    g_strlcpy(cluster->generation, hex, sizeof cluster->generation);
    if (strcmp(before, cluster->generation) != 0)
        aws_cluster_retire_templates(cluster);
}

void aws_pins_set(AwsCluster *cluster, const char *pins, unsigned machines)
{
    cluster->machines = machines;
    set(cluster, pins ? json_loads(pins, 0, NULL) : NULL);
}

/* What is not pinned yet is pinned; a template that the environment does not name any more goes. An image
 * stays: it may be another template's that has none of its own. */
static void pin_missing(AwsCluster *cluster)
{
    json_t *pins = json_copy(cluster->newest), *value;
    const char *reference;
    json_object_foreach(cluster->pins, reference, value)
    {
        if (json_object_get(pins, reference) || g_str_has_prefix(reference, "image "))
            json_object_set(pins, reference, value);
    }
    set(cluster, pins);
}

const char *aws_pins_value(const AwsCluster *cluster, const char *reference)
{
    return json_string_value(json_object_get(cluster->pins, reference));
}

bool aws_pins_have(const AwsCluster *cluster, MachineKind kind)
{
    return cluster->pins && cluster->machines >> kind & 1;
}

char *aws_pins_text(const AwsCluster *cluster)
{
    if (!cluster->pins)
        return NULL;
    json_t *pins = json_pack("{s:O,s:O*}", "pinned", cluster->pins, "newest", cluster->newest);
    char *dumped = json_dumps(pins, JSON_COMPACT | JSON_SORT_KEYS), *text = g_strdup(dumped);
    free(dumped);
    json_decref(pins);
    return text;
}

/* ---- how a look ends ---- */

static void begin(Pinning *pinning);

static void end(Pinning *pinning, const char *fault, bool is_wrong)
{
    g_autoptr(GArray) waiting = pinning->waiting;
    pinning->waiting = g_array_new(FALSE, FALSE, sizeof(Waiting));
    g_clear_pointer(&pinning->result, json_decref);
    for (guint i = 0; i < waiting->len; i++) {
        const Waiting *one = &g_array_index(waiting, Waiting, i);
        one->found(fault, is_wrong, one->data);
    }
}

/* Of an environment that became another meanwhile nothing is known yet. */
static bool is_stale(const Pinning *pinning)
{
    const AwsCluster *cluster = pinning->cluster;
    return strcmp(pinning->generation, cluster->environment->generation) != 0 ||
           pinning->machines != cluster->machines;
}

static void fail(Pinning *pinning, const char *what, const AwsError *error)
{
    g_autofree char *why = aws_why(what, error);
    end(pinning, why, error->action == AWS_ACT_CONFIGURATION || error->action == AWS_ACT_FINAL);
}

static void finish(Pinning *pinning)
{
    AwsCluster *cluster = pinning->cluster;
    if (is_stale(pinning)) {
        begin(pinning);
        return;
    }
    json_decref(cluster->newest);
    cluster->newest = json_incref(pinning->result);
    pin_missing(cluster);
    end(pinning, NULL, false);
}

static void ask(Pinning *pinning, AwsService service, const char *action, json_t *body, const Query *query,
                AwsDone done)
{
    const AwsQuestion question = {.service = service, .action = action, .done = done, .data = pinning};
    if (query)
        aws_ask_query(pinning->cluster->place, &question, query);
    else
        aws_ask_json(pinning->cluster->place, &question, body);
}

/* ---- images ---- */

static void take_parameter(Pinning *pinning, const json_t *parameter)
{
    const char *selector = ecs_text(parameter, "Selector"), *plain = ecs_text(parameter, "Name"),
               *value = ecs_text(parameter, "Value");
    g_autofree char *name = g_strconcat(plain ? plain : "", selector ? selector : "", NULL);
    const char *reference = ecs_text(pinning->parameters, name);
    if (reference && value)
        json_object_set_new(pinning->result, reference, json_string(value));
}

/* NULL: all were found. Borrowed. */
static const char *missing(const Pinning *pinning)
{
    const char *name;
    json_t *reference;
    json_object_foreach(pinning->parameters, name, reference)
    {
        if (!json_object_get(pinning->result, json_string_value(reference)))
            return name;
    }
    return NULL;
}

static void take_parameters(const AwsAnswer *answer, void *data)
{
    Pinning *pinning = data;
    size_t index;
    json_t *parameter;
    if (answer->error) {
        fail(pinning, "the newest image cannot be found", answer->error);
        return;
    }
    json_array_foreach(json_object_get(answer->json, "Parameters"), index, parameter)
        take_parameter(pinning, parameter);
    const char *name = missing(pinning);
    g_autofree char *why =
        name ? g_strdup_printf("the newest image cannot be found: SSM has no parameter %s", name) : NULL;
    if (why)
        end(pinning, why, true);
    else
        finish(pinning);
}

static bool add_image(Pinning *pinning, MachineKind kind, const char *theirs, GError **error)
{
    g_auto(AwsImage) image = {0};
    bool is_arm = kind == MACHINE_ARM || kind == MACHINE_ARM_GPU,
         is_gpu = kind == MACHINE_X86_GPU || kind == MACHINE_ARM_GPU;
    if (!aws_environment_image_of(pinning->cluster->environment, is_arm, is_gpu, theirs, &image, error))
        return false;
    if (image.parameter)
        json_object_set_new(pinning->parameters, image.parameter, json_string(image.reference));
    return true;
}

/* theirs: the image of the environment's launch template; NULL: it has none. */
static void find_images(Pinning *pinning, const char *theirs)
{
    json_t *names = json_array(), *reference;
    const char *name;
    for (unsigned kind = 0; kind < MACHINE_KINDS; kind++) {
        g_autoptr(GError) error = NULL;
        if (pinning->machines >> kind & 1 && !add_image(pinning, (MachineKind)kind, theirs, &error)) {
            json_decref(names);
            end(pinning, error->message, true);
            return;
        }
    }
    json_object_foreach(pinning->parameters, name, reference)
        json_array_append_new(names, json_string(name)); /* at most one for each kind of machine */
    if (json_array_size(names) > 0) {
        ask(pinning, AWS_SSM, "GetParameters", json_pack("{s:o}", "Names", names), NULL, take_parameters);
        return;
    }
    json_decref(names);
    finish(pinning);
}

/* ---- the launch template ---- */

static void take_template(const AwsAnswer *answer, void *data)
{
    Pinning *pinning = data;
    const XmlElement *version = xml_find(answer->xml, "launchTemplateVersionSet/item");
    const char *number = xml_text(version, "versionNumber");
    g_autofree char *reference = aws_environment_template_reference(pinning->cluster->environment);
    if (answer->error) {
        fail(pinning, "the environment's launch template cannot be read", answer->error);
        return;
    }
    if (!number) {
        end(pinning, "the environment's launch template has no such version", true);
        return;
    }
    if (reference && !is_stale(pinning))
        json_object_set_new(pinning->result, reference, json_string(number));
    find_images(pinning, xml_text(version, "launchTemplateData/imageId"));
}

static void find_template(Pinning *pinning)
{
    const AwsEnvironment *environment = pinning->cluster->environment;
    const char *version = environment->template_version ? environment->template_version : "$Default";
    g_autoptr(Query) query = query_new("DescribeLaunchTemplateVersions", EC2_VERSION);
    query_add(query, "LaunchTemplateId", environment->template_id);
    query_add(query, "LaunchTemplateName", environment->template_id ? NULL : environment->template_name);
    query_add(query, "LaunchTemplateVersion.1", version);
    ask(pinning, AWS_EC2, "DescribeLaunchTemplateVersions", NULL, query, take_template);
}

/* ---- when ---- */

static void begin(Pinning *pinning)
{
    const AwsCluster *cluster = pinning->cluster;
    json_decref(pinning->result);
    pinning->result = json_object();
    json_decref(pinning->parameters);
    pinning->parameters = json_object();
    memcpy(pinning->generation, cluster->environment->generation, sizeof pinning->generation);
    pinning->machines = cluster->machines;
    if (aws_environment_has_template(cluster->environment))
        find_template(pinning);
    else
        find_images(pinning, NULL);
}

void aws_pins_find(AwsCluster *cluster, AwsPinsFound found, void *data)
{
    Pinning *pinning = pinning_of(cluster);
    const Waiting waiting = {found, data};
    if (!has_machines(cluster)) {
        found(NULL, false, data);
        return;
    }
    g_array_append_val(pinning->waiting, waiting);
    if (pinning->waiting->len == 1)
        begin(pinning);
}

static gboolean look(gpointer data);

static void later(Pinning *pinning, int64_t after_ms)
{
    if (!pinning->timer)
        pinning->timer = aws_after(pinning->cluster->provider, after_ms, look, pinning);
}

static int64_t look_ms(const Pinning *pinning)
{
    return aws_patience_ms(pinning->cluster->provider, LOOK_MS);
}

static void looked(const char *fault, bool is_wrong, void *data)
{
    Pinning *pinning = data;
    AwsCluster *cluster = pinning->cluster;
    g_autofree char *before = pinning->told;
    (void)is_wrong;
    pinning->told = aws_pins_text(cluster);
    if (fault)
        aws_log(cluster->provider, "ComputeEnvironment/%s: what is newer is looked for later: %s",
                cluster->name, fault);
    else if (g_strcmp0(before, pinning->told) != 0)
        aws_look_cluster(cluster);
    later(pinning, look_ms(pinning));
}

static gboolean look(gpointer data)
{
    Pinning *pinning = data;
    g_clear_pointer(&pinning->timer, g_source_unref);
    if (pinning->cluster->state == CLUSTER_READY && !pinning->cluster->apply)
        aws_pins_find(pinning->cluster, looked, pinning);
    else
        later(pinning, look_ms(pinning));
    return G_SOURCE_REMOVE;
}

void aws_pins_look(AwsCluster *cluster)
{
    if (has_machines(cluster))
        later(pinning_of(cluster), cluster->newest ? look_ms(pinning_of(cluster)) : 0);
}
