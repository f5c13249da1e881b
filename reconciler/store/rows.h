/* rows.h: how each record lies in its table's columns: written and read side by side, in one order.
 * Owns:   nothing. What is put is borrowed until the statement has run; what is got, until it steps.
 * Calls:  database.h.
 * Holds:  X_COLUMNS is the order of put_X and get_X. A value that no program of ours writes (a damaged file)
 * leaves SQLITE_CORRUPT in the cursor, never an enum out of range. */
#pragma once
#include "reconciler/store/database.h"

#define RESOURCE_COLUMNS                                                                                     \
    "kind, name, owner, digest, next_digest, file, line, phase, deletion, flags, status_reason, revision, "  \
    "created_ms, updated_ms, used_up"
#define RESOURCE_PARAMETERS "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"
void put_resource(Cursor *cursor, const ResourceRecord *record);
void get_resource(Cursor *cursor, ResourceRecord *ret_record); /* texts of resource_texts are "" */
#define RESOURCE_TEXT_COLUMNS    "kind, name, spec, metadata, next_spec"
#define RESOURCE_TEXT_PARAMETERS "?,?,?,?,?"
void put_resource_texts(Cursor *cursor, const ResourceRecord *record);
void get_resource_metadata(Cursor *cursor, ResourceRecord *ret_record); /* of DETAIL_BRIEF */
void get_resource_texts(Cursor *cursor,
                        ResourceRecord *ret_record); /* spec, metadata, next_spec: without the key */

#define REVISION_COLUMNS    "name, revision, digest, active, created_ms, spec"
#define REVISION_PARAMETERS "?,?,?,?,?,?"
void put_revision(Cursor *cursor, const RevisionRecord *record);
void get_revision(Cursor *cursor, RevisionRecord *ret_record);

#define TEMPLATE_COLUMNS    "id, definition, definition_spec, request"
#define TEMPLATE_PARAMETERS "?,?,?,?"
void put_template(Cursor *cursor, const TemplateRecord *record);
void get_template(Cursor *cursor, TemplateRecord *ret_record);

#define RUN_COLUMNS_BRIEF                                                                                    \
    "id, owner, kind, name, key, number, state, created_ms, stopped_ms, status_reason, ''"
#define RUN_COLUMNS    "id, owner, kind, name, key, number, state, created_ms, stopped_ms, status_reason, spec"
#define RUN_PARAMETERS "?,?,?,?,?,?,?,?,?,?,?"
void put_run(Cursor *cursor, const RunRecord *record);
/* A run's spec is written once: of one that has ended the record has none any more. */
#define RUN_CHANGES                                                                                          \
    "owner = ?2, kind = ?3, name = ?4, key = ?5, number = ?6, state = ?7, created_ms = ?8, stopped_ms = "    \
    "?9, "                                                                                                   \
    "status_reason = ?10 WHERE id = ?1"
void put_run_changes(Cursor *cursor, const RunRecord *record);
void get_run(Cursor *cursor, RunRecord *ret_record);

#define APPLY_COLUMNS                                                                                        \
    "id, owner, source_path, revision, plan_id, state, message, summary, created_ms, ended_ms, how, actor, " \
    "author, signature, started_ms"
#define APPLY_PARAMETERS "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"
void put_apply(Cursor *cursor, const ApplyRecord *record);
void get_apply(Cursor *cursor, ApplyRecord *ret_record);

#define CHANGE_COLUMNS    "kind, name, at_ms, apply_id, owner, actor, action, reason, fields"
#define CHANGE_PARAMETERS "?,?,?,?,?,?,?,?,?"
void put_change(Cursor *cursor, const ChangeRecord *record);
void get_change(Cursor *cursor, ChangeRecord *ret_record);

#define JOB_COLUMNS                                                                                          \
    "sequence, id, state, flags, array_size, template_id, queue, name, run, step, share_identifier, "        \
    "created_ms, started_ms, stopped_ms, attempts, front, status_reason, depends_on"
