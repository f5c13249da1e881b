/* doctor_policy.c: see doctor_policy.h. */
#include "reconciler/provider/aws/doctor_policy.h"
#include <string.h>
#include "reconciler/provider/aws/ecs_words.h"

/* The policy is part of the program as it is. The path is relative to the root of the tree, where make runs.
 */
__asm__(".pushsection .rodata, \"a\", %progbits\n"
        ".hidden doctor_policy_start\n"
        ".globl doctor_policy_start\ndoctor_policy_start:\n"
        ".incbin \"deploy/aws/policy.json\"\n"
        ".hidden doctor_policy_end\n"
        ".globl doctor_policy_end\ndoctor_policy_end:\n"
        ".byte 0\n"
        ".popsection\n");
extern const char doctor_policy_start[] __attribute__((visibility("hidden")));
extern const char doctor_policy_end[] __attribute__((visibility("hidden")));

#define ANY_VALUE "muster-doctor" /* where the policy takes any value of a tag */

/* What a statement allows. */
typedef struct {
    const json_t *statement;            /* of policy.json */
    GPtrArray *actions;                 /* of char*, borrowed */
    GPtrArray *resources, *asked;       /* of char*: as a policy has them; as the simulator is asked */
    GPtrArray *denied_actions, *denied; /* those of them that are not allowed, without repetition */
    DoctorReply reply;
} Question;

struct DoctorPolicy {
    json_t *root;
    GPtrArray *questions; /* of Question* */
};

static void question_free(void *data)
{
    Question *question = data;
    g_ptr_array_unref(question->actions);
    g_ptr_array_unref(question->resources);
    g_ptr_array_unref(question->asked);
    g_ptr_array_unref(question->denied_actions);
    g_ptr_array_unref(question->denied);
    doctor_reply_clear(&question->reply);
    g_free(question);
}

/* ---- what is asked ---- */

/* A statement has every action on every resource; these are only ever on one kind of them, and what is said
 * of the others means nothing. Source: Service Authorization Reference. */
static bool is_about(const char *action, const char *resource)
{
    static const struct {
        const char *action, *kind;
    } only[] = {{"ec2:TerminateInstances", ":instance/"},
                {"ec2:DeleteLaunchTemplate", ":launch-template/"},
                {"ec2:CreateLaunchTemplate", ":launch-template/"},
                {"ecs:StopTask", ":task/"},
                {"ecs:DeleteTaskDefinitions", ":task-definition/"},
                {"ecs:UpdateContainerInstancesState", ":container-instance/"},
                {"ecs:DeregisterContainerInstance", ":cluster/"},
                {"ecs:PutAttributes", ":container-instance/"}};
    for (size_t i = 0; i < G_N_ELEMENTS(only); i++)
        if (strcmp(only[i].action, action) == 0)
            return strstr(resource, only[i].kind) != NULL;
    return true;
}

/* "arn:*:ec2:*:*:subnet/…" with the partition, and (concrete) region and account of the place. */
static char *placed(const char *arn, const DoctorPolicyPlace *place, bool is_concrete)
{
    g_auto(GStrv) parts = g_strsplit(arn, ":", 6);
    if (g_strv_length(parts) != 6)
        return g_strdup(arn); /* "*" */
    bool has_region = is_concrete && strcmp(parts[3], "*") == 0,
         has_account = is_concrete && strcmp(parts[4], "*") == 0;
    return g_strdup_printf("arn:%s:%s:%s:%s:%s", place->partition, parts[2],
                           has_region ? place->region : parts[3], has_account ? place->account : parts[4],
                           parts[5]);
}

static void add_resource(Question *question, const char *resource, const char *asked)
{
    g_ptr_array_add(question->resources, g_strdup(resource));
    g_ptr_array_add(question->asked, g_strdup(asked));
}

static Question *question_new(const json_t *statement)
{
    Question *question = g_new0(Question, 1);
    *question = (Question){.statement = statement,
                           .actions = g_ptr_array_new(),
                           .resources = g_ptr_array_new_with_free_func(g_free),
                           .asked = g_ptr_array_new_with_free_func(g_free),
                           .denied_actions = g_ptr_array_new(),
                           .denied = g_ptr_array_new()};
    return question;
}

/* A member that is a text or a list of texts. */
static const char *text_at(const json_t *said, size_t index)
{
    return json_string_value(json_is_array(said) ? json_array_get(said, index) : said);
}

