#include "reconciler/notify/courier.h"
#include <sys/wait.h>
#include "reconciler/notify/courier_internal.h"

struct Courier {
    char *directory;
    CourierDone done;
    void *data;
    CURLM *multi;
    GPtrArray *deliveries; /* of Delivery*, under way */
    uint64_t finished;
};

static void delivery_free(Courier *courier, Delivery *delivery)
{
    if (delivery->easy) {
        curl_multi_remove_handle(courier->multi, delivery->easy);
        curl_easy_cleanup(delivery->easy);
        curl_slist_free_all(delivery->headers);
    }
    if (delivery->process.pid)
        helper_reap(&delivery->process, true);
    helper_close(&delivery->process);
    g_string_free(delivery->answer, TRUE);
    g_free(delivery->body);
    g_free(delivery->name);
    g_free(delivery);
}

Courier *courier_new(const char *directory, CourierDone done, void *data)
{
    Courier *courier = g_new0(Courier, 1);
    courier->directory = g_strdup(directory);
    courier->done = done;
    courier->data = data;
    courier->multi = curl_multi_init();
    courier->deliveries = g_ptr_array_new();
    return courier;
}

void courier_free(Courier *courier)
{
    if (!courier)
        return;
    for (guint i = 0; i < courier->deliveries->len; i++)
        delivery_free(courier, courier->deliveries->pdata[i]);
    g_ptr_array_unref(courier->deliveries);
    curl_multi_cleanup(courier->multi);
    g_free(courier->directory);
    g_free(courier);
}

/* It is told last: whoever hears it may send again. */
static void finish(Courier *courier, Delivery *delivery, const DeliveryResult *result)
{
    g_autofree char *name = g_strdup(delivery->name);
    g_ptr_array_remove_fast(courier->deliveries, delivery);
    delivery_free(courier, delivery);
    courier->finished++;
    courier->done(name, result, courier->data);
}

void courier_send(Courier *courier, const DestinationConfig *config, const Message *message)
{
    Delivery *delivery = g_new0(Delivery, 1);
    g_autofree char *error = NULL;
    delivery->name = g_strdup(config->name);
    delivery->kind = config->kind;
    delivery->answer = g_string_new(NULL);
    delivery->process = helper_none;
    g_ptr_array_add(courier->deliveries, delivery);
    bool is_begun = config->kind == DESTINATION_EXEC
                        ? exec_begin(delivery, courier->directory, config, message, &error)
                        : http_begin(delivery, courier->multi, config, message, &error);
    DeliveryResult failed = {.outcome = DELIVERY_RETRY, .error = error};
    if (!is_begun)
        finish(courier, delivery, &failed);
}

void courier_cancel(Courier *courier, const char *name)
{
    for (guint i = courier->deliveries->len; i > 0; i--) {
        Delivery *delivery = courier->deliveries->pdata[i - 1];
        if (strcmp(delivery->name, name) != 0)
            continue;
        g_ptr_array_remove_index_fast(courier->deliveries, i - 1);
        delivery_free(courier, delivery);
    }
}

/* ---- carrying on ---- */

static void finish_requests(Courier *courier)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(courier->multi, &left));) {
        char *delivery = NULL;
        DeliveryResult result = {0};
        g_autofree char *error = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &delivery);
        result.outcome =
            http_end((Delivery *)(void *)delivery, message->data.result, &result.asked_ms, &error);
        result.error = error;
        finish(courier, (Delivery *)(void *)delivery, &result);
    }
}

static bool has_ended(const Delivery *delivery)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)delivery->process.pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid != 0;
}

static void finish_programs(Courier *courier)
{
    int64_t now_us = g_get_monotonic_time();
    for (guint i = courier->deliveries->len; i > 0; i--) {
        Delivery *delivery = courier->deliveries->pdata[i - 1];
        if (!delivery->process.pid)
            continue;
        exec_hear(delivery);
        bool is_over = has_ended(delivery);
        if (!is_over && now_us < delivery->deadline_us)
            continue;
        g_autofree char *error = NULL;
        DeliveryResult result = {.outcome = exec_end(delivery, !is_over, &error)};
        result.error = error;
        finish(courier, delivery, &result);
    }
}

/* What of programs is waited for; *timeout_ms becomes no longer than their time limits. */
static GArray *program_fds(const Courier *courier, int64_t *timeout_ms)
{
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(struct curl_waitfd));
    int64_t now_us = g_get_monotonic_time();
    for (guint i = 0; i < courier->deliveries->len; i++) {
        const Delivery *delivery = courier->deliveries->pdata[i];
        const HelperProcess *process = &delivery->process;
        if (!process->pid)
            continue;
        struct curl_waitfd ended = {.fd = process->pidfd, .events = CURL_WAIT_POLLIN},
                           said = {.fd = process->error_fd, .events = CURL_WAIT_POLLIN};
        g_array_append_val(fds, ended);
        if (process->error_fd >= 0)
            g_array_append_val(fds, said);
        int64_t left_ms = MAX(delivery->deadline_us - now_us, 0) / 1000 + 1;
        *timeout_ms = *timeout_ms < 0 ? left_ms : MIN(*timeout_ms, left_ms);
    }
    return fds;
}

static bool finish_some(Courier *courier)
{
    int running;
    uint64_t before = courier->finished;
    curl_multi_perform(courier->multi, &running);
    finish_requests(courier);
    finish_programs(courier);
    return courier->finished != before;
}

void courier_run(Courier *courier, int64_t timeout_ms)
{
    if (finish_some(courier))
        return;
    g_autoptr(GArray) fds = program_fds(courier, &timeout_ms);
    int64_t wait_ms = timeout_ms < 0 ? G_MAXINT : MIN(timeout_ms, G_MAXINT);
    curl_multi_poll(courier->multi, (struct curl_waitfd *)(void *)fds->data, fds->len, (int)wait_ms, NULL);
    finish_some(courier);
}

void courier_wake(Courier *courier)
{
    curl_multi_wakeup(courier->multi);
}
