/* sigv4.h: AWS Signature Version 4 in the Authorization header. Computes only: time is an argument.
 * Source: AWS General Reference, "Signing AWS API requests".
 * Holds:  what is signed is what is sent: whoever sends takes the headers from here. Neither the secret nor
 * what is derived from it is ever part of a message. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "reconciler/provider/aws/aws_credentials.h"
#include "spec/base/view.h"
#include "spec/mac.h"

#define SIGV4_WINDOW_MS (5LL * 60 * 1000) /* that a clock may be off */
#define SIGV4_TIME_TEXT 17                /* "20260115T120000Z" and NUL */

typedef struct {
    const char *name, *value;
} SigV4Header;

typedef struct {
    const char *method;
    const char *path;           /* as in the request line, percent-encoded; "" is "/" */
    const char *query;          /* as in the request line, without the question mark; "" or NULL: none */
    const SigV4Header *headers; /* in any order; names in any case */
    size_t headers_len;
    View body;
} SigV4Request;

typedef struct {
    const char *region, *service;
} SigV4Scope;

/* The key derived for a day, a region, a service and a secret; worth keeping. */
typedef struct {
    char day[9];
    unsigned char key[MAC_BYTES];
    unsigned char of[MAC_BYTES]; /* of what it was derived, so that a new secret is noticed */
} SigV4Key;

void sigv4_time_text(int64_t at_ms, char ret_text[SIGV4_TIME_TEXT]);
/* 0: it is none. */
int64_t sigv4_time_parse(const char *text);

/* SHA-256 of the canonical request, in hexadecimal digits, new string: for tests and for those who compare
 * with others' logs. */
char *sigv4_canonical_digest(const SigV4Request *request, const char *const *signed_headers);

/* The value of Authorization over all headers of request but those that change on the way (connection,
 * user-agent …): they have to hold host, x-amz-date (of at_ms) and, with a session token,
 * x-amz-security-token. key: kept between calls; zero at first. New string. */
char *sigv4_authorization(const SigV4Request *request, const SigV4Scope *scope,
                          const AwsCredentials *credentials, int64_t at_ms, SigV4Key *key);

/* ---- checking ---- */

/* What an Authorization header says. Strings are borrowed from text, which was changed. */
typedef struct {
    const char *access_key_id, *day, *region, *service, *signature;
    const char **signed_headers; /* NULL-terminated; g_free() of the list */
} SigV4Claim;

/* Takes text apart, in place. False: it is none. */
bool sigv4_claim_parse(char *text, SigV4Claim *ret_claim);
void sigv4_claim_clear(SigV4Claim *claim);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SigV4Claim, sigv4_claim_clear)

typedef enum {
    SIGV4_GOOD,
    SIGV4_INCOMPLETE, /* host, x-amz-date or a header that is sent for AWS (x-amz-…) is not signed */
    SIGV4_EXPIRED,    /* its time is out of the window, or not of the claim's day */
    SIGV4_MISMATCH    /* the signature is of another secret, or of another request */
} SigV4Verdict;

/* request: with the headers that came. The access key's secret is the caller's to find. key: as above; may be
 * NULL. */
SigV4Verdict sigv4_verify(const SigV4Request *request, const SigV4Claim *claim, const char *secret,
                          int64_t now_ms, SigV4Key *key);
