/* docker.h: the provider of environments in Docker: jobs are containers of the engine of this machine, or of
 * the one that DOCKER_HOST names.
 * Owns:   connections to the engine, and what it knows of containers.
 * Calls:  libcurl, GLib's main context, files of logs.
 * Holds:  what provider.h says; every container carries the labels of this installation and of its launch,
 * and what carries none, or another's, is not touched (invariant 5). A container is made, its name is
 * committed, and then it is started: one that is missing was never started, or somebody removed it. */
#pragma once
#include "reconciler/provider/docker/docker_endpoint.h"
#include "reconciler/provider/provider.h"
#include "spec/base/meter.h"

/* Copied. */
typedef struct {
    ProviderEventFunc event;
    void *data;
    void (*log)(void *data, const char *text); /* one happening; may be NULL */
    void *log_data;
    DockerLookup variable; /* of the environment */
    void *variable_data;
    int64_t (*now_ms)(void *self);       /* CLOCK_REALTIME */
    int64_t (*monotonic_ms)(void *self); /* CLOCK_MONOTONIC */
    void *time;                          /* self of both */
    CallMeter *calls;                    /* calls are counted there; outlives the provider; may be NULL */
} DockerProviderOptions;

/* Nothing is asked of the engine as long as there is no environment that runs there, and no launch that may.
 * Events are delivered on the thread-default GMainContext at the time of the call; what is refused at once,
 * from within the call that asks for it (provider_set.h keeps that from the engine). */
Provider *provider_docker_new(const DockerProviderOptions *options);
