/* aws_answer.h: what a service answered: a tree of XML, or JSON, or an error. Computes only. */
#pragma once
#include <jansson.h>
#include "reconciler/provider/aws/aws_error.h"
#include "reconciler/provider/aws/xml.h"

typedef struct {
    const XmlElement *xml; /* EC2: the root; IAM and STS: what is in …Result */
    json_t *json;          /* an object */
    AwsError *error;       /* then it is all there is; NULL: it came through */
    char *request_id;      /* for AWS's support; NULL: none came */
    XmlDocument *document; /* of xml */
} AwsAnswer;

void aws_answer_clear(AwsAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AwsAnswer, aws_answer_clear)
/* A success that cannot be read is as if no whole answer had come. */
void aws_answer_read(AwsService service, const HttpAnswer *http, AwsAnswer *ret_answer);

/* The same of a success, without its headers: request_id only where the body has it. */
void aws_answer_read_body(AwsService service, View body, AwsAnswer *ret_answer);

/* ---- pages ---- */

/* The token of the next page, borrowed; NULL: this is the last one. A page without items may have one. */
const char *aws_answer_next(AwsService service, const AwsAnswer *answer);
/* The body of the request for the page of that token; body: of the first. New string. */
char *aws_body_of_page(AwsService service, const char *body, const char *token);
