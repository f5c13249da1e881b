/* policy_test.c: each rule of a policy, with what is inside its bounds and what is beyond them. */
#include "spec/policy.h"
#include "tests/support/manifest_text.h"

#define HEAD(kind, name)        "apiVersion: muster/v1\nkind: " kind "\nmetadata: {name: " name "}\n"
#define ENVIRONMENT(name, spec) HEAD("ComputeEnvironment", name) "spec: {type: MANAGED, " spec "}\n"
#define FLEET                                                                                                \
    "type: EC2, maxvCpus: 4, subnets: [subnet-12345678], securityGroupIds: [sg-12345678], "                  \
    "instanceTypes: [m5.large]"
#define DEFINITION(container)                                                                                \
    HEAD("JobDefinition", "d")                                                                               \
    "spec:\n  type: container\n  parameters: {jobRoleArn: mine, privileged: 'true', sourcePath: /etc}\n"     \
    "  tags: {shareIdentifier: gold}\n"                                                                      \
    "  containerProperties: {image: a, command: [a], resourceRequirements: "                                 \
    "[{type: VCPU, value: '1'}, {type: MEMORY, value: '64'}], " container "}\n"
#define JOB(spec)      HEAD("Job", "j") "spec: {" spec "}\n"
#define PIPELINE(spec) HEAD("Pipeline", "p") "spec: {" spec "}\n"
#define ROLE(name)     "arn:aws:iam::123456789012:role/" name

typedef struct {
    const char *allow, *manifests;
    const char *at;    /* what stands at the place of the only fault; NULL: there is none */
    const char *needs; /* what must be in its message */
    const char *provider;
} Rule;

