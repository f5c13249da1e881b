/* launch_template.h: what instances of an environment are made from: the user's own launch template, if there
 * is one, with what muster adds. Computes only. Source: EC2's RequestLaunchTemplateData and
 * ResponseLaunchTemplateData; batch: "Launch templates" (which members are overridden there). Holds:  the
 * user's template is never changed; what it says of types, markets and subnets is left out, since muster
 * chooses those with each launch. */
#pragma once
#include "reconciler/provider/aws/query.h"
#include "reconciler/provider/aws/xml.h"

typedef struct {
    const char *name, *value;
} LaunchTag;

/* NULL: as the user's template has it. */
typedef struct {
    const char *image_id, *instance_profile_arn, *key_name, *placement_group;
    const char *user_data; /* merged already (user_data.h), before base64 */
    const char *const *security_groups;
    const LaunchTag *tags; /* of instances and their volumes; they win over the template's */
    size_t tags_len;
} LaunchOverlay;

/* Appends LaunchTemplateData.… own: <launchTemplateData> of DescribeLaunchTemplateVersions; NULL: none. */
void launch_template_data(Query *query, const XmlElement *own, const LaunchOverlay *overlay);
/* The user data of a template before base64; new string; NULL: it has none, or none that is text. */
char *launch_template_user_data(const XmlElement *own);
