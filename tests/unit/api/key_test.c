/* key_test.c: keys, what they may, their secrets, the key file, signatures that were seen, ranges of
 * addresses. */
#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include "reconciler/api/access.h"
#include "reconciler/api/address_range.h"
#include "reconciler/api/seen.h"

#define ID "MUSTERABCDEFGHIJKLMN"

static json_t *json(const char *text)
{
    g_autoptr(GString) quoted = g_string_new(text);
    g_string_replace(quoted, "'", "\"", 0);
    json_error_t error;
    json_t *value = json_loads(quoted->str, 0, &error);
    if (!value)
        g_error("%s in %s", error.text, quoted->str);
    return value;
}

static Key key_of(const char *text)
{
    Key key = {0};
    json_t *value = json(text);
    g_assert_true(key_from_json(ID, value, &key));
    json_decref(value);
    return key;
}

static void test_json(void)
{
    static const char text[] =
        "{\"createdAt\":5,\"expiresAt\":6,\"hostPaths\":[],\"name\":\"ci\",\"queues\":[\"a\",\"b*\"],"
        "\"requestsPerSecond\":7,\"roles\":[\"arn:r\"],\"scopes\":[\"submit\",\"register\"],\"sealed\":\"x\","
        "\"shareIdentifiers\":[\"s\"],\"unprivileged\":true}";
    g_auto(Key) key = key_of(text);
    json_t *back = key_to_json(&key, true), *told = key_to_json(&key, false);
    g_autofree char *dumped = json_dumps(back, JSON_COMPACT | JSON_SORT_KEYS);
    g_assert_cmpstr(dumped, ==, text);
    g_assert_null(json_object_get(told, "sealed"));
    json_decref(back);
    json_decref(told);
}

static void test_json_faults(void)
{
    static const char *const faulty[] = {"{}",
                                         "{'name':'a'}",
                                         "{'name':'a','scopes':[]}",
                                         "{'name':'a','scopes':['all']}",
                                         "{'name':'a','scopes':[1]}",
                                         "{'name':'','scopes':['read']}",
                                         "{'name':'a','scopes':['read'],'queues':'x'}",
                                         "{'name':'a','scopes':['read'],'queues':[1]}",
                                         "{'name':'a','scopes':['read'],'requestsPerSecond':-1}"};
    for (size_t i = 0; i < G_N_ELEMENTS(faulty); i++) {
        Key key = {0};
        json_t *value = json(faulty[i]);
        g_assert_false(key_from_json(ID, value, &key));
        json_decref(value);
    }
    Key key = {0};
    json_t *value = json("{'name':'a','scopes':['read']}");
    g_assert_false(key_from_json("MUSTERSHORT", value, &key));
    g_assert_false(key_from_json("AKIAABCDEFGHIJKLMNOP", value, &key));
    json_decref(value);
}

static void test_scopes(void)
{
    g_auto(Key) admin = key_of("{'name':'a','scopes':['admin']}");
    g_auto(Key) submit = key_of("{'name':'a','scopes':['submit']}");
    g_assert_true(key_may(&admin, KEY_READ | KEY_SUBMIT | KEY_REGISTER | KEY_ADMIN));
    g_assert_true(key_may(&submit, KEY_READ));
    g_assert_false(key_may(&submit, KEY_REGISTER));
    g_autofree char *text = key_scopes_text(admin.scopes);
    g_assert_cmpstr(text, ==, "admin");
    g_assert_cmpuint(key_scope_from_name("everything"), ==, 0);
}

static void test_allows(void)
{
    char one[] = "a", prefix[] = "b*";
    char *some[] = {one, prefix, NULL}, *none[] = {NULL};
    g_assert_true(key_allows(NULL, "x"));
    g_assert_true(key_allows(NULL, NULL));
    g_assert_true(key_allows(some, "a"));
    g_assert_true(key_allows(some, "b"));
    g_assert_true(key_allows(some, "bc"));
    g_assert_false(key_allows(some, "ab"));
    g_assert_false(key_allows(some, "c"));
    g_assert_false(key_allows(some, NULL));
    g_assert_false(key_allows(none, "a"));
}

static void test_secrets(void)
{
    unsigned char file_key[KEY_FILE_BYTES] = {1, 2, 3}, other[KEY_FILE_BYTES] = {1, 2, 4};
    g_autofree char *id = key_id_random(), *id2 = key_id_random();
    char *secret = key_secret_random();
    g_assert_cmpuint(strlen(id), ==, KEY_ID_LEN);
    g_assert_true(g_str_has_prefix(id, KEY_ID_PREFIX));
    g_assert_cmpstr(id, !=, id2);
    g_assert_cmpuint(strlen(secret), ==, KEY_SECRET_LEN);
    g_autofree char *sealed = key_seal(file_key, id, secret), *again = key_seal(file_key, id, secret);
    g_assert_cmpstr(sealed, !=, again); /* a nonce of its own each time */
    char *opened = key_unseal(file_key, id, sealed);
    g_assert_cmpstr(opened, ==, secret);
    key_secret_free(opened);
    key_secret_free(secret);
    g_assert_null(key_unseal(other, id, sealed));
    g_assert_null(key_unseal(file_key, id2, sealed));
    g_assert_null(key_unseal(file_key, id, ""));
    g_assert_null(key_unseal(file_key, id, "AAAA"));
    gsize len;
    g_autofree guchar *bytes = g_base64_decode(sealed, &len);
    for (gsize i = 0; i < len; i++) { /* no byte of it can be changed */
        bytes[i] ^= 1;
        g_autofree char *changed = g_base64_encode(bytes, len);
        g_assert_null(key_unseal(file_key, id, changed));
        bytes[i] ^= 1;
    }
}

