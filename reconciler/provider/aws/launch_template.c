#include "reconciler/provider/aws/launch_template.h"
#include <string.h>

#define PREFIX    "LaunchTemplateData"
#define DEPTH_MAX 8

/* Lists that answers call otherwise than requests do; all others are their name without "Set". */
static const struct {
    const char *answer, *request;
} lists[] = {{"groupSet", "SecurityGroupId"},
             {"licenseSet", "LicenseSpecification"},
             {"ipv6AddressesSet", "Ipv6Addresses"},
             {"privateIpAddressesSet", "PrivateIpAddresses"},
             {"secondaryPrivateIpAddressesSet", "SecondaryPrivateIpAddresses"}};

/* Chosen with each launch, merged below, or said by answers only. */
static const char *const left_out[] = {"instanceType",
                                       "instanceRequirements",
                                       "instanceMarketOptions",
                                       "userData",
                                       "tagSpecificationSet",
                                       "instanceInitiatedShutdownBehavior",
                                       "operator",
                                       NULL};

/* ---- the user's own ---- */

/* "blockDeviceMappingSet": "BlockDeviceMapping"; "imageId": "ImageId". New string. */
static char *request_name(const char *answer, bool *ret_is_list)
{
    *ret_is_list = g_str_has_suffix(answer, "Set") && strlen(answer) > 3;
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
        if (strcmp(lists[i].answer, answer) == 0)
            return g_strdup(lists[i].request);
    char *name = g_strndup(answer, strlen(answer) - (*ret_is_list ? 3 : 0));
    name[0] = g_ascii_toupper(name[0]);
    return name;
}

typedef struct {
    Query *query;
    const LaunchOverlay *overlay;
} Copying;

static bool is_left_out(const Copying *copying, const char *prefix, const XmlElement *element)
{
    const LaunchOverlay *overlay = copying->overlay;
    const char *name = element->name;
    bool is_top = strcmp(prefix, PREFIX) == 0,
         is_interface = g_str_has_prefix(prefix, PREFIX ".NetworkInterface.");
    if (is_interface)
        return strcmp(name, "subnetId") == 0 || (overlay->security_groups && strcmp(name, "groupSet") == 0);
    if (!is_top)
        return strcmp(prefix, PREFIX ".MetadataOptions") == 0 && strcmp(name, "state") == 0;
    return g_strv_contains(left_out, name) || (overlay->image_id && strcmp(name, "imageId") == 0) ||
           (overlay->instance_profile_arn && strcmp(name, "iamInstanceProfile") == 0) ||
           (overlay->key_name && strcmp(name, "keyName") == 0) ||
           (overlay->security_groups &&
            (strcmp(name, "securityGroupIdSet") == 0 || strcmp(name, "securityGroupSet") == 0));
}

static void copy_members(const Copying *copying, const char *prefix, const XmlElement *parent, int depth);

static void copy_element(const Copying *copying, const char *path, const XmlElement *element, int depth)
{
    if (element->first)
        copy_members(copying, path, element, depth + 1);
    else if (*element->text)
        query_add(copying->query, path, element->text);
}

static void copy_members(const Copying *copying, const char *prefix, const XmlElement *parent, int depth)
{
    for (const XmlElement *element = parent->first; depth < DEPTH_MAX && element; element = element->next) {
        bool is_list;
        if (is_left_out(copying, prefix, element))
            continue;
        g_autofree char *name = request_name(element->name, &is_list),
                        *path = g_strdup_printf("%s.%s", prefix, name);
        int number = 0;
        if (!is_list)
            copy_element(copying, path, element, depth);
        for (const XmlElement *item = is_list ? element->first : NULL; item; item = item->next) {
            g_autofree char *numbered = g_strdup_printf("%s.%d", path, ++number);
            copy_element(copying, numbered, item, depth);
        }
    }
}

char *launch_template_user_data(const XmlElement *own)
{
    const char *encoded = xml_text(own, "userData");
    gsize len = 0;
    if (!encoded || !*encoded)
        return NULL;
    g_autofree guchar *bytes = g_base64_decode(encoded, &len);
    return memchr(bytes, '\0', len) ? NULL : g_strndup((const char *)bytes, len);
}