static const Rule rules[] = {
    /* kinds and names */
    {"kinds: [Job]", JOB("jobQueue: q, jobDefinition: d"), NULL, NULL, NULL},
    {"kinds: [JobQueue]", JOB("jobQueue: q, jobDefinition: d"), "Job\n", "allow.kinds", NULL},
    {"kinds: []", JOB("jobQueue: q, jobDefinition: d"), "Job\n", "\"Job\"", NULL},
    {"names: [j]", JOB("jobQueue: q, jobDefinition: d"), NULL, NULL, NULL},
    {"names: ['a*', '*j*']", JOB("jobQueue: q, jobDefinition: d"), NULL, NULL, NULL},
    {"names: [J, jj, 'j?', 'j*j']", JOB("jobQueue: q, jobDefinition: d"), "j}", "allow.names", NULL},
    /* queues, environments, definitions of others; own ones are free */
    {"queues: ['q*']", JOB("jobQueue: quick, jobDefinition: d"), NULL, NULL, NULL},
    {"queues: [high]", JOB("jobQueue: quick, jobDefinition: d"), "quick", "allow.queues", NULL},
    {"queues: [high]",
     JOB("jobQueue: 'arn:aws:batch:eu-west-1:123456789012:job-queue/high', jobDefinition: d"), NULL, NULL,
     NULL},
    {"queues: [high]",
     JOB("jobQueue: 'arn:aws:batch:eu-west-1:123456789012:job-queue/low', jobDefinition: d"),
     "'arn:", "\"low\"", NULL},
    {"queues: []", PIPELINE("jobQueue: q, jobs: [{name: a, jobDefinition: d}]"), "q,", "allow.queues", NULL},
    {"queues: [q]", PIPELINE("jobQueue: q, jobs: [{name: a, jobDefinition: d, jobQueue: r}]"), "r}", "\"r\"",
     NULL},
    {"environments: []", HEAD("JobQueue", "q") "spec: {priority: 1, computeEnvironmentOrder: [big]}\n", "big",
     "allow.environments", NULL},
    {"environments: []",
     HEAD("JobQueue", "q") "spec: {priority: 1, computeEnvironmentOrder: [own]}\n---\n" ENVIRONMENT(
         "own", "provider: local"),
     NULL, NULL, NULL},
    {"jobDefinitions: []", JOB("jobQueue: q, jobDefinition: 'd:3'"), "'d:3", "allow.jobDefinitions", NULL},
    {"jobDefinitions: []", JOB("jobQueue: q, jobDefinition: d") "---\n" DEFINITION("user: a"), NULL, NULL,
     NULL},
    {"jobDefinitions: []", PIPELINE("jobQueue: q, jobs: [{name: a, jobDefinition: e}]"), "e}", "\"e\"", NULL},
    /* shares */
    {"shareIdentifiers: ['team*']", JOB("jobQueue: q, jobDefinition: d, shareIdentifier: team1"), NULL, NULL,
     NULL},
    {"shareIdentifiers: ['team*']", JOB("jobQueue: q, jobDefinition: d, shareIdentifier: gold"), "gold",
     "allow.shareIdentifiers", NULL},
    {"shareIdentifiers: []",
     PIPELINE("jobQueue: q, shareIdentifier: gold, jobs: [{name: a, jobDefinition: d}]"), "gold", "\"gold\"",
     NULL},
    {"shareIdentifiers: [a]",
     PIPELINE("jobQueue: q, jobs: [{name: a, jobDefinition: d, shareIdentifier: b}]"), "b}", "\"b\"", NULL},
    {"shareIdentifiers: [a]",
     HEAD("SchedulingPolicy", "p") "spec: {fairsharePolicy: {shareDistribution: [{shareIdentifier: b}]}}\n",
     "b}", "\"b\"", NULL},
    /* roles of jobs */
    {"jobRoleArns: ['arn:aws:iam::*:role/team-*']", DEFINITION("jobRoleArn: '" ROLE("team-x") "'"), NULL,
     NULL, NULL},
    {"jobRoleArns: ['arn:aws:iam::*:role/team-*']", DEFINITION("jobRoleArn: '" ROLE("admin") "'"),
     "'arn:", "allow.jobRoleArns", NULL},
    {"executionRoleArns: []", DEFINITION("jobRoleArn: '" ROLE("admin") "'"), NULL, NULL, NULL},
    {"executionRoleArns: []", DEFINITION("executionRoleArn: '" ROLE("admin") "'"),
     "'arn:", "allow.executionRoleArns", NULL},
    {"jobRoleArns: []",
     HEAD("JobDefinition", "d") "spec:\n  type: container\n  ecsProperties: {taskProperties: [{taskRoleArn: "
                                "'" ROLE("t") "', containers: [{name: a, image: a, resourceRequirements: "
                                              "[{type: VCPU, value: '1'}, {type: "
                                              "MEMORY, value: '64'}]}]}]}\n",
     "'arn:", "taskRoleArn", NULL},
    /* privileged */
    {"privileged: true", DEFINITION("privileged: true"), NULL, NULL, NULL},
    {"names: ['*']", DEFINITION("privileged: true"), NULL, NULL, NULL},
    {"privileged: false", DEFINITION("privileged: false"), NULL, NULL, NULL},
    {"privileged: false", DEFINITION("privileged: true"), "true", "allow.privileged", NULL},
    {"privileged: false",
     HEAD("JobDefinition",
          "d") "spec:\n  type: multinode\n  nodeProperties: {numNodes: 1, mainNode: 0, "
               "nodeRangeProperties: [{targetNodes: '0:0', container: {privileged: true, image: a, "
               "command: [a], resourceRequirements: [{type: VCPU, value: '1'}, {type: MEMORY, "
               "value: '64'}]}}]}\n",
     "true", "allow.privileged", NULL},
    /* paths of the host */
    {"hostPaths: [/data/team]", DEFINITION("volumes: [{name: v, host: {sourcePath: /data/team/x}}]"), NULL,
     NULL, NULL},
    {"hostPaths: [/data/team/]", DEFINITION("volumes: [{name: v, host: {sourcePath: /data//team}}]"), NULL,
     NULL, NULL},
    {"hostPaths: [/]", DEFINITION("volumes: [{name: v, host: {sourcePath: /data}}]"), NULL, NULL, NULL},
    {"hostPaths: [/data/team]", DEFINITION("volumes: [{name: v, host: {sourcePath: /data/teams}}]"),
     "/data/teams", "allow.hostPaths", NULL},
    {"hostPaths: [/data/team]", DEFINITION("volumes: [{name: v, host: {sourcePath: /data/team/../x}}]"),
     "/data/team/..", "allow.hostPaths", NULL},
    {"hostPaths: [/]", DEFINITION("volumes: [{name: v, host: {sourcePath: data}}]"), "data}", "\"data\"",
     NULL},
    {"hostPaths: [/dev/fuse]", DEFINITION("linuxParameters: {devices: [{hostPath: /dev/kvm}]}"), "/dev/kvm",
     "\"/dev/kvm\"", NULL},
    {"hostPaths: [/dev/fuse]", DEFINITION("linuxParameters: {devices: [{hostPath: /dev/fuse}]}"), NULL, NULL,
     NULL},
    /* environments: providers and roles */
    {"providers: [local]", ENVIRONMENT("e", "provider: local"), NULL, NULL, NULL},
    {"providers: [local]", ENVIRONMENT("e", "provider: docker"), "docker", "allow.providers", NULL},
    {"providers: [local]", ENVIRONMENT("e", "provider: {type: simulated}, computeResources: {" FLEET "}"),
     "simulated", "\"simulated\"", NULL},
    {"providers: [local]", ENVIRONMENT("e", "state: ENABLED"), NULL, NULL, "local"},
    {"providers: [local]", ENVIRONMENT("e", "provider: local"), "ComputeEnvironment", "\"docker\"", "docker"},
    {"environmentRoles: [ecsInstanceRole]",
     ENVIRONMENT("e", "provider: aws, computeResources: {instanceRole: ecsInstanceRole, " FLEET "}"), NULL,
     NULL, NULL},
    {"environmentRoles: []",
     ENVIRONMENT("e", "provider: aws, computeResources: {instanceRole: ecsInstanceRole, " FLEET "}"),
     "ecsInstanceRole", "instanceRole", NULL},
    {"environmentRoles: [i]",
     ENVIRONMENT(
         "e", "provider: aws, serviceRole: '" ROLE("s") "', computeResources: {instanceRole: i, " FLEET "}"),
     "'arn:", "serviceRole", NULL},
    {"environmentRoles: [i]",
     ENVIRONMENT("e", "provider: {type: aws, region: eu-west-1, roleArn: '" ROLE(
                          "x") "'}, computeResources: {instanceRole: i, " FLEET "}"),
     "'arn:", "roleArn", NULL},
};

