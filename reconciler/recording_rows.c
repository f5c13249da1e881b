/* recording_rows.c: the rows of a batch, member by member: their checksums, and their text when they differ.
 */
#include "reconciler/recording.h"

typedef enum { MEMBER_TEXT, MEMBER_FLAG, MEMBER_NUMBER, MEMBER_BYTES } MemberType;

typedef struct {
    const char *name;
    size_t offset, size;
    MemberType type;
} Member;

/* Of a member's type what is to be done with it follows; padding between members is never looked at. */
#define M(Record, member)                                                                                    \
    {                                                                                                        \
#member, offsetof(Record, member), sizeof(((Record *)NULL)->member),                                 \
            _Generic(((Record *)NULL)->member, View                                                          \
                     : MEMBER_TEXT, bool                                                                     \
                     : MEMBER_FLAG, Digest                                                                   \
                     : MEMBER_BYTES, LaunchToken                                                             \
                     : MEMBER_BYTES, JobId                                                                   \
                     : MEMBER_BYTES, Capacity                                                                \
                     : MEMBER_BYTES, default                                                                 \
                     : MEMBER_NUMBER)                                                                        \
    }

static const Member resource_members[] = {
    M(ResourceRecord, kind),      M(ResourceRecord, name),        M(ResourceRecord, owner),
    M(ResourceRecord, spec),      M(ResourceRecord, metadata),    M(ResourceRecord, digest),
    M(ResourceRecord, next_spec), M(ResourceRecord, next_digest), M(ResourceRecord, file),
    M(ResourceRecord, line),      M(ResourceRecord, phase),       M(ResourceRecord, deletion),
    M(ResourceRecord, prune),     M(ResourceRecord, kept),        M(ResourceRecord, status_reason),
    M(ResourceRecord, revision),  M(ResourceRecord, created_ms),  M(ResourceRecord, updated_ms),
    M(ResourceRecord, used_up),   M(ResourceRecord, removed)};
static const Member revision_members[] = {M(RevisionRecord, name),   M(RevisionRecord, revision),
                                          M(RevisionRecord, digest), M(RevisionRecord, spec),
                                          M(RevisionRecord, active), M(RevisionRecord, created_ms),
                                          M(RevisionRecord, removed)};
static const Member template_members[] = {M(TemplateRecord, id), M(TemplateRecord, definition),
                                          M(TemplateRecord, definition_spec), M(TemplateRecord, request),
                                          M(TemplateRecord, removed)};
static const Member job_members[] = {M(JobRecord, sequence),
                                     M(JobRecord, id),
                                     M(JobRecord, name),
                                     M(JobRecord, queue),
                                     M(JobRecord, template_id),
                                     M(JobRecord, array_size),
                                     M(JobRecord, run),
                                     M(JobRecord, step),
                                     M(JobRecord, depends_on_len),
                                     M(JobRecord, share_identifier),
                                     M(JobRecord, created_ms),
                                     M(JobRecord, state),
                                     M(JobRecord, is_cancelled),
                                     M(JobRecord, is_terminated),
                                     M(JobRecord, status_reason),
                                     M(JobRecord, attempts),
                                     M(JobRecord, front),
                                     M(JobRecord, started_ms),
                                     M(JobRecord, stopped_ms),
                                     M(JobRecord, is_multinode),
                                     M(JobRecord, is_new),
                                     M(JobRecord, removed)};
static const Member child_members[] = {
    M(ChildRecord, sequence),     M(ChildRecord, index),         M(ChildRecord, state),
    M(ChildRecord, is_cancelled), M(ChildRecord, is_terminated), M(ChildRecord, status_reason),
    M(ChildRecord, attempts),     M(ChildRecord, front),         M(ChildRecord, started_ms),
    M(ChildRecord, stopped_ms),   M(ChildRecord, is_new)};
static const Member range_members[] = {M(RangeRecord, sequence),     M(RangeRecord, first),
                                       M(RangeRecord, last),         M(RangeRecord, state),
                                       M(RangeRecord, is_cancelled), M(RangeRecord, status_reason),
                                       M(RangeRecord, stopped_ms)};
