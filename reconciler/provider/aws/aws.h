/* aws.h: the provider of environments on AWS: each is a cluster of ECS, its instances are EC2's, its jobs
 * tasks. Owns:   connections to AWS, and what it knows of clusters, instances and tasks. Calls:  libcurl,
 * GLib's main context. Holds:  what provider.h says; everything that is made carries the tags of this
 * installation, and what carries none, or another's, is not touched (invariant 5). */
#pragma once
#include "reconciler/provider/aws/aws_settings.h"
#include "reconciler/provider/provider.h"
#include "spec/base/meter.h"

/* Copied. */
typedef struct {
    ProviderEventFunc event;
    void *data;
    void (*log)(void *data, const char *text); /* one happening; may be NULL */
    void *log_data;
    AwsLookup variable; /* of the environment */
    void *variable_data;
    const AwsTime *time; /* outlives the provider */
    /* How long what was made may be unseen, before it is believed that it was never made; 0: a minute. */
    int64_t settle_ms;
    CallMeter *calls; /* each try is counted there; outlives the provider; may be NULL */
} AwsProviderOptions;

/* Nothing is asked of AWS as long as there is no environment that runs there. Events are delivered on the
 * thread-default GMainContext at the time of the call; what is refused at once, from within the call that
 * asks for it (provider_set.h keeps that from the engine). */
Provider *provider_aws_new(const AwsProviderOptions *options);
