/* Several providers as one: whose a request is, when an observation is whole, what waits for that. */
#include <glib.h>
#include <string.h>
#include "reconciler/provider_set.h"

typedef struct {
    Provider base;
    const char *name;
} Fake;

static GString *calls;
static ProviderSet *set;
static Fake *fakes[PROVIDER_UNSET];

static void told(const ProviderEvent *event, void *data)
{
    (void)data;
    g_string_append_printf(calls, "told %d/%d", event->type, event->token.bytes[0]);
    if (event->type == PROVIDER_EVENT_OBSERVED)
        g_string_append_printf(calls, " of %u", event->providers);
    g_string_append_c(calls, '|');
}

static void note(Provider *provider, const char *what, int token)
{
    g_string_append_printf(calls, "%s %s %d|", ((Fake *)provider)->name, what, token);
}

static bool fake_start(Provider *provider, const ProviderStart *start, GError **error)
{
    (void)error;
    note(provider, "start", (int)(start->expected_len * 10 + start->resources_len));
    return true;
}

static void tell(ProviderType type, ProviderEventType event_type, uint8_t number);

#define REFUSED_AT_ONCE 99

static void fake_launch(Provider *provider, const LaunchRequest *requests, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        note(provider, "launch", requests[i].token.bytes[0]);
        if (requests[i].token.bytes[0] == REFUSED_AT_ONCE)
            tell(PROVIDER_AWS, PROVIDER_EVENT_REFUSED, REFUSED_AT_ONCE);
    }
}

static void fake_stop(Provider *provider, const LaunchToken *token, const char *reason)
{
    (void)reason;
    note(provider, "stop", token->bytes[0]);
}

static void fake_settled(Provider *provider, const LaunchToken *tokens, size_t len)
{
    for (size_t i = 0; i < len; i++)
        note(provider, "settled", tokens[i].bytes[0]);
}

static void fake_resources(Provider *provider, const ResourceRequest *requests, size_t len)
{
    (void)requests;
    note(provider, "apply", (int)len);
}

static void fake_free(Provider *provider)
{
    g_free(provider);
}

static void put(ProviderType type, const char *name, bool holds)
{
    Fake *fake = g_new0(Fake, 1);
    fake->base = (Provider){.start = fake_start,
                            .launch = fake_launch,
                            .stop = fake_stop,
                            .settled = fake_settled,
                            .resources_apply = holds ? fake_resources : NULL,
                            .free = fake_free};
    fake->name = name;
    fakes[type] = fake;
    provider_set_put(set, type, &fake->base);
}

static void expect(const char *expected)
{
    g_assert_cmpstr(calls->str, ==, expected);
    g_string_truncate(calls, 0);
}

