/* doctor_network.c: subnets, addresses, security groups and the file system of an environment. */
#include "reconciler/provider/aws/doctor_network.h"
#include <arpa/inet.h>
#include <string.h>

#define HTTPS_PORT 443
#define NFS_PORT   2049
#define EVERYWHERE "0.0.0.0/0"

/* ---- looking up ---- */

const DoctorSubnet *doctor_subnet(const DoctorNetwork *network, const char *id)
{
    for (guint i = 0; i < network->subnets->len; i++) {
        const DoctorSubnet *subnet = &g_array_index(network->subnets, DoctorSubnet, i);
        if (strcmp(subnet->id, id) == 0)
            return subnet;
    }
    return NULL;
}

static const DoctorGroup *find_group(const DoctorNetwork *network, const char *id)
{
    for (guint i = 0; i < network->groups->len; i++) {
        const DoctorGroup *group = &g_array_index(network->groups, DoctorGroup, i);
        if (strcmp(group->id, id) == 0)
            return group;
    }
    return NULL;
}

bool doctor_links(const DoctorNetwork *network, const char *of, const char *to)
{
    for (guint i = 0; i < network->links->len; i++) {
        const DoctorLink *link = &g_array_index(network->links, DoctorLink, i);
        if (strcmp(link->of, of) == 0 && strcmp(link->to, to) == 0)
            return true;
    }
    return false;
}

/* "172.31.0.0/16" as a range of addresses. */
static bool range_of(const char *cidr, uint64_t *ret_first, uint64_t *ret_last)
{
    g_auto(GStrv) parts = g_strsplit(cidr, "/", 2);
    struct in_addr address;
    guint64 bits = 32;
    if (!parts[0] || inet_pton(AF_INET, parts[0], &address) != 1 ||
        (parts[1] && !g_ascii_string_to_unsigned(parts[1], 10, 0, 32, &bits, NULL)))
        return false;
    uint64_t size = UINT64_C(1) << (32 - bits);
    *ret_first = ntohl(address.s_addr) & ~(size - 1);
    *ret_last = *ret_first + size - 1;
    return true;
}

static bool overlap(const char *a, const char *b)
{
    uint64_t a_first, a_last, b_first, b_last;
    return range_of(a, &a_first, &a_last) && range_of(b, &b_first, &b_last) && a_first <= b_last &&
           b_first <= a_last;
}

static bool is_about(const DoctorRule *rule, bool is_egress, int64_t port)
{
    if (rule->is_egress != is_egress)
        return false;
    if (strcmp(rule->protocol, "-1") == 0)
        return true;
    return (strcmp(rule->protocol, "tcp") == 0 || strcmp(rule->protocol, "6") == 0) && rule->from <= port &&
           port <= rule->to;
}

bool doctor_lets_out(const DoctorNetwork *network, const char *const *groups, int64_t port)
{
    for (guint i = 0; i < network->rules->len; i++) {
        const DoctorRule *rule = &g_array_index(network->rules, DoctorRule, i);
        if (is_about(rule, true, port) && g_strv_contains(groups, rule->group))
            return true;
    }
    return false;
}

bool doctor_lets_in(const DoctorNetwork *network, const char *owner, int64_t port, const char *const *peers,
                    const char *cidr)
{
    for (guint i = 0; i < network->rules->len; i++) {
        const DoctorRule *rule = &g_array_index(network->rules, DoctorRule, i);
        if (!is_about(rule, false, port) || !doctor_links(network, owner, rule->group))
            continue;
        if (rule->cidr ? overlap(rule->cidr, cidr) : g_strv_contains(peers, rule->peer))
            return true;
    }
    return false;
}

static char *joined(GPtrArray *texts)
{
    g_ptr_array_add(texts, NULL);
    return g_strjoinv(", ", (char **)texts->pdata);
}

/* ---- subnets and their addresses ---- */

