/* Names of images, and what Docker's configuration file says of a registry. The first line is the image, the
 * rest the file. */
#include <stdint.h>
#include <string.h>
#include "reconciler/provider/docker/docker_config.h"
#include "reconciler/provider/docker/docker_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses has one name, which parses to itself, and a query without blanks or &s of its own. */
static void try_image(const char *text, const char *config)
{
    g_autoptr(DockerImage) image = docker_image_parse(text, NULL);
    if (!image)
        return;
    g_autofree char *again = docker_image_canonical(image->name), *query = docker_image_pull_query(image);
    g_assert_cmpstr(again, ==, image->name);
    g_assert_true(image->is_id == (query == NULL) && image->is_id == (image->registry == NULL));
    g_assert_true(!query || (strchr(query, '&') == strrchr(query, '&') && !strpbrk(query, " \r\n")));
    json_t *root = image->registry ? json_loads(config, 0, NULL) : NULL;
    if (root) {
        g_autofree char *helper = docker_config_helper(root, image->registry, NULL),
                        *header = docker_config_auth(root, image->registry, NULL);
        g_assert_true(!helper || !strchr(helper, '/'));
        g_assert_true(!header || !strpbrk(header, "+/ \r\n"));
    }
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size), *header = NULL;
    char *rest = strchr(text, '\n');
    if (rest)
        *rest++ = '\0';
    try_image(text, rest ? rest : "");
    if (rest)
        header = docker_config_auth_of_helper((View){rest, strlen(rest)}, "ghcr.io", NULL);
    return 0;
}