static size_t texts_of(const json_t *said)
{
    return json_is_array(said) ? json_array_size(said) : 1;
}

/* Where the policy names roles the environments' own stand; else what it says. */
static void add_resources(Question *question, const DoctorPolicyPlace *place)
{
    const char *sid = ecs_text(question->statement, "Sid");
    const char *const *own = strcmp(sid, "PassToInstances") == 0       ? place->instance_roles
                             : strcmp(sid, "PassToTasks") == 0         ? place->task_roles
                             : strcmp(sid, "FindInstanceProfile") == 0 ? place->instance_profiles
                                                                       : NULL;
    for (const char *const *arn = own; own && *arn; arn++)
        add_resource(question, *arn, *arn);
    const json_t *said = json_object_get(question->statement, "Resource");
    for (size_t i = 0; !own && i < texts_of(said); i++) {
        g_autofree char *resource = placed(text_at(said, i), place, false);
        g_autofree char *asked = placed(text_at(said, i), place, true);
        add_resource(question, resource, asked);
    }
}

/* Of a place without instances: what only they need. */
static bool is_for_instances(const char *sid, const char *action)
{
    return strcmp(sid, "Look") != 0 && g_str_has_prefix(action, "ec2:");
}

static void add_statement(DoctorPolicy *policy, const json_t *statement, const DoctorPolicyPlace *place)
{
    const json_t *said = json_object_get(statement, "Action");
    Question *question = question_new(statement);
    for (size_t i = 0; i < texts_of(said); i++)
        if (place->has_instances || !is_for_instances(ecs_text(statement, "Sid"), text_at(said, i)))
            g_ptr_array_add(question->actions, (char *)(uintptr_t)text_at(said, i));
    add_resources(question, place);
    if (question->actions->len && question->asked->len)
        g_ptr_array_add(policy->questions, question);
    else
        question_free(question);
}

DoctorPolicy *doctor_policy_new(const DoctorPolicyPlace *place)
{
    DoctorPolicy *policy = g_new0(DoctorPolicy, 1);
    policy->root =
        json_loadb(doctor_policy_start, (size_t)(doctor_policy_end - doctor_policy_start), 0, NULL);
    policy->questions = g_ptr_array_new_with_free_func(question_free);
    g_assert(policy->root); /* ours */
    size_t index;
    json_t *statement;
    json_array_foreach(json_object_get(policy->root, "Statement"), index, statement)
    {
        add_statement(policy, statement, place);
    }
    return policy;
}

void doctor_policy_free(DoctorPolicy *policy)
{
    if (!policy)
        return;
    g_ptr_array_unref(policy->questions);
    json_decref(policy->root);
    g_free(policy);
}

size_t doctor_policy_questions(const DoctorPolicy *policy)
{
    return policy->questions->len;
}

/* What a condition asks for is said to be so. */
static void add_context(Query *query, const json_t *condition)
{
    int number = 0;
    const char *operator, * key;
    json_t *keys, *values;
    json_object_foreach((json_t *)(uintptr_t)condition, operator, keys)
    {
        json_object_foreach(keys, key, values)
        {
            const char *value = json_string_value(json_is_array(values) ? json_array_get(values, 0) : values);
            number++;
            query_addf(query, key, "ContextEntries.member.%d.ContextKeyName", number);
            query_addf(query, strcmp(value, "*") == 0 ? ANY_VALUE : value,
                       "ContextEntries.member.%d.ContextKeyValues.member.1", number);
            query_addf(query, "string", "ContextEntries.member.%d.ContextKeyType", number);
        }
    }
}

Query *doctor_policy_question(const DoctorPolicy *policy, size_t index, const char *who)
{
    const Question *question = policy->questions->pdata[index];
    Query *query = query_new("SimulatePrincipalPolicy", "2010-05-08");
    query_add(query, "PolicySourceArn", who);
    for (guint i = 0; i < question->actions->len; i++)
        query_addf(query, question->actions->pdata[i], "ActionNames.member.%u", i + 1);
    for (guint i = 0; i < question->asked->len; i++)
        query_addf(query, question->asked->pdata[i], "ResourceArns.member.%u", i + 1);
    add_context(query, json_object_get(question->statement, "Condition"));
    return query;
}

/* ---- what came ---- */

static void add_once(GPtrArray *list, const GPtrArray *known, const char *text)
{
    for (guint i = 0; i < known->len; i++)
        if (g_strcmp0(known->pdata[i], text) == 0 && !g_ptr_array_find(list, known->pdata[i], NULL))
            g_ptr_array_add(list, known->pdata[i]);
}