void doctor_find_subnets(const DoctorNetwork *network, const DoctorNeeds *needs, json_t *findings)
{
    g_autoptr(GPtrArray) missing = g_ptr_array_new(), seen = g_ptr_array_new();
    if (!doctor_was_answered(findings, "subnets", &network->subnets_reply))
        return;
    for (const char *const *id = needs->subnets; *id; id++) {
        const DoctorSubnet *subnet = doctor_subnet(network, *id);
        g_ptr_array_add(subnet ? seen : missing, (char *)(uintptr_t)(subnet ? subnet->zone : *id));
    }
    guint lost = missing->len;
    g_autofree char *names = joined(lost ? missing : seen);
    if (lost)
        doctor_find(findings, "subnets", DOCTOR_PROBLEM,
                    "correct computeResources.subnets, or region and account of the environment",
                    "there is no %s in this account and region", names);
    else
        doctor_find(findings, "subnets", DOCTOR_OK, NULL, "in %s", names);
}

void doctor_find_addresses(const DoctorNetwork *network, const DoctorNeeds *needs, json_t *findings)
{
    int64_t free = 0;
    if (!doctor_was_answered(findings, "addresses", &network->subnets_reply))
        return;
    for (guint i = 0; i < network->subnets->len; i++)
        free += g_array_index(network->subnets, DoctorSubnet, i).free;
    const char *cure = "give the environment more or larger subnets, or a smaller maxvCpus";
    const char *what = needs->is_fargate ? "tasks" : "instances";
    if (free < needs->hosts_least || free == 0)
        doctor_find(findings, "addresses", DOCTOR_PROBLEM, cure,
                    "%" G_GINT64_FORMAT " are free, and maxvCpus takes %" G_GINT64_FORMAT
                    " with the largest %s",
                    free, MAX(needs->hosts_least, 1), what);
    else if (free < needs->hosts_most)
        doctor_find(findings, "addresses", DOCTOR_WARNING, cure,
                    "%" G_GINT64_FORMAT " are free, and maxvCpus takes up to %" G_GINT64_FORMAT
                    " with the smallest %s",
                    free, needs->hosts_most, what);
    else
        doctor_find(findings, "addresses", DOCTOR_OK, NULL, "%" G_GINT64_FORMAT " are free", free);
}

/* ---- security groups ---- */

static const char *vpc_of(const DoctorNetwork *network)
{
    return network->subnets->len ? g_array_index(network->subnets, DoctorSubnet, 0).vpc : NULL;
}

/* Where they may go by TLS: everywhere, or somewhere (the first that a rule names); NULL: nowhere. */
static const char *reach_of(const DoctorNetwork *network, const char *const *groups)
{
    const char *reach = NULL;
    for (guint i = 0; i < network->rules->len; i++) {
        const DoctorRule *rule = &g_array_index(network->rules, DoctorRule, i);
        if (!is_about(rule, true, HTTPS_PORT) || !g_strv_contains(groups, rule->group))
            continue;
        if (g_strcmp0(rule->cidr, EVERYWHERE) == 0)
            return rule->cidr;
        reach = reach ? reach : rule->cidr ? rule->cidr : rule->peer;
    }
    return reach;
}

static bool find_each_group(const DoctorNetwork *network, const DoctorNeeds *needs, json_t *findings)
{
    const char *vpc = vpc_of(network);
    bool is_good = true;
    for (const char *const *id = needs->groups; *id; id++) {
        const DoctorGroup *group = find_group(network, *id);
        if (!group)
            doctor_find(findings, "security groups", DOCTOR_PROBLEM,
                        "correct computeResources.securityGroupIds",
                        "there is no %s in this account and region", *id);
        else if (vpc && strcmp(group->vpc, vpc) != 0)
            doctor_find(findings, "security groups", DOCTOR_PROBLEM, "name a group of the VPC of the subnets",
                        "%s is of %s, and the subnets are of %s", *id, group->vpc, vpc);
        is_good = is_good && group && (!vpc || strcmp(group->vpc, vpc) == 0);
    }
    return is_good;
}