/* What was told of within a call comes afterwards. */
static void loop(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

static LaunchToken token(uint8_t number)
{
    return (LaunchToken){.bytes = {number}};
}

static void tell(ProviderType type, ProviderEventType event_type, uint8_t number)
{
    const ProviderEvent event = {.type = event_type, .token = token(number)};
    provider_set_event(&event, provider_set_member(set, type));
}

static Provider *begin(void)
{
    const ProviderExpected expected[] = {{.token = token(1), .provider = PROVIDER_LOCAL},
                                         {.token = token(2), .provider = PROVIDER_AWS},
                                         {.token = token(3), .provider = PROVIDER_UNSET}};
    const ResourceRequest resources[] = {{.name = "far", .provider = PROVIDER_AWS}};
    const ProviderStart start = {
        .term = 1, .expected = expected, .expected_len = 3, .resources = resources, .resources_len = 1};
    calls = g_string_new(NULL);
    set = provider_set_new(told, NULL);
    put(PROVIDER_LOCAL, "local", false);
    put(PROVIDER_AWS, "aws", true);
    Provider *provider = provider_set_provider(set);
    g_assert_true(provider->start(provider, &start, NULL));
    expect("local start 20|aws start 21|"); /* its own, and what nobody knows any more */
    return provider;
}

static void end(Provider *provider)
{
    provider->free(provider);
    g_string_free(calls, TRUE);
}

static void test_whose(void)
{
    Provider *provider = begin();
    const LaunchRequest requests[] = {{.token = token(10), .provider = PROVIDER_LOCAL},
                                      {.token = token(11), .provider = PROVIDER_AWS},
                                      {.token = token(12), .provider = PROVIDER_DOCKER}};
    const LaunchToken settled[] = {token(10), token(11)};
    tell(PROVIDER_LOCAL, PROVIDER_EVENT_OBSERVED, 0);
    tell(PROVIDER_AWS, PROVIDER_EVENT_OBSERVED, 0);
    g_string_truncate(calls, 0);
    provider->launch(provider, requests, 3);
    g_autofree char *refused = g_strdup_printf("told %d/12|", PROVIDER_EVENT_REFUSED);
    expect("local launch 10|aws launch 11|");
    loop();
    expect(refused); /* nobody is there for the third */
    provider->stop(provider, &requests[1].token, "");
    provider->stop(provider, &requests[0].token, "");
    expect("aws stop 11|local stop 10|");
    provider->settled(provider, settled, 2);
    expect("local settled 10|aws settled 11|");
    g_assert_cmpuint(provider_set_types(set), ==, 1u << PROVIDER_LOCAL | 1u << PROVIDER_AWS);
    g_assert_cmpuint(provider->holds_nothing >> PROVIDER_AWS & 1, ==, 0);
    g_assert_cmpuint(provider->holds_nothing >> PROVIDER_LOCAL & 1, ==, 1);
    end(provider);
}

/* Each observation is one of its own provider. A stop waits for the provider that has it, or may have it, and
 * for no other: what it does not know before it has looked is not nothing. */
static void test_observed(void)
{
    Provider *provider = begin();
    const LaunchToken far = token(2), local = token(1), nobodys = token(3), new = token(7);
    provider->stop(provider, &local, "");
    expect("");
    tell(PROVIDER_LOCAL, PROVIDER_EVENT_OBSERVED, 0);
    g_autofree char *near =
        g_strdup_printf("told %d/0 of %u|local stop 1|", PROVIDER_EVENT_OBSERVED, 1u << PROVIDER_LOCAL);
    expect(near);
    provider->stop(provider, &far, "");
    provider->stop(provider, &nobodys, "");
    expect("");
    provider->stop(provider, &new, "");
    expect("local stop 7|");
    tell(PROVIDER_AWS, PROVIDER_EVENT_STARTED, 2);
    tell(PROVIDER_AWS, PROVIDER_EVENT_STARTED, 3);
    tell(PROVIDER_AWS, PROVIDER_EVENT_OBSERVED, 0);
    g_autofree char *all =
        g_strdup_printf("told %d/2|told %d/3|told %d/0 of %u|aws stop 2|aws stop 3|", PROVIDER_EVENT_STARTED,
                        PROVIDER_EVENT_STARTED, PROVIDER_EVENT_OBSERVED, 1u << PROVIDER_AWS);
    expect(all);
    end(provider);
}

/* Whoever refuses at once is heard after the call, and before what comes later: a recording has effects and
 * events in turn. */
static void test_later(void)
{
    Provider *provider = begin();
    const LaunchRequest requests[] = {{.token = token(REFUSED_AT_ONCE), .provider = PROVIDER_AWS},
                                      {.token = token(11), .provider = PROVIDER_AWS}};
    provider->launch(provider, requests, 2);
    expect("aws launch 99|aws launch 11|");
    tell(PROVIDER_AWS, PROVIDER_EVENT_STARTED, 11);
    expect("");
    loop();
    g_autofree char *told_of =
        g_strdup_printf("told %d/99|told %d/11|", PROVIDER_EVENT_REFUSED, PROVIDER_EVENT_STARTED);
    expect(told_of);
    tell(PROVIDER_AWS, PROVIDER_EVENT_ENDED, 11);
    g_assert_cmpuint(calls->len, >, 0);
    provider->launch(provider, requests, 1); /* what waits when it is freed is dropped */
    end(provider);
}

/* What a restored state did not know is whose who found it. */
static void test_found(void)
{
    Provider *provider = begin();
    const LaunchToken task = token(20), instance = token(21);
    tell(PROVIDER_AWS, PROVIDER_EVENT_INSTANCE_FOUND, 21);
    tell(PROVIDER_AWS, PROVIDER_EVENT_FOUND, 20);
    tell(PROVIDER_AWS, PROVIDER_EVENT_OBSERVED, 0);
    g_string_truncate(calls, 0);
    provider->stop(provider, &task, "");
    provider->settled(provider, &instance, 1);
    expect("aws stop 20|aws settled 21|");
    end(provider);
}

/* What is to go goes to who told of it. */
static void test_resources(void)
{
    Provider *provider = begin();
    const ResourceRequest made = {.name = "far", .provider = PROVIDER_AWS},
                          gone = {.name = "far", .provider = PROVIDER_UNSET},
                          unknown = {.name = "other", .provider = PROVIDER_UNSET};
    const ProviderEvent event = {
        .type = PROVIDER_EVENT_RESOURCE_APPLIED, .resource = "far", .observed = "{}"};
    provider->resources_apply(provider, &made, 1);
    expect("aws apply 1|");
    provider_set_event(&event, provider_set_member(set, PROVIDER_AWS));
    g_string_truncate(calls, 0);
    provider->resources_apply(provider, &unknown, 1);
    provider->resources_apply(provider, &gone, 1);
    expect("aws apply 1|");
    end(provider);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/provider-set/whose", test_whose);
    g_test_add_func("/provider-set/observed", test_observed);
    g_test_add_func("/provider-set/later", test_later);
    g_test_add_func("/provider-set/found", test_found);
    g_test_add_func("/provider-set/resources", test_resources);
    return g_test_run();
}
