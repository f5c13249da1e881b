/* tree.h: a directory of its own for a test; removed at its end. */
#pragma once
#include <glib.h>
#include <glib/gstdio.h>

static inline char *tree_new(void)
{
    g_autoptr(GError) error = NULL;
    char *path = g_dir_make_tmp("muster-source-XXXXXX", &error);
    g_assert_no_error(error);
    return path;
}

static inline void tree_remove(const char *path)
{
    g_autoptr(GDir) directory = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    for (const char *name; directory && (name = g_dir_read_name(directory));) {
        g_autofree char *below = g_build_filename(path, name, NULL);
        tree_remove(below);
    }
    g_remove(path);
}

/* Writes in place, as `cat >` does. */
static inline void tree_write(const char *root, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(root, name, NULL), *directory = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(directory, 0777), ==, 0);
    FILE *file = fopen(path, "w");
    g_assert_nonnull(file);
    fputs(text, file);
    g_assert_cmpint(fclose(file), ==, 0);
}

/* Writes beside it and renames, as editors do. */
static inline void tree_rename_over(const char *root, const char *name, const char *text)
{
    g_autofree char *temporary = g_strconcat(name, "~", NULL),
                    *from = g_build_filename(root, temporary, NULL), *to = g_build_filename(root, name, NULL);
    tree_write(root, temporary, text);
    g_assert_cmpint(g_rename(from, to), ==, 0);
}

#define TREE_POLICY(name)                                                                                    \
    "apiVersion: muster/v1\nkind: SchedulingPolicy\nmetadata: {name: " name "}\nspec: {}\n"