static const Member instance_members[] = {M(InstanceRecord, number),
                                          M(InstanceRecord, token),
                                          M(InstanceRecord, environment),
                                          M(InstanceRecord, state),
                                          M(InstanceRecord, type),
                                          M(InstanceRecord, provider_id),
                                          M(InstanceRecord, status_reason),
                                          M(InstanceRecord, spot),
                                          M(InstanceRecord, ran),
                                          M(InstanceRecord, total),
                                          M(InstanceRecord, price_micro_per_h),
                                          M(InstanceRecord, intended_ms),
                                          M(InstanceRecord, registered_ms),
                                          M(InstanceRecord, gone_ms),
                                          M(InstanceRecord, generation),
                                          M(InstanceRecord, is_new)};
static const Member attempt_members[] = {
    M(AttemptRecord, token),         M(AttemptRecord, sequence),   M(AttemptRecord, index),
    M(AttemptRecord, attempt),       M(AttemptRecord, state),      M(AttemptRecord, environment),
    M(AttemptRecord, instance),      M(AttemptRecord, host),       M(AttemptRecord, task),
    M(AttemptRecord, vcpus_e4),      M(AttemptRecord, memory_mib), M(AttemptRecord, gpus),
    M(AttemptRecord, intended_ms),   M(AttemptRecord, started_ms), M(AttemptRecord, stopped_ms),
    M(AttemptRecord, expected_ms),   M(AttemptRecord, exit_code),  M(AttemptRecord, reason),
    M(AttemptRecord, status_reason), M(AttemptRecord, is_new)};
static const Member run_members[] = {
    M(RunRecord, id),         M(RunRecord, owner),      M(RunRecord, kind),
    M(RunRecord, name),       M(RunRecord, key),        M(RunRecord, number),
    M(RunRecord, spec),       M(RunRecord, state),      M(RunRecord, status_reason),
    M(RunRecord, created_ms), M(RunRecord, stopped_ms), M(RunRecord, is_new)};
static const Member duration_members[] = {M(DurationRecord, definition), M(DurationRecord, since_ms),
                                          M(DurationRecord, counts), M(DurationRecord, removed)};
static const Member apply_members[] = {
    M(ApplyRecord, id),       M(ApplyRecord, owner),     M(ApplyRecord, source_path),
    M(ApplyRecord, revision), M(ApplyRecord, plan_id),   M(ApplyRecord, state),
    M(ApplyRecord, message),  M(ApplyRecord, summary),   M(ApplyRecord, created_ms),
    M(ApplyRecord, ended_ms), M(ApplyRecord, trigger),   M(ApplyRecord, actor),
    M(ApplyRecord, author),   M(ApplyRecord, signature), M(ApplyRecord, started_ms),
    M(ApplyRecord, is_new)};
static const Member change_members[] = {
    M(ChangeRecord, kind),     M(ChangeRecord, name),   M(ChangeRecord, at_ms),
    M(ChangeRecord, apply_id), M(ChangeRecord, owner),  M(ChangeRecord, actor),
    M(ChangeRecord, action),   M(ChangeRecord, reason), M(ChangeRecord, fields)};
static const Member event_members[] = {
    M(EventRecord, sequence), M(EventRecord, at_ms),  M(EventRecord, type), M(EventRecord, subject),
    M(EventRecord, message),  M(EventRecord, first),  M(EventRecord, last), M(EventRecord, source),
    M(EventRecord, revision), M(EventRecord, details)};
static const Member setting_members[] = {M(SettingRecord, name), M(SettingRecord, value)};
static const Member usage_members[] = {M(UsageRecord, queue),     M(UsageRecord, share),
                                       M(UsageRecord, bucket_ms), M(UsageRecord, first_bucket),
                                       M(UsageRecord, amounts),   M(UsageRecord, inactive_since_ms),
                                       M(UsageRecord, removed)};
static const Member rename_members[] = {M(RenameRecord, kind), M(RenameRecord, from), M(RenameRecord, to)};
static const Member drift_members[] = {
    M(DriftRecord, kind),    M(DriftRecord, name),    M(DriftRecord, fields),      M(DriftRecord, since_ms),
    M(DriftRecord, seen_ms), M(DriftRecord, told_ms), M(DriftRecord, corrections), M(DriftRecord, refusals),
    M(DriftRecord, next_ms), M(DriftRecord, problem), M(DriftRecord, is_given_up), M(DriftRecord, removed)};
#undef M

/* The rows of one table. */
typedef struct {
    const char *name;
    const Member *members;
    size_t members_len;
    const char *rows;
    size_t rows_len, row_bytes;
} Rows;