#define JOB_PARAMETERS "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"
/* scratch holds the encoded dependencies until the statement has run. */
void put_job(Cursor *cursor, const JobRecord *record, GByteArray *scratch);
/* dependencies (of DependencyRecord) holds what ret_record->depends_on points to. */
void get_job(Cursor *cursor, GArray *dependencies, JobRecord *ret_record);
#define JOB_CHANGES                                                                                          \
    "state = ?, flags = ?, array_size = ?, started_ms = ?, stopped_ms = ?, attempts = ?, front = ?, "        \
    "status_reason = ? "                                                                                     \
    "WHERE sequence = ?"
void put_job_changes(Cursor *cursor, const JobRecord *record);
/* Decodes a depends_on column alone. */
bool get_dependencies(View bytes, GArray *dependencies);

#define CHILD_COLUMNS    "sequence, child, state, flags, attempts, front, started_ms, stopped_ms, status_reason"
#define CHILD_PARAMETERS "?,?,?,?,?,?,?,?,?"
void put_child(Cursor *cursor, const ChildRecord *record);
void get_child(Cursor *cursor, ChildRecord *ret_record);

#define RANGE_COLUMNS    "sequence, first, last, state, flags, stopped_ms, status_reason"
#define RANGE_PARAMETERS "?,?,?,?,?,?,?"
void put_range(Cursor *cursor, const RangeRecord *record);
void get_range(Cursor *cursor, RangeRecord *ret_record);

#define ATTEMPT_COLUMNS                                                                                      \
    "sequence, child, attempt, token, state, vcpus_e4, memory_mib, intended_ms, started_ms, stopped_ms, "    \
    "exit_code, environment, reason, status_reason, instance, host, gpus, expected_ms, task"
#define ATTEMPT_PARAMETERS "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"
void put_attempt(Cursor *cursor, const AttemptRecord *record);
void get_attempt(Cursor *cursor, AttemptRecord *ret_record);
#define ATTEMPT_CHANGES                                                                                      \
    "state = ?, vcpus_e4 = ?, memory_mib = ?, intended_ms = ?, started_ms = ?, stopped_ms = ?, "             \
    "exit_code = ?, environment = ?, reason = ?, status_reason = ?, instance = ?, host = ?, gpus = ?, "      \
    "expected_ms = ?, task = ? "                                                                             \
    "WHERE sequence = ? AND child = ? AND attempt = ? AND token = ?"
void put_attempt_changes(Cursor *cursor, const AttemptRecord *record);

#define INSTANCE_COLUMNS                                                                                     \
    "number, token, environment, state, flags, type, provider_id, vcpus_e4, memory_mib, gpus, "              \
    "price_micro_per_h, intended_ms, registered_ms, gone_ms, generation, status_reason"
#define INSTANCE_PARAMETERS "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"
void put_instance(Cursor *cursor, const InstanceRecord *record);
void get_instance(Cursor *cursor, InstanceRecord *ret_record);

#define DURATION_COLUMNS    "definition, since_ms, counts"
#define DURATION_PARAMETERS "?,?,?"
void put_duration(Cursor *cursor, const DurationRecord *record);
void get_duration(Cursor *cursor, DurationRecord *ret_record);

#define USAGE_COLUMNS    "queue, share, bucket_ms, first_bucket, inactive_since_ms, amounts"
#define USAGE_PARAMETERS "?,?,?,?,?,?"
void put_usage(Cursor *cursor, const UsageRecord *record);
void get_usage(Cursor *cursor, UsageRecord *ret_record);

#define DRIFT_COLUMNS                                                                                        \
    "kind, name, fields, since_ms, seen_ms, told_ms, corrections, refusals, next_ms, flags, problem"
#define DRIFT_PARAMETERS "?,?,?,?,?,?,?,?,?,?,?"
void put_drift(Cursor *cursor, const DriftRecord *record);
void get_drift(Cursor *cursor, DriftRecord *ret_record);

#define EVENT_COLUMNS    "sequence, at_ms, type, subject, message, first, last, source, revision, details"
#define EVENT_PARAMETERS "?,?,?,?,?,?,?,?,?,?"
void put_event(Cursor *cursor, const EventRecord *record);
void get_event(Cursor *cursor, EventRecord *ret_record);

#define SETTING_COLUMNS    "name, value"
#define SETTING_PARAMETERS "?,?"
void put_setting(Cursor *cursor, const SettingRecord *record);
void get_setting(Cursor *cursor, SettingRecord *ret_record);
