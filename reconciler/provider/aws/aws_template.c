/* aws_template.c: what instances of an environment are made from: one launch template of ours for each kind
 * of image. Its name says from which spec and which pins (aws_pins.c) it was made, so that it is found again
 * after a restart. */
#include <string.h>
#include "reconciler/provider/aws/aws_internal.h"
#include "reconciler/provider/aws/launch_template.h"
#include "reconciler/provider/aws/user_data.h"

#define NAME_MAX_CHARS 128 /* of a launch template, by EC2 */
#define RESERVED_MIB   32  /* for ECS's agent: as the catalogue plans it */
#define IDLE_S         3600
#define TAGS_MAX       50

struct AwsTemplate {
    AwsCluster *cluster;
    bool is_arm, is_gpu;
    char *name, *id, *version;
    char *image, *profile_arn;
    GArray *waiting; /* of LaunchToken: hosts */
};

void aws_template_free(void *data)
{
    AwsTemplate *template = data;
    g_free(template->name);
    g_free(template->id);
    g_free(template->version);
    g_free(template->image);
    g_free(template->profile_arn);
    g_array_unref(template->waiting);
    g_free(template);
}

/* ---- how it ends ---- */

static void say(AwsTemplate *template, InstanceRefusal refusal, const char *reason)
{
    g_autoptr(GArray) waiting = template->waiting;
    template->waiting = g_array_new(FALSE, FALSE, sizeof(LaunchToken));
    for (guint i = 0; i < waiting->len; i++) {
        AwsHost *host =
            g_hash_table_lookup(template->cluster->provider->hosts, &g_array_index(waiting, LaunchToken, i));
        if (host && template->id)
            aws_host_buy(host, template->id, template->version);
        else if (host)
            aws_host_refuse(host, refusal, reason);
    }
}

static void fail(AwsTemplate *template, const char *what, const AwsError *error)
{
    g_autofree char *why = aws_why(what, error);
    bool is_wrong = error->action == AWS_ACT_CONFIGURATION || error->action == AWS_ACT_FINAL;
    say(template, is_wrong ? INSTANCE_REFUSED_CONFIGURATION : INSTANCE_REFUSED_UNKNOWN_LATER, why);
}

static void ask(AwsTemplate *template, const Query *query, AwsService service, const char *action,
                AwsDone done)
{
    const AwsQuestion question = {.service = service, .action = action, .done = done, .data = template};
    aws_ask_query(template->cluster->place, &question, query);
}

/* ---- making it ---- */

static void take_made(const AwsAnswer *answer, void *data)
{
    AwsTemplate *template = data;
    const char *id = xml_text(answer->xml, "launchTemplate/launchTemplateId");
    if (answer->error) {
        fail(template, "no launch template can be made", answer->error);
        return;
    }
    template->id = g_strdup(id);
    template->version = g_strdup("1");
    say(template, 0, id ? NULL : "EC2 has made a launch template without an id");
}

/* What muster marks: instances and volumes, and the template itself. */
static size_t make_tags(const AwsCluster *cluster, LaunchTag *tags)
{
    size_t len = 0;
    const char *key;
    json_t *value;
    tags[len++] = (LaunchTag){TAG_INSTALL, cluster->installation};
    tags[len++] = (LaunchTag){TAG_ENVIRONMENT, cluster->name};
    tags[len++] = (LaunchTag){TAG_GENERATION, cluster->generation};
    json_object_foreach(cluster->environment->instance_tags, key, value)
    {
        if (len < TAGS_MAX - 1)
            tags[len++] = (LaunchTag){key, json_string_value(value)};
    }
    if (!json_object_get(cluster->environment->instance_tags, "Name"))
        tags[len++] = (LaunchTag){"Name", cluster->cluster};
    return len;
}

static void add_own_tags(Query *query, const AwsCluster *cluster)
{
    query_add(query, "TagSpecification.1.ResourceType", "launch-template");
    query_add(query, "TagSpecification.1.Tag.1.Key", TAG_INSTALL);
    query_add(query, "TagSpecification.1.Tag.1.Value", cluster->installation);
    query_add(query, "TagSpecification.1.Tag.2.Key", TAG_ENVIRONMENT);
    query_add(query, "TagSpecification.1.Tag.2.Value", cluster->name);
    query_add(query, "TagSpecification.1.Tag.3.Key", TAG_GENERATION);
    query_add(query, "TagSpecification.1.Tag.3.Value", cluster->generation);
}

