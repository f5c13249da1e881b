/* document_scalar.h: what a plain scalar means in the YAML 1.2 core schema. Private to document.c. */
#pragma once
#include "spec/document.h"

/* Sets kind and value of node from node->text. */
void scalar_resolve(Node *node);