/* ---- what is added ---- */

static bool is_overlaid(const LaunchOverlay *overlay, const char *name)
{
    for (size_t i = 0; i < overlay->tags_len; i++)
        if (strcmp(overlay->tags[i].name, name) == 0)
            return true;
    return false;
}

static const XmlElement *tags_for(const XmlElement *own, const char *resource_type)
{
    for (const XmlElement *item = xml_find(own, "tagSpecificationSet/item"); item; item = xml_next(item))
        if (g_strcmp0(xml_text(item, "resourceType"), resource_type) == 0)
            return item;
    return NULL;
}

static void add_tag(Query *query, int specification, int *number, const char *name, const char *value)
{
    ++*number;
    query_addf(query, name, PREFIX ".TagSpecification.%d.Tag.%d.Key", specification, *number);
    query_addf(query, value, PREFIX ".TagSpecification.%d.Tag.%d.Value", specification, *number);
}

static void add_tags(Query *query, const XmlElement *own, const LaunchOverlay *overlay)
{
    static const char *const types[] = {"instance", "volume"};
    int specification = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        const XmlElement *tag = xml_find(tags_for(own, types[i]), "tagSet/item");
        int number = 0;
        if (!tag && overlay->tags_len == 0)
            continue;
        query_addf(query, types[i], PREFIX ".TagSpecification.%d.ResourceType", ++specification);
        for (; tag; tag = xml_next(tag)) {
            const char *name = xml_text(tag, "key"), *value = xml_text(tag, "value");
            if (name && !is_overlaid(overlay, name))
                add_tag(query, specification, &number, name, value ? value : "");
        }
        for (size_t j = 0; j < overlay->tags_len; j++)
            add_tag(query, specification, &number, overlay->tags[j].name, overlay->tags[j].value);
    }
}

/* With interfaces of its own the groups are theirs: of the template they cannot be. */
static void add_groups(Query *query, const XmlElement *own, const LaunchOverlay *overlay)
{
    int number = 0;
    if (!xml_find(own, "networkInterfaceSet/item")) {
        query_add_list(query, PREFIX ".SecurityGroupId", overlay->security_groups);
        return;
    }
    for (const XmlElement *item = xml_find(own, "networkInterfaceSet/item"); item; item = xml_next(item)) {
        g_autofree char *name = g_strdup_printf(PREFIX ".NetworkInterface.%d.SecurityGroupId", ++number);
        query_add_list(query, name, overlay->security_groups);
    }
}

/* Tokens for metadata, and far enough for a container on the host's network, unless the user has said
 * something of it. */
static void add_metadata_options(Query *query, const XmlElement *own)
{
    if (xml_find(own, "metadataOptions/httpTokens"))
        return;
    query_add(query, PREFIX ".MetadataOptions.HttpTokens", "required");
    if (!xml_find(own, "metadataOptions/httpPutResponseHopLimit"))
        query_add(query, PREFIX ".MetadataOptions.HttpPutResponseHopLimit", "2");
}

void launch_template_data(Query *query, const XmlElement *own, const LaunchOverlay *overlay)
{
    const Copying copying = {query, overlay};
    if (own)
        copy_members(&copying, PREFIX, own, 0);
    query_add(query, PREFIX ".ImageId", overlay->image_id);
    query_add(query, PREFIX ".IamInstanceProfile.Arn", overlay->instance_profile_arn);
    query_add(query, PREFIX ".KeyName", overlay->key_name);
    if (!xml_text(own, "placement/groupName"))
        query_add(query, PREFIX ".Placement.GroupName", overlay->placement_group);
    if (overlay->security_groups)
        add_groups(query, own, overlay);
    if (overlay->user_data) {
        g_autofree char *encoded =
            g_base64_encode((const guchar *)overlay->user_data, strlen(overlay->user_data));
        query_add(query, PREFIX ".UserData", encoded);
    }
    add_metadata_options(query, own);
    query_add(query, PREFIX ".InstanceInitiatedShutdownBehavior", "terminate");
    add_tags(query, own, overlay);
}