static char *user_data_of(const AwsTemplate *template, const XmlElement *own, GError **error)
{
    const AwsCluster *cluster = template->cluster;
    const UserDataPair attributes[] = {{"muster.environment", cluster->name}};
    const UserDataConfig config = {.cluster = cluster->cluster,
                                   .attributes = attributes,
                                   .attributes_len = G_N_ELEMENTS(attributes),
                                   .reserved_memory_mib = RESERVED_MIB,
                                   .is_gpu = template->is_gpu,
                                   .idle_shutdown_s = IDLE_S};
    g_autofree char *theirs = launch_template_user_data(own);
    return user_data_merge(theirs, &config, error);
}

/* own: the user's template; NULL: none. */
static void make(AwsTemplate *template, const XmlElement *own)
{
    const AwsCluster *cluster = template->cluster;
    const AwsEnvironment *environment = cluster->environment;
    LaunchTag tags[TAGS_MAX];
    g_autoptr(GError) error = NULL;
    g_autofree char *data = user_data_of(template, own, &error);
    if (!data) {
        say(template, INSTANCE_REFUSED_CONFIGURATION, error->message);
        return;
    }
    const LaunchOverlay overlay = {.image_id = template->image,
                                   .instance_profile_arn = template->profile_arn,
                                   .key_name = environment->key_name,
                                   .placement_group = environment->placement_group,
                                   .user_data = data,
                                   .security_groups = environment->security_groups[0]
                                                          ? (const char *const *)environment->security_groups
                                                          : NULL,
                                   .tags = tags,
                                   .tags_len = make_tags(cluster, tags)};
    g_autoptr(Query) query = query_new("CreateLaunchTemplate", EC2_VERSION);
    query_add(query, "LaunchTemplateName", template->name);
    launch_template_data(query, own, &overlay);
    add_own_tags(query, cluster);
    ask(template, query, AWS_EC2, "CreateLaunchTemplate", take_made);
}

/* ---- what it is made of: the image ---- */

/* own: the user's template; NULL: none. */
static void take_image(AwsTemplate *template, const XmlElement *own)
{
    const AwsCluster *cluster = template->cluster;
    g_auto(AwsImage) image = {0};
    g_autoptr(GError) error = NULL;
    if (!aws_environment_image_of(cluster->environment, template->is_arm, template->is_gpu,
                                  xml_text(own, "imageId"), &image, &error)) {
        say(template, INSTANCE_REFUSED_CONFIGURATION, error->message);
        return;
    }
    const char *id = image.id ? image.id : aws_pins_value(cluster, image.reference);
    g_free(template->image);
    template->image = g_strdup(id);
    if (id)
        make(template, own);
    else
        say(template, INSTANCE_REFUSED_UNKNOWN_LATER, "its image is being looked up");
}

/* ---- what it is made of: the user's template ---- */

static void take_own(const AwsAnswer *answer, void *data)
{
    const XmlElement *own = xml_find(answer->xml, "launchTemplateVersionSet/item/launchTemplateData");
    if (answer->error)
        fail(data, "the environment's launch template cannot be read", answer->error);
    else if (!own)
        say(data, INSTANCE_REFUSED_CONFIGURATION, "the environment's launch template has no such version");
    else
        take_image(data, own);
}

static void find_own(AwsTemplate *template)
{
    const AwsEnvironment *environment = template->cluster->environment;
    g_autofree char *reference = aws_environment_template_reference(environment);
    const char *version =
        reference ? aws_pins_value(template->cluster, reference) : environment->template_version;
    if (!aws_environment_has_template(environment)) {
        take_image(template, NULL);
        return;
    }
    if (!version) {
        say(template, INSTANCE_REFUSED_UNKNOWN_LATER,
            "the version of its launch template is being looked up");
        return;
    }
    g_autoptr(Query) query = query_new("DescribeLaunchTemplateVersions", EC2_VERSION);
    query_add(query, "LaunchTemplateId", environment->template_id);
    query_add(query, "LaunchTemplateName", environment->template_id ? NULL : environment->template_name);
    query_add(query, "LaunchTemplateVersion.1", version);
    ask(template, query, AWS_EC2, "DescribeLaunchTemplateVersions", take_own);
}

/* ---- what it is made of: the role ---- */

static void take_profile(const AwsAnswer *answer, void *data)
{
    AwsTemplate *template = data;
    const char *arn = xml_text(answer->xml, "InstanceProfile/Arn");
    if (answer->error) {
        fail(template, "the instance profile cannot be found (instanceRole)", answer->error);
        return;
    }
    g_free(template->profile_arn);
    template->profile_arn = g_strdup(arn);
    find_own(template);
}

/* batch: instanceRole is the name or the ARN of an instance profile; a role's, that has a profile of the same
 * name, is taken, too. */
