/* request_fuzz.c: arbitrary bytes as the body of a request: parsed, measured, judged as SubmitJob. */
#include <stdint.h>
#include "reconciler/api/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static RequestChecker
        *checker; /* kept, as the engine keeps it: what it remembers is part of the target */
    if (!checker)
        checker = request_checker_new();
    char *message = NULL;
    json_t *request = request_parse((View){(const char *)data, size}, &message);
    g_assert((request == NULL) == (message != NULL));
    if (request) {
        bool valid = request_check_submit(checker, request, &message);
        g_assert(valid == (message == NULL));
        g_assert(!valid || json_is_string(json_object_get(request, "jobName")));
        json_decref(request);
    }
    g_assert(!message || g_utf8_validate(message, -1, NULL));
    g_free(message);
    return 0;
}