static void test_file(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("key-test-XXXXXX", NULL), *path = g_build_filename(dir, "k", NULL);
    unsigned char bytes[KEY_FILE_BYTES], again[KEY_FILE_BYTES];
    g_assert_false(key_file_read(path, bytes, &error));
    g_assert_nonnull(strstr(error->message, path));
    g_clear_error(&error);
    g_assert_true(key_file_make(path, &error));
    g_assert_true(key_file_read(path, bytes, &error));
    g_assert_true(key_file_make(path, &error)); /* what is there stays */
    g_assert_true(key_file_read(path, again, &error));
    g_assert_true(memcmp(bytes, again, sizeof again) == 0);
    g_assert_cmpint(g_chmod(path, 0640), ==, 0);
    g_assert_false(key_file_read(path, bytes, &error));
    g_assert_nonnull(strstr(error->message, "others may read it"));
    g_clear_error(&error);
    g_assert_true(g_file_set_contents(path, "abc", -1, NULL));
    g_assert_cmpint(g_chmod(path, 0600), ==, 0);
    g_assert_false(key_file_read(path, bytes, &error));
    g_assert_nonnull(strstr(error->message, "64 hexadecimal digits"));
    g_unlink(path);
    g_rmdir(dir);
}

/* ---- what a key may ask for ---- */

static void assert_refused(const char *key_text, const char *operation, const char *request, const char *part)
{
    g_auto(Key) key = key_of(key_text);
    const Operation *found = operation_find_name(operation);
    json_t *value = found->lines ? NULL : json(request);
    g_autofree char *refusal = access_refusal(&key, found, value, view_from(request));
    json_decref(value);
    if (part ? !refusal || !strstr(refusal, part) : refusal != NULL)
        g_error("%s %s: %s", operation, request, refusal ? refusal : "allowed");
}

static void test_access_scopes(void)
{
    static const struct {
        const char *operation;
        unsigned scope;
    } cases[] = {{"describejobs", KEY_READ}, {"status", KEY_READ},      {"submitjob", KEY_SUBMIT},
                 {"bulk", KEY_SUBMIT},       {"terminate", KEY_SUBMIT}, {"start", KEY_SUBMIT},
                 {"apply", KEY_ADMIN},       {"key", KEY_ADMIN},        {"keys", KEY_ADMIN},
                 {"override", KEY_ADMIN}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpuint(access_scope(operation_find_name(cases[i].operation)), ==, cases[i].scope);
    assert_refused("{'name':'me','scopes':['read']}", "submitjob", "{}",
                   "User: key/me is not authorized to perform: batch:submitjob because the key may read, and "
                   "this needs submit");
    assert_refused("{'name':'me','scopes':['read']}", "describejobs", "{}", NULL);
}

static void test_access_submission(void)
{
    static const char key[] = "{'name':'me','scopes':['submit'],'queues':['q*'],'shareIdentifiers':['s']}";
    assert_refused(key, "submitjob", "{'jobQueue':'q1','shareIdentifier':'s'}", NULL);
    assert_refused(key, "submitjob",
                   "{'jobQueue':'arn:aws:batch:us-east-1:000000000000:job-queue/q1','shareIdentifier':'s'}",
                   NULL);
    assert_refused(key, "submitjob", "{'jobQueue':'r','shareIdentifier':'s'}", "the queue \"r\"");
    assert_refused(key, "submitjob", "{'shareIdentifier':'s'}", "the queue \"\"");
    assert_refused(key, "submitjob", "{'jobQueue':5,'shareIdentifier':'s'}", "the queue \"\"");
    assert_refused(key, "submitjob", "{'jobQueue':'q1','shareIdentifier':'t'}", "the shareIdentifier \"t\"");
    assert_refused(key, "submit", "{'jobQueue':'q1'}", "the job has none");
    assert_refused(key, "bulk", "{\"jobQueue\":\"q1\",\"shareIdentifier\":\"s\"}\nno json\n", NULL);
    assert_refused(key, "bulk",
                   "{\"jobQueue\":\"q1\",\"shareIdentifier\":\"s\"}\n"
                   "{\"jobQueue\":\"r\",\"shareIdentifier\":\"s\"}",
                   "the queue \"r\"");
}

/* Of whatever changes something: what registers is found by name once it is there. */
static void test_access_grants(void)
{
    static const char key[] =
        "{'name':'me','scopes':['admin'],'roles':['arn:a'],'hostPaths':['/data/*'],'unprivileged':true}";
    static const char *const fine[] = {
        "{'containerProperties':{'jobRoleArn':'arn:a','privileged':false}}",
        "{'nodeProperties':[{'container':{'volumes':[{'host':{'sourcePath':'/data/x'}}]}}]}"};
    for (size_t i = 0; i < G_N_ELEMENTS(fine); i++)
        assert_refused(key, "override", fine[i], NULL);
    assert_refused(key, "override", "{'containerProperties':{'jobRoleArn':'arn:b'}}", "the role \"arn:b\"");
    assert_refused(key, "override", "{'a':[{'b':{'executionRoleArn':'arn:b'}}]}", "the role \"arn:b\"");
    assert_refused(key, "override", "{'a':[[{'privileged':true}]]}", "privileged containers");
    assert_refused(key, "override", "{'host':{'sourcePath':'/etc'}}", "the host path \"/etc\"");
}

static void test_peer(void)
{
    g_auto(Key) key = key_of("{'name':'me','scopes':['submit'],'queues':['q']}");
    json_t *request = json("{'peer':{'user':'root'}}");
    access_tell_peer(&key, request);
    g_autofree char *text = json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS);
    g_assert_cmpstr(text, ==, "{\"peer\":{\"key\":\"" ID "\",\"queues\":[\"q\"],\"user\":\"me\"}}");
    json_decref(request);
}

