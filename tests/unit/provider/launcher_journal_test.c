#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reconciler/provider/local/launcher_journal.h"

typedef struct {
    char *dir;
    int fd;
    Journal journal;
    GString *log; /* what was loaded: "A1 E1 D1" … */
} Place;

static void note(const Report *record, void *data)
{
    Place *place = data;
    int type = (int)record->type;
    g_string_append_printf(place->log, "%s%c%d", place->log->len ? " " : "",
                           type == RECORD_ACCEPT ? 'A'
                           : type == RECORD_DROP ? 'D'
                           : type == FRAME_ENDED ? 'E'
                                                 : 'L',
                           record->token.bytes[0]);
}

static Token token_number(uint8_t number)
{
    return (Token){{number}};
}

static void place_open(Place *place)
{
    g_string_truncate(place->log, 0);
    g_assert_cmpint(journal_open(&place->journal, place->fd, note, place), ==, 0);
}

static int keep_nothing(Journal *fresh G_GNUC_UNUSED, void *data G_GNUC_UNUSED)
{
    return 0;
}

static Place *place_new(void)
{
    Place *place = g_new0(Place, 1);
    place->dir = g_dir_make_tmp("muster-journal-XXXXXX", NULL);
    place->fd = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    place->log = g_string_new(NULL);
    place_open(place);
    g_assert_false(place->journal.complete); /* a journal that was not there proves nothing */
    g_assert_cmpint(journal_compact(&place->journal, keep_nothing, NULL), ==, 0);
    g_assert_cmpint(journal_mark_complete(&place->journal), ==, 0);
    return place;
}

static char *place_file(const Place *place)
{
    return g_build_filename(place->dir, "journal", NULL);
}

static void place_free(Place *place)
{
    g_autofree char *path = place_file(place);
    journal_close(&place->journal);
    close(place->fd);
    g_unlink(path);
    g_assert_cmpint(g_rmdir(place->dir), ==, 0);
    g_free(place->dir);
    g_string_free(place->log, TRUE);
    g_free(place);
}

static void write_one(Place *place, uint8_t number)
{
    Token token = token_number(number);
    Report end = {FRAME_ENDED, token, 2, 1, CAUSE_EXITED, 0, NULL};
    g_assert_cmpint(journal_accept(&place->journal, &token, 1), ==, 0);
    g_assert_cmpint(journal_report(&place->journal, &end), ==, 0);
}

static void test_round_trip(void)
{
    Place *place = place_new();
    write_one(place, 1);
    write_one(place, 2);
    Token token = token_number(1);
    g_assert_cmpint(journal_drop(&place->journal, &token, 1), ==, 0);
    g_assert_cmpint(journal_raise_term(&place->journal, 9), ==, 0);
    g_assert_cmpint(journal_raise_term(&place->journal, 3), ==, 0);
    journal_close(&place->journal);
    place_open(place);
    g_assert_cmpstr(place->log->str, ==, "A1 E1 A2 E2 D1");
    g_assert_cmpuint(place->journal.term, ==, 9);
    g_assert_true(place->journal.complete);
    place_free(place);
}

/* Cut at any byte, or with any byte flipped: what stands before is read, what follows is not, and it is
 * known. */
static void test_torn(void)
{
    Place *place = place_new();
    write_one(place, 1);
    write_one(place, 2);
    g_autofree char *path = place_file(place);
    g_autofree char *whole = NULL;
    gsize len;
    g_assert_true(g_file_get_contents(path, &whole, &len, NULL));
    for (gsize cut = 0; cut <= len; cut++) {
        for (int flip = 0; flip < 2 && cut < len; flip++) {
            g_autofree char *copy = g_memdup2(whole, len);
            copy[cut] = flip ? (char)(copy[cut] ^ 0x40) : copy[cut];
            g_assert_true(g_file_set_contents(path, copy, (gssize)(flip ? len : cut), NULL));
            journal_close(&place->journal);
            place_open(place);
            g_assert_true(g_str_has_prefix("A1 E1 A2 E2", place->log->str));
            if (flip || cut < len - 60) /* a cut between two records cannot be seen */
                g_assert_cmpuint(place->log->len, <, strlen("A1 E1 A2 E2"));
            g_assert_true(!flip || !place->journal.complete);
        }
    }
    place_free(place);
}

static void test_other_boot(void)
{
    Place *place = place_new();
    write_one(place, 1);
    memset(place->journal.boot_id, 'x', JOURNAL_BOOT_ID_LEN - 1);
    g_assert_cmpint(journal_compact(&place->journal, keep_nothing, NULL), ==, 0);
    write_one(place, 2);
    journal_close(&place->journal);
    place_open(place);
    g_assert_cmpstr(place->log->str, ==, "A2 E2"); /* what is there is true, what is not proves nothing */
    g_assert_false(place->journal.complete);
    place_free(place);
}

static int fail(Journal *fresh G_GNUC_UNUSED, void *data G_GNUC_UNUSED)
{
    return ENOSPC;
}

static int keep_two(Journal *fresh, void *data G_GNUC_UNUSED)
{
    Token token = token_number(2);
    return journal_accept(fresh, &token, 1);
}

static void test_compaction(void)
{
    Place *place = place_new();
    for (int round = 0; round < 20000 && !journal_wants_compaction(&place->journal); round++) {
        Token token = token_number(1);
        write_one(place, 1);
        g_assert_cmpint(journal_drop(&place->journal, &token, 1), ==, 0);
    }
    g_assert_true(journal_wants_compaction(&place->journal));
    size_t before = place->journal.size;
    g_assert_cmpint(journal_compact(&place->journal, fail, NULL), ==, ENOSPC);
    g_assert_cmpuint(place->journal.size, ==, before); /* the old one stays in use */
    g_assert_cmpint(journal_compact(&place->journal, keep_two, NULL), ==, 0);
    g_assert_cmpuint(place->journal.size, <, 500);
    g_assert_false(journal_wants_compaction(&place->journal));
    journal_close(&place->journal);
    place_open(place);
    g_assert_cmpstr(place->log->str, ==, "A2");
    g_assert_true(place->journal.complete);
    place_free(place);
}

/* A full disk, made of RLIMIT_FSIZE: the append that fails leaves no half record behind. */
static void test_full(void)
{
    Place *place = place_new();
    struct rlimit before, tight;
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
    tight = before;
    signal(SIGXFSZ, SIG_IGN);
    write_one(place, 1);
    tight.rlim_cur = place->journal.size + 10;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &tight), ==, 0);
    Token token = token_number(2);
    g_assert_cmpint(journal_accept(&place->journal, &token, 1), ==, EFBIG);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &before), ==, 0);
    write_one(place, 3);
    journal_close(&place->journal);
    place_open(place);
    g_assert_cmpstr(place->log->str, ==, "A1 E1 A3 E3");
    g_assert_true(place->journal.complete);
    place_free(place);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/journal/round-trip", test_round_trip);
    g_test_add_func("/journal/torn", test_torn);
    g_test_add_func("/journal/other-boot", test_other_boot);
    g_test_add_func("/journal/compaction", test_compaction);
    g_test_add_func("/journal/full", test_full);
    return g_test_run();
}
