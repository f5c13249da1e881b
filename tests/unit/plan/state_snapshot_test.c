#include "reconciler/plan/state_snapshot.h"
#include <glib.h>
#include <string.h>

#define INSTALLATION "0123456789abcdef0123456789abcdef"
#define SPEC                                                                                                 \
    "{\"containerProperties\":{\"environment\":[{\"name\":\"A\",\"value\":\"one\"},{\"name\":\"B\","         \
    "\"value\":"                                                                                             \
    "\"two\"}]}}"

static GString *snapshot(void)
{
    GString *out = g_string_new(NULL);
    g_autoptr(StateSnapshotWriter) writer = state_snapshot_writer_new(INSTALLATION);
    ApplyRecord apply = {.owner = VIEW("shop"),
                         .source_path = VIEW("/srv/shop"),
                         .revision = VIEW("r1"),
                         .created_ms = 1000,
                         .ended_ms = 2000};
    ResourceRecord record = {.kind = KIND_JOB_DEFINITION,
                             .name = VIEW("align"),
                             .owner = VIEW("shop"),
                             .spec = view_from(SPEC),
                             .metadata = VIEW("{\"annotations\":{\"muster/public-environment\":\"B\"}}"),
                             .next_spec = VIEW(""),
                             .file = VIEW("/srv/shop/jobs/align.yaml"),
                             .line = 4,
                             .prune = true,
                             .status_reason = VIEW(""),
                             .revision = 7,
                             .updated_ms = 1795650943293};
    kinds_init();
    canonical_digest(record.kind, record.name, record.spec, &record.digest);
    state_snapshot_add_source(writer, &apply, true);
    state_snapshot_add_resource(writer, &record);
    record.name = VIEW("other");
    record.owner = VIEW("team");
    record.file = VIEW("/home/team/x.yaml");
    state_snapshot_add_resource(writer, &record);
    state_snapshot_finish(writer, out);
    return out;
}

static StateSnapshot *load(const char *text, GError **error)
{
    return state_snapshot_load(view_from(text), error);
}

static void assert_refused(const char *text, StateSnapshotErrorCode code, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(load(text, &error));
    g_assert_error(error, STATE_SNAPSHOT_ERROR, (int)code);
    if (!strstr(error->message, part))
        g_error("\"%s\" is not in \"%s\"", part, error->message);
}

