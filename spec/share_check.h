/* share_check.h: jobs and steps name a share where their queue has a scheduling policy, and nowhere else.
 * Calls:  spec/locate for the place.
 * Holds:  what is reported here is what a submission would be refused for; a queue that is not in the set is
 * not judged. */
#pragma once
#include "spec/locate.h"

void share_check(const ManifestSet *set, Locator *locator);