void doctor_find_groups(const DoctorNetwork *network, const DoctorNeeds *needs, json_t *findings)
{
    if (!needs->groups[0]) {
        doctor_find(findings, "security groups", DOCTOR_NOT_CHECKED, NULL, "the launch template names them");
        return;
    }
    if (!doctor_was_answered(findings, "security groups", &network->groups_reply) ||
        !find_each_group(network, needs, findings))
        return;
    const char *reach = reach_of(network, needs->groups);
    if (!reach)
        doctor_find(findings, "security groups", DOCTOR_PROBLEM,
                    "allow TCP 443 out: what runs there has to reach ECS, ECR and CloudWatch Logs",
                    "none of them lets TCP 443 out");
    else if (strcmp(reach, EVERYWHERE) != 0)
        doctor_find(findings, "security groups", DOCTOR_WARNING,
                    "look whether ECS, ECR, S3 and CloudWatch Logs are within what they allow",
                    "they let TCP 443 out to some addresses only (%s …)", reach);
    else
        doctor_find(findings, "security groups", DOCTOR_OK, NULL, "they let TCP 443 out");
}

/* ---- the file system ---- */

/* The one that is mounted from a zone; NULL: there is none. */
static const DoctorTarget *target_in(const DoctorNetwork *network, const char *zone)
{
    for (guint i = 0; i < network->targets->len; i++) {
        const DoctorTarget *target = &g_array_index(network->targets, DoctorTarget, i);
        if (strcmp(target->zone, zone) == 0)
            return target;
    }
    return NULL;
}

/* Why it is not known what lets NFS through; NULL: it is. */
static const char *groups_unknown(const DoctorNetwork *network, const DoctorNeeds *needs)
{
    const DoctorReply *const replies[] = {&network->target_groups_reply, &network->peers_reply,
                                          &network->groups_reply};
    if (!needs->groups[0])
        return "the launch template names the security groups";
    for (size_t i = 0; i < G_N_ELEMENTS(replies); i++)
        if (replies[i]->how != DOCTOR_ANSWERED)
            return replies[i]->why ? replies[i]->why : "it was not asked";
    return NULL;
}

static void find_target(const DoctorNetwork *network, const DoctorNeeds *needs, const DoctorSubnet *subnet,
                        json_t *findings)
{
    const DoctorTarget *target = target_in(network, subnet->zone);
    const char *file_system = needs->file_system;
    if (!target)
        doctor_find(findings, "file system", DOCTOR_PROBLEM,
                    "make a mount target there, or take the subnet out of the environment",
                    "%s has no mount target in %s, the zone of %s", file_system, subnet->zone, subnet->id);
    else if (!target->is_available)
        doctor_find(findings, "file system", DOCTOR_PROBLEM, NULL, "%s: its mount target %s is not available",
                    file_system, target->id);
    else if (groups_unknown(network, needs))
        doctor_find(findings, "file system", DOCTOR_NOT_CHECKED, NULL, "%s: whether %s lets NFS in: %s",
                    file_system, target->id, groups_unknown(network, needs));
    else if (!doctor_lets_in(network, target->id, NFS_PORT, needs->groups, subnet->cidr))
        doctor_find(findings, "file system", DOCTOR_PROBLEM,
                    "allow TCP 2049 in from the environment's security groups",
                    "%s: the security groups of its mount target %s do not let NFS in from %s", file_system,
                    target->id, subnet->id);
    else if (!doctor_lets_out(network, needs->groups, NFS_PORT))
        doctor_find(findings, "file system", DOCTOR_PROBLEM,
                    "allow TCP 2049 out in the environment's security groups",
                    "%s: the environment's security groups do not let NFS out", file_system);
    else
        doctor_find(findings, "file system", DOCTOR_OK, NULL, "%s can be mounted from %s", file_system,
                    subnet->id);
}

void doctor_find_file_system(const DoctorNetwork *network, const DoctorNeeds *needs, json_t *findings)
{
    if (!needs->file_system)
        return;
    if (network->targets_reply.how == DOCTOR_ABSENT) {
        doctor_find(findings, "file system", DOCTOR_PROBLEM, "correct workspace.fileSystemId", "%s",
                    network->targets_reply.why);
        return;
    }
    if (!doctor_was_answered(findings, "file system", &network->targets_reply))
        return;
    for (const char *const *id = needs->subnets; *id; id++) {
        const DoctorSubnet *subnet = doctor_subnet(network, *id);
        if (subnet)
            find_target(network, needs, subnet, findings);
    }
}