static Policy *policy_of(const char *text)
{
    g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
    Policy *policy = policy_parse(view_from(text), "policy.yaml", diagnostics);
    if (!policy) {
        g_autoptr(GString) all = g_string_new(NULL);
        diagnostic_list_render(diagnostics, DIAGNOSTIC_TEXT, all);
        g_test_message("%s", all->str);
    }
    g_assert_nonnull(policy);
    return policy;
}

static DiagnosticList *check(const Policy *policy, const char *source, const char *place,
                             const char *manifests, const char *provider)
{
    g_autoptr(DiagnosticList) faults = diagnostic_list_new();
    g_autoptr(ManifestSet) set = manifest_set_from_text(manifests, provider, NULL, faults);
    if (diagnostic_list_len(faults)) {
        g_autoptr(GString) all = g_string_new(NULL);
        diagnostic_list_render(faults, DIAGNOSTIC_TEXT, all);
        g_error("the manifests of the test are wrong: %s", all->str);
    }
    PolicySubject subject = {.source = source,
                             .place = place,
                             .provider = provider,
                             .whole = set,
                             .text = manifest_text_of,
                             .data = (void *)(uintptr_t)manifests};
    DiagnosticList *found = diagnostic_list_new();
    policy_check(policy, &subject, set, found);
    return found;
}

static const char *place_in(const char *text, int line, int column)
{
    for (int at = 1; at < line; at++)
        text = strchr(text, '\n') + 1;
    return text + column - 1;
}

static void test_rules(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        const Rule *rule = &rules[i];
        g_autofree char *text = g_strdup_printf("sources:\n  team: {allow: {%s}}\n", rule->allow);
        g_autoptr(Policy) policy = policy_of(text);
        g_autoptr(DiagnosticList) found = check(policy, "team", "/team", rule->manifests, rule->provider);
        g_test_message("rule %zu: %s", i, rule->allow);
        if (!rule->at) {
            g_assert_cmpuint(diagnostic_list_len(found), ==, 0);
            continue;
        }
        const Diagnostic *fault = diagnostic_only(found);
        const char *at = place_in(rule->manifests, fault->line, fault->column);
        g_test_message("%d:%d: %s, at %.10s", fault->line, fault->column, fault->message, at);
        g_assert_true(g_str_has_prefix(at, rule->at));
        g_assert_nonnull(strstr(fault->message, rule->needs));
        g_assert_nonnull(strstr(fault->message, "policy.yaml"));
    }
}