#define TABLES 17

static void rows_of(const Batch *batch, Rows rows[TABLES])
{
    size_t at = 0;
#define TABLE(Record, table)                                                                                 \
    rows[at] = (Rows){.name = #table,                                                                        \
                      .members = table##_members,                                                            \
                      .members_len = G_N_ELEMENTS(table##_members),                                          \
                      .row_bytes = sizeof(Record)};                                                          \
    rows[at].rows = (const char *)batch_##table(batch, &rows[at].rows_len);                                  \
    at++;
    TABLE(ResourceRecord, resource)
    TABLE(RevisionRecord, revision)
    TABLE(TemplateRecord, template)
    TABLE(JobRecord, job)
    TABLE(ChildRecord, child)
    TABLE(RangeRecord, range)
    TABLE(InstanceRecord, instance)
    TABLE(AttemptRecord, attempt)
    TABLE(RunRecord, run)
    TABLE(DurationRecord, duration)
    TABLE(ApplyRecord, apply)
    TABLE(ChangeRecord, change)
    TABLE(EventRecord, event)
    TABLE(SettingRecord, setting)
    TABLE(UsageRecord, usage)
    TABLE(RenameRecord, rename)
    TABLE(DriftRecord, drift)
#undef TABLE
    g_assert(at == TABLES);
}

static View text_at(const char *row, const Member *member)
{
    View text;
    memcpy(&text, row + member->offset, sizeof text);
    return text;
}

/* What a job waits for stands outside of its row. */
static View depends_on(const Rows *rows, const char *row)
{
    if (rows->members != job_members)
        return VIEW("");
    const JobRecord *job = (const JobRecord *)(const void *)row;
    return (View){(const char *)job->depends_on, job->depends_on_len * sizeof *job->depends_on};
}

static uint32_t row_checksum(const Rows *rows, size_t table, const char *row)
{
    uint64_t sum = checksum_of(table, NULL, 0);
    for (size_t i = 0; i < rows->members_len; i++) {
        const Member *member = &rows->members[i];
        View text =
            member->type == MEMBER_TEXT ? text_at(row, member) : (View){row + member->offset, member->size};
        sum = checksum_of(sum, text.data, text.len);
    }
    View waits_for = depends_on(rows, row);
    sum = checksum_of(sum, waits_for.data, waits_for.len);
    return (uint32_t)(sum ^ sum >> 32);
}

void batch_checksums(const Batch *batch, GArray *ret_checksums)
{
    Rows rows[TABLES];
    rows_of(batch, rows);
    for (size_t i = 0; i < TABLES; i++)
        for (size_t j = 0; j < rows[i].rows_len; j++) {
            uint32_t sum = row_checksum(&rows[i], i, rows[i].rows + j * rows[i].row_bytes);
            g_array_append_val(ret_checksums, sum);
        }
}

static void append_hex(const char *bytes, size_t len, GString *out)
{
    for (size_t i = 0; i < len; i++)
        g_string_append_printf(out, "%02x", (uint8_t)bytes[i]);
}

static void append_number(const char *bytes, size_t size, GString *out)
{
    int64_t number = 0;
    int32_t small;
    if (size == sizeof small) {
        memcpy(&small, bytes, sizeof small);
        number = small;
    } else {
        memcpy(&number, bytes, MIN(size, sizeof number));
    }
    g_string_append_printf(out, "%" G_GINT64_FORMAT, number);
}

static void append_member(const char *row, const Member *member, GString *out)
{
    const char *bytes = row + member->offset;
    g_string_append_printf(out, "%s: ", member->name);
    switch (member->type) {
    case MEMBER_TEXT: {
        g_autofree char *text = g_strndup(text_at(row, member).data, text_at(row, member).len);
        g_autofree char *quoted = g_strescape(text, NULL);
        g_string_append_printf(out, "\"%s\"", quoted);
        return;
    }
    case MEMBER_FLAG: g_string_append(out, *bytes ? "true" : "false"); return;
    case MEMBER_NUMBER: append_number(bytes, member->size, out); return;
    case MEMBER_BYTES: append_hex(bytes, member->size, out); return;
    }
}

char *batch_row_text(const Batch *batch, size_t index)
{
    Rows rows[TABLES];
    rows_of(batch, rows);
    size_t table = 0;
    for (; table < TABLES && index >= rows[table].rows_len; table++)
        index -= rows[table].rows_len;
    if (table == TABLES)
        return g_strdup("no row");
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "%s {", rows[table].name);
    for (size_t i = 0; i < rows[table].members_len; i++) {
        g_string_append(out, i ? ", " : "");
        append_member(rows[table].rows + index * rows[table].row_bytes, &rows[table].members[i], out);
    }
    g_string_append_c(out, '}');
    return g_string_free(out, FALSE);
}