/* ---- signatures that were seen ---- */

static void signature_of(uint64_t number, char ret_text[65])
{
    g_snprintf(ret_text, 65, "%016" G_GINT64_MODIFIER "x%048d", number, 0);
}

static void test_seen(void)
{
    Seen seen = {0};
    char text[65];
    const int64_t base_ms = INT64_C(1800000000000);
    for (int round = 0; round < 2; round++)
        for (uint64_t i = 0; i < 5000; i++) {
            signature_of(i * 0x9e3779b97f4a7c15, text); /* 0 as well */
            g_assert_true(seen_add(&seen, base_ms + (int64_t)(i % 600) * 1000, text) == (round == 0));
        }
    g_assert_cmpuint(seen.len, ==, 5000);
    signature_of(7, text);
    g_assert_true(seen_add(&seen, base_ms + 12 * 60000, text)); /* the first minute's place */
    g_assert_cmpuint(seen.len, ==, 5000 - 540 + 1);
    seen_clear(&seen);
    g_assert_cmpuint(seen.len, ==, 0);
}

/* ---- addresses ---- */

static bool has(const char *range_text, const char *address)
{
    AddressRange range;
    struct sockaddr_storage storage = {.ss_family = strchr(address, ':') ? AF_INET6 : AF_INET};
    g_assert_true(address_range_parse(range_text, &range, NULL));
    void *bytes = storage.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&storage)->sin_addr
                                               : (void *)&((struct sockaddr_in6 *)&storage)->sin6_addr;
    g_assert_cmpint(inet_pton(storage.ss_family, address, bytes), ==, 1);
    return address_range_has(&range, (struct sockaddr *)&storage);
}

static void test_ranges(void)
{
    static const char *const faulty[] = {"",  "10.0.0.0/33", "10.0.0/8",   "10.0.0.0/",
                                         "x", "::1/129",     "10.0.0.0/-1"};
    g_assert_true(has("10.0.0.0/8", "10.255.0.1"));
    g_assert_false(has("10.0.0.0/8", "11.0.0.1"));
    g_assert_true(has("10.0.0.16/28", "10.0.0.31"));
    g_assert_false(has("10.0.0.16/28", "10.0.0.32"));
    g_assert_true(has("192.0.2.7", "192.0.2.7"));
    g_assert_false(has("192.0.2.7", "192.0.2.6"));
    g_assert_true(has("0.0.0.0/0", "8.8.8.8"));
    g_assert_false(has("0.0.0.0/0", "::1"));
    g_assert_true(has("fd00::/9", "fd7f::1"));
    g_assert_false(has("fd00::/9", "fd80::1"));
    for (size_t i = 0; i < G_N_ELEMENTS(faulty); i++) {
        g_autoptr(GError) error = NULL;
        AddressRange range;
        g_assert_false(address_range_parse(faulty[i], &range, &error));
        g_assert_nonnull(strstr(error->message, "10.0.0.0/8"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/key/json", test_json);
    g_test_add_func("/key/json-faults", test_json_faults);
    g_test_add_func("/key/scopes", test_scopes);
    g_test_add_func("/key/allows", test_allows);
    g_test_add_func("/key/secrets", test_secrets);
    g_test_add_func("/key/file", test_file);
    g_test_add_func("/key/access/scopes", test_access_scopes);
    g_test_add_func("/key/access/submission", test_access_submission);
    g_test_add_func("/key/access/grants", test_access_grants);
    g_test_add_func("/key/peer", test_peer);
    g_test_add_func("/key/seen", test_seen);
    g_test_add_func("/key/ranges", test_ranges);
    return g_test_run();
}