/* Its own entry, else that of "*", else none. */
static void test_entries(void)
{
    g_autoptr(Policy) policy = policy_of("sources:\n  '*': {allow: {kinds: []}}\n  open: {}\n"
                                         "  team: {approval: required, allow: {kinds: [Job]}}\n");
    g_autoptr(Policy) none = policy_of("sources: {}\n");
    const char *job = JOB("jobQueue: q, jobDefinition: d");
    g_autoptr(DiagnosticList)
        other = check(policy, "other", "/o", job, NULL),
        open = check(policy, "open", "/o", job, NULL), team = check(policy, "team", "/o", job, NULL),
        free = check(none, "other", "/o", job, NULL), nobody = check(NULL, "other", "/o", job, NULL);
    g_assert_nonnull(strstr(diagnostic_only(other)->message, "sources.*.allow.kinds"));
    g_assert_cmpuint(diagnostic_list_len(open) + diagnostic_list_len(team) + diagnostic_list_len(free) +
                         diagnostic_list_len(nobody),
                     ==, 0);
    g_assert_true(policy_requires_approval(policy, "team"));
    g_assert_false(policy_requires_approval(policy, "open"));
    g_assert_false(policy_requires_approval(policy, "other"));
    g_assert_false(policy_requires_approval(NULL, "team"));
    g_autofree char *refusal = policy_refusal(other, "other");
    g_assert_cmpstr(refusal, ==, "1 thing is beyond what the policy allows source other");
}

/* Who may write muster.yaml may write a name into it. */
static void test_place(void)
{
    g_autoptr(Policy) policy =
        policy_of("sources:\n  team: {source: /srv/team/, allow: {kinds: []}}\n  platform: {source: "
                  "'git+ssh://git@host/platform'}\n");
    const char *job = JOB("jobQueue: q, jobDefinition: d");
    g_autoptr(DiagnosticList) right = check(policy, "platform", "git+ssh://git@host/platform", job, NULL),
                              taken = check(policy, "platform", "/srv/team", job, NULL),
                              renamed = check(policy, "free", "/srv/team", job, NULL),
                              elsewhere = check(policy, "platform", "/tmp/platform", job, NULL),
                              bounded = check(policy, "team", "/srv/team", job, NULL);
    g_assert_cmpuint(diagnostic_list_len(right), ==, 0);
    g_assert_nonnull(strstr(diagnostic_only(taken)->message, "is source team and not platform"));
    g_assert_nonnull(strstr(diagnostic_only(renamed)->message, "is source team and not free"));
    g_assert_nonnull(
        strstr(diagnostic_only(elsewhere)->message, "is in git+ssh://git@host/platform and not"));
    g_assert_nonnull(strstr(diagnostic_only(bounded)->message, "allow.kinds"));
}

static void test_faulty(void)
{
    static const char *const texts[] = {
        "",
        "[]",
        "sources:",
        "sources: []",
        "sources: {team: []}",
        "sources: {team: {allow: {role: []}}}",
        "sources: {team: {allow: {kinds: [Jobs]}}}",
        "sources: {team: {allow: {kinds: Job}}}",
        "sources: {team: {allow: {privileged: [true]}}}",
        "sources: {team: {allow: {hostPaths: [data]}}}",
        "sources: {team: {source: relative/path}}",
        "sources: {team: {approval: maybe}}",
        "sources: {'te*': {}}",
        "sources: {team: {}}\nmore: 1",
        "sources: {team: {}}\n---\nsources: {}",
        "sources: {team: {}, team: {}}",
        "sources: {",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(DiagnosticList) diagnostics = diagnostic_list_new();
        g_autoptr(Policy) policy = policy_parse(view_from(texts[i]), "policy.yaml", diagnostics);
        g_test_message("text %zu: %s", i, texts[i]);
        g_assert_null(policy);
        g_assert_cmpuint(diagnostic_list_count(diagnostics, SEVERITY_ERROR), >, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    kinds_init();
    g_test_add_func("/policy/rules", test_rules);
    g_test_add_func("/policy/entries", test_entries);
    g_test_add_func("/policy/place", test_place);
    g_test_add_func("/policy/faulty", test_faulty);
    return g_test_run();
}