static void find_profile(AwsTemplate *template)
{
    const char *role = template->cluster->environment->instance_role;
    g_auto(AwsArn) arn = {0};
    bool is_arn = role && aws_arn_parse(role, &arn);
    if (!role || (is_arn && g_str_has_prefix(arn.resource, "instance-profile/"))) {
        g_free(template->profile_arn);
        template->profile_arn = g_strdup(role);
        find_own(template);
        return;
    }
    const char *slash = is_arn ? strrchr(arn.resource, '/') : NULL;
    g_autoptr(Query) query = query_new("GetInstanceProfile", "2010-05-08");
    query_add(query, "InstanceProfileName", slash ? slash + 1 : role);
    ask(template, query, AWS_IAM, "GetInstanceProfile", take_profile);
}

/* ---- whether it is there ---- */

static void take_found(const AwsAnswer *answer, void *data)
{
    AwsTemplate *template = data;
    const XmlElement *item = xml_find(answer->xml, "launchTemplates/item");
    if (answer->error) {
        fail(template, "launch templates cannot be listed", answer->error);
        return;
    }
    if (!item) {
        find_profile(template);
        return;
    }
    template->id = g_strdup(xml_text(item, "launchTemplateId"));
    template->version = g_strdup("1");
    say(template, 0, NULL);
}

/* A filter finds nothing where naming one that is not there is an error. */
static void find(AwsTemplate *template)
{
    g_autoptr(Query) query = aws_filter_query("DescribeLaunchTemplates", template->cluster);
    query_add(query, "Filter.3.Name", "launch-template-name");
    query_add(query, "Filter.3.Value.1", template->name);
    ask(template, query, AWS_EC2, "DescribeLaunchTemplates", take_found);
}

/* Names that are too long end with a digest of what they would be. */
static char *name_of(const AwsCluster *cluster, const char *flavour)
{
    char *name = g_strdup_printf("%s-%.4s-%s-%s", cluster->cluster, cluster->installation,
                                 cluster->generation, flavour);
    if (strlen(name) <= NAME_MAX_CHARS)
        return name;
    Digest digest;
    char hex[2 * DIGEST_BYTES + 1];
    digest_of(view_from(name), &digest);
    digest_to_hex(&digest, hex);
    char *shorter = g_strdup_printf("%.100s-%.12s", name, hex);
    g_free(name);
    return shorter;
}

bool aws_template_is_former(const AwsCluster *cluster, const char *name)
{
    static const char *const flavours[] = {"x86", "arm64", "x86-gpu", "arm64-gpu"};
    if (!name || !cluster->pins || cluster->state != CLUSTER_READY || cluster->apply)
        return false; /* it is not known, or about to change */
    for (size_t i = 0; i < G_N_ELEMENTS(flavours); i++) {
        g_autofree char *present = name_of(cluster, flavours[i]);
        if (strcmp(present, name) == 0)
            return false;
    }
    return true;
}

static MachineKind kind_of(const AwsHost *host)
{
    return host->is_gpu ? (host->is_arm ? MACHINE_ARM_GPU : MACHINE_X86_GPU)
                        : (host->is_arm ? MACHINE_ARM : MACHINE_X86);
}

static void take_pins(const char *fault, bool is_wrong, void *data)
{
    AwsHost *host = aws_about_host(data);
    g_free(data);
    if (host && host->state >= HOST_MADE)
        return;
    if (host && fault)
        aws_host_refuse(host, is_wrong ? INSTANCE_REFUSED_CONFIGURATION : INSTANCE_REFUSED_UNKNOWN_LATER,
                        fault);
    else if (host)
        aws_template_get(host);
}

static AwsTemplate *get(AwsCluster *cluster, const AwsHost *host)
{
    g_autofree char *flavour =
        g_strdup_printf("%s%s", host->is_arm ? "arm64" : "x86", host->is_gpu ? "-gpu" : "");
    AwsTemplate *template = g_hash_table_lookup(cluster->templates, flavour);
    if (template)
        return template;
    template = g_new0(AwsTemplate, 1);
    *template = (AwsTemplate){.cluster = cluster,
                              .is_arm = host->is_arm,
                              .is_gpu = host->is_gpu,
                              .name = name_of(cluster, flavour),
                              .waiting = g_array_new(FALSE, FALSE, sizeof(LaunchToken))};
    g_hash_table_insert(cluster->templates, g_steal_pointer(&flavour), template);
    return template;
}

void aws_template_get(AwsHost *host)
{
    AwsCluster *cluster = host->cluster;
    if (!aws_pins_have(cluster, kind_of(host))) {
        cluster->machines |= 1u << kind_of(host);
        aws_pins_find(cluster, take_pins, aws_about(cluster->provider, &host->token));
        return;
    }
    AwsTemplate *template = get(cluster, host);
    if (template->id) {
        aws_host_buy(host, template->id, template->version);
        return;
    }
    g_array_append_val(template->waiting, host->token);
    if (template->waiting->len == 1)
        find(template);
}
