/* doctor_environment.h: one environment of the doctor: what is asked about it, in steps, and what was found.
 * Owns:   all facts about it. Calls: doctor_ask.h. */
#pragma once
#include "reconciler/provider/aws/aws_doctor.h"
#include "reconciler/provider/aws/doctor_machine.h"
#include "reconciler/provider/aws/doctor_network.h"

#define DOCTOR_FLAVOURS 4 /* x86 or ARM, with GPUs or without */

typedef struct {
    const DoctorEnvironment *of;
    DoctorNeeds needs;
    DoctorNetwork network;
    DoctorProfile profile;
    char *profile_name; /* NULL: it needs none */
    DoctorImage images[DOCTOR_FLAVOURS];
    size_t images_len;
    char *image_fault; /* an image type that nobody knows; NULL: none */
    DoctorNamed key, placement, template;
    bool is_template_public;
    DoctorReply try_launch; /* RunInstances as a dry run */
} DoctorVisit;

DoctorVisit *doctor_visit_new(const DoctorEnvironment *of, const DoctorJobs *jobs);
void doctor_visit_free(void *visit); /* a GDestroyNotify */

/* Each after the answers to the one before (doctor_ask_wait()). */
void doctor_visit_ask(DoctorVisit *visit, DoctorAsk *ask);        /* what the environment names */
void doctor_visit_ask_around(DoctorVisit *visit, DoctorAsk *ask); /* what stands around that */
void doctor_visit_ask_peers(DoctorVisit *visit, DoctorAsk *ask);  /* security groups on the other side */
/* Where the simulator of IAM may not be asked. */
void doctor_visit_try_launch(DoctorVisit *visit, DoctorAsk *ask);

/* partition: of its region. */
void doctor_visit_find(const DoctorVisit *visit, const AwsPartition *partition, json_t *findings);
