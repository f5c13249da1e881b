/* doctor_network.h: subnets, their ways out, security groups and the file system of an environment: what EC2
 * and EFS answer becomes facts, and facts become findings. Computes only. Owns:   DoctorNetwork its texts and
 * lists; what is in a list borrows its texts from there. Source: EC2 API Reference; "Amazon ECS interface VPC
 * endpoints", "Amazon ECR interface VPC endpoints". */
#pragma once
#include "reconciler/provider/aws/doctor_finding.h"

typedef struct {
    const char *id, *vpc, *zone, *cidr;
    int64_t free;     /* addresses */
    bool maps_public; /* instances get a public address */
} DoctorSubnet;

typedef struct {
    const char *id, *vpc;
    bool is_main; /* of its VPC: of subnets that have none of their own */
} DoctorTable;

typedef struct {
    const char *table, *destination;
    const char *target; /* "igw-…", "nat-…", "tgw-…", "vpce-…", "local" … */
    bool is_blackhole;
} DoctorRoute;

typedef struct {
    const char *id, *subnet, *state;
    bool is_private; /* it leads into other networks, not into the internet */
} DoctorNat;

typedef struct {
    const char *id, *vpc;
    const char *service; /* "ecr.api": what stands behind the region in the service's name */
    bool is_gateway, is_available, has_dns;
} DoctorEndpoint;

typedef struct {
    const char *id, *vpc;
} DoctorGroup;

typedef struct {
    const char *group, *protocol; /* "tcp", "-1" */
    bool is_egress;
    int64_t from, to; /* ports */
    const char *cidr; /* NULL where it names peer */
    const char *peer; /* a group or a prefix list */
} DoctorRule;

/* Of EFS: the address of a file system in a zone. */
typedef struct {
    const char *id, *zone;
    bool is_available;
} DoctorTarget;

/* Table to subnet, endpoint to group and table, mount target to group: all ids. */
typedef struct {
    const char *of, *to;
} DoctorLink;

typedef struct {
    GStringChunk *texts;
    GArray *subnets, *tables, *routes, *nats, *endpoints, *groups, *rules, *targets, *links;
    DoctorReply subnets_reply, tables_reply, nats_reply, endpoints_reply, groups_reply, peers_reply,
        targets_reply, target_groups_reply;
} DoctorNetwork;

void doctor_network_init(DoctorNetwork *network);
void doctor_network_clear(DoctorNetwork *network);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DoctorNetwork, doctor_network_clear)

/* What an environment needs of it. Borrowed. */
typedef struct {
    const char *const *subnets, *const *groups; /* NULL-terminated */
    bool is_fargate;
    bool has_public_ip;  /* its tasks (Fargate) or instances (their launch template) get a public address */
    int64_t hosts_least; /* addresses that maxvCpus takes with the largest machines or tasks; 0: not known */
    int64_t hosts_most;  /* with the smallest */
    const char *file_system;   /* NULL: none */
    bool pulls_from_ecr;       /* images; also where nothing is known of them */
    const char *foreign_image; /* one of a registry outside of AWS; NULL: none */
    bool reads_parameters, reads_secrets;
} DoctorNeeds;

/* ---- answers (doctor_network_read.c): data is a DoctorNetwork; each may come in pages ---- */

bool doctor_read_subnets(const AwsAnswer *answer, void *data);   /* DescribeSubnets */
bool doctor_read_tables(const AwsAnswer *answer, void *data);    /* DescribeRouteTables */
bool doctor_read_nats(const AwsAnswer *answer, void *data);      /* DescribeNatGateways */
bool doctor_read_endpoints(const AwsAnswer *answer, void *data); /* DescribeVpcEndpoints */
bool doctor_read_groups(const AwsAnswer *answer, void *data);    /* DescribeSecurityGroups */
bool doctor_read_targets(const AwsAnswer *answer, void *data);   /* DescribeMountTargets */
/* DescribeMountTargetSecurityGroups; target: the one it was asked for. */
void doctor_read_target_groups(const AwsAnswer *answer, DoctorNetwork *network, const char *target);

/* ---- findings (doctor_network.c, doctor_way.c) ---- */

void doctor_find_subnets(const DoctorNetwork *network, const DoctorNeeds *needs, json_t *findings);
void doctor_find_addresses(const DoctorNetwork *network, const DoctorNeeds *needs, json_t *findings);
void doctor_find_ways(const DoctorNetwork *network, const DoctorNeeds *needs, json_t *findings);
void doctor_find_groups(const DoctorNetwork *network, const DoctorNeeds *needs, json_t *findings);
void doctor_find_file_system(const DoctorNetwork *network, const DoctorNeeds *needs, json_t *findings);

/* ---- for these ---- */

const DoctorSubnet *doctor_subnet(const DoctorNetwork *network, const char *id); /* NULL: there is none */
bool doctor_links(const DoctorNetwork *network, const char *of, const char *to);
/* Whether a rule of one of groups (NULL: of those that owner is linked to) lets TCP to port out, or in from
 * what has one of peers or an address in cidr. */
bool doctor_lets_out(const DoctorNetwork *network, const char *const *groups, int64_t port);
bool doctor_lets_in(const DoctorNetwork *network, const char *owner, int64_t port, const char *const *peers,
                    const char *cidr);