/* ---- effects ---- */

static uint64_t add_text(uint64_t sum, const char *text)
{
    return text ? checksum_of(sum, text, strlen(text)) : checksum_of(sum, "none", 4) + 1;
}

static uint64_t add_numbers(uint64_t sum, const int64_t *numbers, size_t len)
{
    return checksum_of(sum, numbers, len * sizeof *numbers);
}

uint64_t effect_tokens(const LaunchToken *tokens, size_t len)
{
    return checksum_of(len, tokens, len * sizeof *tokens);
}

uint64_t effect_stop(const LaunchToken *token, const char *reason)
{
    return add_text(effect_tokens(token, 1), reason);
}

static uint64_t add_launch(uint64_t sum, const LaunchRequest *request)
{
    const char *const texts[] = {request->job_id,      request->work_dir,    request->workspace,
                                 request->stdout_path, request->stderr_path, request->user,
                                 request->environment, request->definition,  request->workspace_name,
                                 request->overrides,   request->queue};
    const int64_t numbers[] = {
        (int64_t)request->term, request->vcpus_e4, request->memory_mib,        request->timeout_ms,
        request->kill_grace_ms, request->provider, (int64_t)request->injected, request->gpus,
        request->node,          request->attempt};
    sum = checksum_of(sum, request->token.bytes, LAUNCH_TOKEN_BYTES);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        sum = add_text(sum, texts[i]);
    for (const char *const *word = request->argv; *word; word++)
        sum = add_text(sum, *word);
    for (const char *const *variable = request->envp; *variable; variable++)
        sum = add_text(sum, *variable);
    sum = add_numbers(sum, numbers, G_N_ELEMENTS(numbers));
    return request->instance ? checksum_of(sum, request->instance->bytes, LAUNCH_TOKEN_BYTES) : sum;
}

uint64_t effect_launches(const LaunchRequest *requests, size_t len)
{
    uint64_t sum = len;
    for (size_t i = 0; i < len; i++)
        sum = add_launch(sum, &requests[i]);
    return sum;
}

uint64_t effect_instances(const InstanceRequest *requests, size_t len)
{
    uint64_t sum = len;
    for (size_t i = 0; i < len; i++) {
        const InstanceRequest *request = &requests[i];
        const int64_t numbers[] = {(int64_t)request->term,
                                   request->spot,
                                   request->vcpus_e4,
                                   request->memory_mib,
                                   request->gpus,
                                   request->provider,
                                   request->max_price_microusd_per_h};
        sum = checksum_of(sum, request->token.bytes, LAUNCH_TOKEN_BYTES);
        sum = add_text(add_text(sum, request->environment), request->type);
        sum = add_numbers(sum, numbers, G_N_ELEMENTS(numbers));
    }
    return sum;
}

uint64_t effect_resources(const ResourceRequest *requests, size_t len)
{
    uint64_t sum = len;
    for (size_t i = 0; i < len; i++) {
        const ResourceRequest *request = &requests[i];
        const int64_t numbers[] = {request->kind, (int64_t)request->term, (int64_t)request->number,
                                   request->provider, request->machines};
        sum = add_text(add_text(sum, request->name), request->spec);
        sum = add_text(add_text(sum, request->installation), request->pins);
        sum = checksum_of(sum, request->digest.bytes, DIGEST_BYTES);
        for (const char *const *path = request->keep; path && *path; path++)
            sum = add_text(sum, *path);
        sum = add_numbers(sum, numbers, G_N_ELEMENTS(numbers));
    }
    return sum;
}

uint64_t effect_start(const ProviderStart *start)
{
    uint64_t sum = effect_resources(start->resources, start->resources_len);
    for (size_t i = 0; i < start->expected_len; i++) {
        const int64_t provider = start->expected[i].provider;
        sum = checksum_of(sum, start->expected[i].token.bytes, LAUNCH_TOKEN_BYTES);
        sum = add_numbers(sum, &provider, 1);
    }
    return sum;
}
