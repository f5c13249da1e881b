/* Git locations and version ranges: no text crashes them, and nothing that git or ssh is handed can be taken
 * for an option. */
#include <stdint.h>
#include <string.h>
#include "reconciler/source/location.h"
#include "reconciler/source/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_word(const char *word)
{
    g_assert(word[0] != '-');
    for (const char *byte = word; *byte; byte++)
        g_assert((unsigned char)*byte >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *rest = g_strndup((const char *)data, size), *text = g_strconcat("git+", rest, NULL);
    g_autofree char *fault = version_range_fault(rest);
    if (fault)
        g_assert(!version_in_range("1.2.3", rest));
    version_in_range(rest, ">=1 <2 || 1.2.3-rc.1");
    g_autoptr(GError) error = NULL;
    g_autoptr(RepoLocation) location = repo_location_parse(text, &error);
    if (!location) {
        g_assert(error && error->message[0]);
        return 0;
    }
    check_word(location->url);
    check_word(location->host);
    for (const char *byte = location->name; *byte; byte++)
        g_assert((unsigned char)*byte >= ' ');
    if (location->ref)
        check_word(location->ref);
    g_auto(GStrv) parts = g_strsplit(location->path, "/", -1);
    for (char **part = parts; *part; part++)
        g_assert(strcmp(*part, "..") != 0 && g_ascii_strcasecmp(*part, ".git") != 0);
    return 0;
}
