/* courier_internal.h: one delivery under way, shared by courier*.c only. */
#pragma once
#include <curl/curl.h>
#include "reconciler/notify/courier.h"
#include "reconciler/source/helper.h"

#define ANSWER_KEPT 4096

typedef struct {
    char *name;
    DestinationKind kind;
    GString *answer; /* the beginning of what came back, or the end of what the program said */
    /* of HTTP */
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    size_t answer_len;
    char error[CURL_ERROR_SIZE];
    /* of a program */
    HelperProcess process;
    int64_t deadline_us, timeout_ms;
} Delivery;

/* courier_http.c. False: *ret_error (new) says why it cannot be begun. */
bool http_begin(Delivery *delivery, CURLM *multi, const DestinationConfig *config, const Message *message,
                char **ret_error);
/* ret_error: new, or NULL when it is done. */
DeliveryOutcome http_end(Delivery *delivery, CURLcode code, int64_t *ret_asked_ms, char **ret_error);

/* courier_exec.c */
bool exec_begin(Delivery *delivery, const char *directory, const DestinationConfig *config,
                const Message *message, char **ret_error);
/* Reads what it says. */
void exec_hear(Delivery *delivery);
DeliveryOutcome exec_end(Delivery *delivery, bool is_late, char **ret_error);
