/* web_assets.c: see web_assets.h. */
#include "reconciler/api/web/web_assets.h"
#include <glib.h>

/* As spec/kinds.c does with the schemas. */
#define EMBED(symbol, path)                                                                                  \
    __asm__(".pushsection .rodata, \"a\", %progbits\n"                                                       \
            ".balign 16\n"                                                                                   \
            ".hidden " #symbol "_start\n"                                                                    \
            ".globl " #symbol "_start\n" #symbol "_start:\n"                                                 \
            ".incbin \"" path "\"\n"                                                                         \
            ".hidden " #symbol "_end\n"                                                                      \
            ".globl " #symbol "_end\n" #symbol "_end:\n"                                                     \
            ".byte 0\n"                                                                                      \
            ".popsection\n");                                                                                \
    extern const char symbol##_start[] __attribute__((visibility("hidden")));                                \
    extern const char symbol##_end[] __attribute__((visibility("hidden")))

EMBED(web_file_style, "reconciler/api/web/assets/style.css");
EMBED(web_file_pictures, "reconciler/api/web/assets/pictures.css");
EMBED(web_file_script, "reconciler/api/web/assets/live.js");

#define DIGEST_SHOWN 16

static char *path_of(const char *name, View content)
{
    g_autofree char *digest =
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)content.data, content.len);
    return g_strdup_printf("/assets/%.*s/%s", DIGEST_SHOWN, digest, name);
}

static WebAsset *assets_make(void)
{
    static WebAsset assets[ASSETS];
    assets[ASSET_STYLE] =
        (WebAsset){.type = "text/css; charset=utf-8",
                   .content = {web_file_style_start, (size_t)(web_file_style_end - web_file_style_start)}};
    assets[ASSET_PICTURES] = (WebAsset){
        .type = "text/css; charset=utf-8",
        .content = {web_file_pictures_start, (size_t)(web_file_pictures_end - web_file_pictures_start)}};
    assets[ASSET_SCRIPT] =
        (WebAsset){.type = "text/javascript; charset=utf-8",
                   .content = {web_file_script_start, (size_t)(web_file_script_end - web_file_script_start)}};
    assets[ASSET_STYLE].path = path_of("style.css", assets[ASSET_STYLE].content);
    assets[ASSET_PICTURES].path = path_of("pictures.css", assets[ASSET_PICTURES].content);
    assets[ASSET_SCRIPT].path = path_of("live.js", assets[ASSET_SCRIPT].content);
    return assets;
}

const WebAsset *web_asset(WebAssetKind kind)
{
    static gsize made; /* of const WebAsset* */
    if (g_once_init_enter(&made))
        g_once_init_leave(&made, (gsize)assets_make());
    return &((const WebAsset *)made)[kind];
}

const WebAsset *web_asset_find(const char *path)
{
    for (WebAssetKind kind = 0; kind < ASSETS; kind++)
        if (g_strcmp0(web_asset(kind)->path, path) == 0)
            return web_asset(kind);
    return NULL;
}