static void deny(Question *question, const char *action, const char *resource)
{
    if (!action || !resource || !is_about(action, resource))
        return;
    add_once(question->denied_actions, question->actions, action);
    add_once(question->denied, question->asked, resource);
}

static bool is_allowed(const char *decision)
{
    return g_strcmp0(decision, "allowed") == 0;
}

/* Of several resources each has a decision of its own; of one, the action has it. */
static void take_result(Question *question, const XmlElement *result)
{
    const char *action = xml_text(result, "EvalActionName"), *resource = xml_text(result, "EvalResourceName");
    const XmlElement *each = xml_find(result, "ResourceSpecificResults/member");
    if (!each && !is_allowed(xml_text(result, "EvalDecision")))
        deny(question, action, resource);
    for (; each; each = xml_next(each))
        if (!is_allowed(xml_text(each, "EvalResourceDecision")))
            deny(question, action, xml_text(each, "EvalResourceName"));
}

bool doctor_policy_take(DoctorPolicy *policy, size_t index, const AwsAnswer *answer)
{
    const XmlElement *result = xml_find(answer->xml, "EvaluationResults/member");
    for (; result; result = xml_next(result))
        take_result(policy->questions->pdata[index], result);
    return true;
}

DoctorReply *doctor_policy_reply(DoctorPolicy *policy, size_t index)
{
    return &((Question *)policy->questions->pdata[index])->reply;
}

/* ---- findings ---- */

static json_t *list_of(const GPtrArray *texts)
{
    json_t *list = json_array();
    for (guint i = 0; i < texts->len; i++)
        json_array_append_new(list, json_string(texts->pdata[i]));
    return list;
}

/* The statement, cut to what is denied; a resource that was asked for stands for the one of the policy. */
static json_t *statement_of(const Question *question)
{
    json_t *resources = json_array();
    const json_t *condition = json_object_get(question->statement, "Condition");
    for (guint i = 0; i < question->asked->len; i++)
        if (!question->denied->len || g_ptr_array_find(question->denied, question->asked->pdata[i], NULL))
            json_array_append_new(resources, json_string(question->resources->pdata[i]));
    json_t *statement = json_pack("{s:s,s:o,s:o}", "Effect", "Allow", "Action",
                                  list_of(question->denied_actions), "Resource", resources);
    if (condition)
        json_object_set(statement, "Condition", (json_t *)(uintptr_t)condition);
    return statement;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *names_of(GPtrArray *actions)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_ptr_array_sort(actions, by_name);
    for (guint i = 0; i < actions->len; i++)
        if (i == 0 || strcmp(actions->pdata[i], actions->pdata[i - 1]) != 0)
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", (const char *)actions->pdata[i]);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* The first question that was not answered; NULL: all were. */
static const DoctorReply *unanswered(const DoctorPolicy *policy)
{
    for (guint i = 0; i < policy->questions->len; i++) {
        const Question *question = policy->questions->pdata[i];
        if (question->reply.how != DOCTOR_ANSWERED)
            return &question->reply;
    }
    return NULL;
}

void doctor_find_permissions(const DoctorPolicy *policy, json_t *findings)
{
    g_autoptr(GPtrArray) denied = g_ptr_array_new(), all = g_ptr_array_new();
    json_t *statements = json_array();
    for (guint i = 0; i < policy->questions->len; i++) {
        const Question *question = policy->questions->pdata[i];
        g_ptr_array_extend(all, question->actions, NULL, NULL);
        g_ptr_array_extend(denied, question->denied_actions, NULL, NULL);
        if (question->denied_actions->len)
            json_array_append_new(statements, statement_of(question));
    }
    const DoctorReply *missing = unanswered(policy);
    if (denied->len) {
        g_autofree char *names = names_of(denied);
        json_t *finding = doctor_find(findings, "permissions", DOCTOR_PROBLEM,
                                      "add this policy to the user or role", "denied: %s", names);
        json_object_set_new(finding, "policy",
                            json_pack("{s:s,s:O}", "Version", "2012-10-17", "Statement", statements));
    }
    if (missing)
        doctor_was_answered(findings, "permissions", missing);
    else if (!denied->len)
        doctor_find(findings, "permissions", DOCTOR_OK, NULL, "all that muster asks for is allowed");
    json_decref(statements);
}
