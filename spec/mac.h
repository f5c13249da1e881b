/* mac.h: what is signed with a key that both sides know. Calls: libcrypto. */
#pragma once
#include "spec/base/view.h"

#define MAC_BYTES 32

/* HMAC-SHA256 (RFC 2104) over the texts, one after the other. Ends the process when libcrypto cannot. */
void mac_sha256(View key, const View *texts, size_t len, unsigned char ret_mac[MAC_BYTES]);
/* SHA-256 of the texts, one after the other. */
void sha256_bytes(const View *texts, size_t len, unsigned char ret_digest[MAC_BYTES]);
