/* get_test.c: `get` where one answer takes more than a tick may: piece by piece, with the same answer. */
#include "reconciler/api/operation.h"
#include "tests/support/store_fixture.h"
#include "tests/support/world_fixture.h"

static int64_t clock_of_test(void *self)
{
    return ++*(int64_t *)self;
}

/* Steps until it is answered; how many slices it took beyond the first. */
static int answer(OperationContext *context, StoreReader *reader, Call *call)
{
    for (int slices = 0;;) {
        switch (call->operation->step(context, call)) {
        case STEP_DONE: return slices;
        case STEP_GATHER: call->operation->gather(reader, call); break;
        case STEP_AGAIN: slices++; break;
        case STEP_WAIT:
        case STEP_APPLY: g_assert_not_reached();
        }
    }
}

static Call *call_of(const char *kind)
{
    return call_new(operation_find_name("get"), json_pack("{s:s}", "kind", kind));
}

static void test_slices(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_autoptr(World) world = fixture_world();
    for (int i = 0; i < 4; i++) {
        g_autofree char *name = g_strdup_printf("environment%d", i);
        fixture_environment(world, name, 4 + i);
    }
    commit(fixture, world_take_batch(world), 1);
    EngineFacts facts = {0};
    int64_t now_us = 0;
    TickBudget spent = {clock_of_test, &now_us, 0};
    OperationContext context = {.world = world, .facts = &facts, .now_ms = 1000};
    g_assert_true(store_reader_begin(reader(fixture), &error));
    g_autoptr(Call) whole = call_of("ComputeEnvironment"), sliced = call_of("ComputeEnvironment");
    g_assert_cmpint(answer(&context, reader(fixture), whole), ==, 0);
    context.budget = &spent;
    g_assert_cmpint(answer(&context, reader(fixture), sliced), ==, 4); /* of 5 items one at a time */
    g_assert_cmpuint(json_array_size(json_object_get(whole->result.body, "items")), ==, 5);
    g_assert_true(json_equal(whole->result.body, sliced->result.body));
    store_reader_end(reader(fixture));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/get/slices", test_slices);
    return g_test_run();
}
