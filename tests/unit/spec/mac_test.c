#include "spec/mac.h"
#include <glib.h>

static char *hex_of(const unsigned char bytes[MAC_BYTES])
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < MAC_BYTES; i++)
        g_string_append_printf(text, "%02x", bytes[i]);
    return g_string_free(text, FALSE);
}

/* RFC 4231, test cases 2 and 6 (a key longer than a block). */
static void test_mac(void)
{
    unsigned char mac[MAC_BYTES];
    const View in_parts[] = {VIEW("what do ya want "), VIEW(""), VIEW("for nothing?")};
    mac_sha256(VIEW("Jefe"), in_parts, G_N_ELEMENTS(in_parts), mac);
    g_autofree char *second = hex_of(mac);
    g_assert_cmpstr(second, ==, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");

    char key[131];
    memset(key, 0xaa, sizeof key);
    const View text = VIEW("Test Using Larger Than Block-Size Key - Hash Key First");
    mac_sha256((View){key, sizeof key}, &text, 1, mac);
    g_autofree char *sixth = hex_of(mac);
    g_assert_cmpstr(sixth, ==, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* An empty key is a key, not the one before. */
static void test_empty_key(void)
{
    unsigned char mac[MAC_BYTES];
    mac_sha256((View){NULL, 0}, NULL, 0, mac);
    g_autofree char *text = hex_of(mac);
    g_assert_cmpstr(text, ==, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_digest(void)
{
    unsigned char digest[MAC_BYTES];
    const View texts[] = {VIEW("a"), VIEW("bc")};
    sha256_bytes(texts, G_N_ELEMENTS(texts), digest);
    g_autofree char *text = hex_of(digest);
    g_assert_cmpstr(text, ==, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mac/hmac", test_mac);
    g_test_add_func("/mac/empty-key", test_empty_key);
    g_test_add_func("/mac/digest", test_digest);
    return g_test_run();
}