static void test_content(void)
{
    g_autoptr(GString) text = snapshot();
    g_autoptr(GError) error = NULL;
    g_autoptr(StateSnapshot) loaded = load(text->str, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(state_snapshot_installation(loaded), ==, INSTALLATION);
    g_autofree char *title = state_snapshot_title(loaded, "shop"), *sources = state_snapshot_sources(loaded);
    g_assert_cmpstr(title, ==, "snapshot of shop at 2026-11-25T23:55:43Z");
    g_assert_cmpstr(sources, ==, "shop");
    const PlanActual *actual = state_snapshot_actual(loaded, "shop");
    g_assert_cmpuint(actual->resources_len, ==, 2);
    g_assert_true(actual->source_known && actual->is_redacted);
    g_assert_true(view_is(actual->resources[0].file, "jobs/align.yaml"));
    g_assert_true(view_is(actual->resources[1].file, "x.yaml"));
    g_assert_cmpint(actual->resources[0].revision, ==, 7);
    g_assert_null(strstr(text->str, "\"one\"")); /* not public */
    g_assert_nonnull(strstr(text->str, "\"two\""));
    g_assert_true(state_snapshot_knows(loaded, KIND_JOB_DEFINITION, VIEW("other"), "shop"));
    g_assert_false(state_snapshot_knows(loaded, KIND_JOB_DEFINITION, VIEW("align"), "shop"));
    g_assert_false(state_snapshot_knows(loaded, KIND_JOB_QUEUE, VIEW("other"), "shop"));
    g_assert_false(state_snapshot_actual(loaded, "team")->source_known);
}

/* Cut anywhere, or a byte changed anywhere. */
static void test_damaged(void)
{
    g_autoptr(GString) text = snapshot();
    for (size_t len = 0; len < text->len; len++) {
        g_autofree char *cut = g_strndup(text->str, len);
        g_autoptr(GError) error = NULL;
        g_assert_null(load(cut, &error));
        g_assert_nonnull(error);
    }
    for (size_t at = strlen("{\"stateSnapshot\":1"); at < text->len; at++) {
        g_autofree char *changed = g_strdup(text->str);
        g_autoptr(GError) error = NULL;
        changed[at] ^= 1;
        g_assert_null(load(changed, &error));
        g_assert_nonnull(error);
    }
    g_autofree char *cut = g_strndup(text->str, text->len / 2);
    assert_refused(cut, STATE_SNAPSHOT_ERROR_DAMAGED, "cut short");
}

static void test_refused(void)
{
    g_autoptr(GString) text = snapshot();
    g_autofree char *newer = g_strdup(text->str), *other = g_strdup(text->str);
    newer[strlen("{\"stateSnapshot\":")] = '2';
    assert_refused(newer, STATE_SNAPSHOT_ERROR_VERSION, "format 2");
    strstr(other, "align")[0] = 'b';
    assert_refused(other, STATE_SNAPSHOT_ERROR_DAMAGED, "was changed");
    assert_refused("", STATE_SNAPSHOT_ERROR_FOREIGN, "no snapshot of a state");
    assert_refused("<html>404</html>", STATE_SNAPSHOT_ERROR_FOREIGN, "no snapshot of a state");
}

/* What a digest cannot tell: texts that somebody made. */
static void test_nonsense(void)
{
#define HEAD "{\"stateSnapshot\":1,\"installation\":\"" INSTALLATION "\",\"at\":1,"
    static const char *const texts[] = {
        "{\"stateSnapshot\":1}",
        "{\"stateSnapshot\":1,\"installation\":\"../../x\"}",
        HEAD "\"resources\":{}}",
        HEAD "\"resources\":[1]}",
        HEAD "\"resources\":[{\"kind\":\"Nothing\",\"name\":\"a\",\"spec\":{}}]}",
        HEAD "\"resources\":[{\"kind\":\"JobQueue\",\"name\":\"a\\u0000b\",\"spec\":{}}]}",
        HEAD "\"resources\":[{\"kind\":\"JobQueue\",\"name\":\"a\",\"spec\":{\"a\":}}]}",
        HEAD "\"resources\":[{\"kind\":\"JobQueue\",\"name\":\"a\",\"spec\":[]}]}",
        HEAD "\"resources\":[{\"kind\":\"JobQueue\",\"name\":\"b\",\"spec\":{}},{\"kind\":\"JobQueue\","
             "\"name\":\"a\",\"spec\":{}}]}",
        HEAD "\"resources\":[{\"kind\":\"JobQueue\",\"name\":\"a\",\"spec\":{},\"digest\":\"12\"}]}",
        HEAD "\"resources\":[{\"kind\":\"JobQueue\",\"name\":\"a\",\"spec\":{},\"what\":1}]}",
        HEAD "\"runs\":[{\"kind\":\"JobQueue\",\"name\":\"a\",\"state\":\"RUNNING\"}]}",
        HEAD "\"runs\":[{\"kind\":\"Job\",\"name\":\"a\",\"state\":\"DANCING\"}]}",
        HEAD "\"sources\":[{}]}",
        HEAD "\"more\":1}",
    };
    kinds_init();
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(StateSnapshot) loaded = state_snapshot_parse(view_from(texts[i]), &error);
        if (loaded)
            g_error("accepted: %s", texts[i]);
        g_assert_error(error, STATE_SNAPSHOT_ERROR, STATE_SNAPSHOT_ERROR_DAMAGED);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/state-snapshot/content", test_content);
    g_test_add_func("/plan/state-snapshot/damaged", test_damaged);
    g_test_add_func("/plan/state-snapshot/refused", test_refused);
    g_test_add_func("/plan/state-snapshot/nonsense", test_nonsense);
    return g_test_run();
}
