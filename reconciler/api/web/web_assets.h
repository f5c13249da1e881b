/* web_assets.h: the files that pages name: in the program, and kept by browsers for good, since their
 * path has the digest of what they hold. Inside of web/ only. */
#pragma once
#include "spec/base/view.h"

typedef struct {
    const char *path; /* "/assets/DIGEST/style.css" */
    const char *type; /* of the content */
    View content;
} WebAsset;

typedef enum { ASSET_STYLE, ASSET_PICTURES, ASSET_SCRIPT, ASSETS } WebAssetKind;

const WebAsset *web_asset(WebAssetKind kind);
/* By its path; NULL: there is none, or not any more. */
const WebAsset *web_asset_find(const char *path);
