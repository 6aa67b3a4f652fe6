/* The LMDB store through its descriptor: what is its own beside the conformance suite. */
#include <check.h>
#include <peerpost/store.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct pp_store_plugin peerpost_plugin;
static const struct pp_store_plugin *const p = &peerpost_plugin;
static const uint8_t epoch[16] = "0123456789abcde";
static char folder[64], path[96];

static void begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/pp-lmdb-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/store", folder);
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CU_ASSERT_EQUAL(system(command), 0);
}

static int try_open(struct pp_store **s, unsigned flags, struct pp_error *error)
{
    union pp_value values[2] = {{.number = 64 << 20}, {.number = 64}};
    return p->open(s, path, values, epoch, flags, error);
}

static unsigned files_in(const char *name)
{
    char dir[128];
    unsigned n = 0;
    snprintf(dir, sizeof dir, "%s/%s", path, name);
    DIR *d = opendir(dir);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        n += e->d_name[0] != '.';
    }
    closedir(d);
    return n;
}

static void put_body(struct pp_store *s, struct pp_name *name, size_t pieces)
{
    static uint8_t piece[PP_PIECE_MAX];
    struct pp_head head = {.size = pieces * sizeof piece, .stamp = 1, .expires = 2};
    for (size_t i = 0; i < pieces; i++) {
        struct pp_batch *b = p->begin(s);
        CU_ASSERT_EQUAL(p->piece(b, &head.serial, pp_bytes(piece, sizeof piece)), PP_OK);
        CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    }
    struct pp_batch *b = p->begin(s);
    CU_ASSERT_EQUAL(p->put(b, name, &head), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
}

static void test_creation_and_refusals(void)
{
    struct pp_store *s = NULL, *other = NULL;
    struct pp_error error;
    begin();
    CU_ASSERT_EQUAL(try_open(&s, 0, &error), PP_NOT_FOUND);
    CU_ASSERT_EQUAL_FATAL(try_open(&s, PP_STORE_CREATE, &error), PP_OK);
    CU_ASSERT_EQUAL(try_open(&other, PP_STORE_CREATE, &error), PP_BUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, path));
    p->close(s);
    CU_ASSERT_EQUAL_FATAL(try_open(&s, 0, &error), PP_OK);
    p->close(s);
    end();
}

static void test_a_folder_of_something_else_is_left_alone(void)
{
    struct pp_store *s = NULL;
    struct pp_error error;
    char file[128];
    begin();
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    snprintf(file, sizeof file, "%s/letter", path);
    FILE *f = fopen(file, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fclose(f);
    CU_ASSERT_EQUAL(try_open(&s, PP_STORE_CREATE, &error), PP_BROKEN);
    CU_ASSERT_EQUAL(access(file, F_OK), 0);
    end();
}

static void test_long_bodies_are_files_and_go_with_their_object(void)
{
    struct pp_store *s = NULL;
    struct pp_name small = {{1}}, large = {{2}};
    struct pp_spans spans;
    struct pp_head head;
    char byte;
    begin();
    CU_ASSERT_EQUAL_FATAL(try_open(&s, PP_STORE_CREATE, NULL), PP_OK);
    put_body(s, &small, 1);
    CU_ASSERT_EQUAL(files_in("bodies"), 0);
    put_body(s, &large, 9);
    CU_ASSERT_EQUAL(files_in("bodies"), 1);

    struct pp_view *v = p->begin_view(s);
    CU_ASSERT_EQUAL(p->head(v, PP_OBJECT, &large, &head), PP_OK);
    struct pp_batch *b = p->begin(s);
    CU_ASSERT_EQUAL(p->remove(b, PP_OBJECT, &large, false), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    /* The view is of before, so it still reads. */
    CU_ASSERT_EQUAL_FATAL(p->read(v, &large, head.serial, PP_PIECE_MAX, &spans), PP_OK);
    CU_ASSERT_EQUAL(pread(spans.fd, &byte, 1, (off_t)spans.fd_offset), 1);
    p->end_view(v);
    p->abort(p->begin(s));
    CU_ASSERT_EQUAL(files_in("bodies"), 0);
    p->close(s);
    end();
}

static void test_bodies_never_put_are_swept(void)
{
    static uint8_t piece[PP_PIECE_MAX];
    struct pp_store *s = NULL;
    uint64_t serial = 0, small = 0;
    struct pp_usage before, after;
    begin();
    CU_ASSERT_EQUAL_FATAL(try_open(&s, PP_STORE_CREATE, NULL), PP_OK);
    struct pp_batch *b = p->begin(s);
    p->usage(p->view(b), &before);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(p->piece(b, &serial, pp_bytes(piece, sizeof piece)), PP_OK);
    }
    CU_ASSERT_EQUAL(p->piece(b, &small, pp_bytes(piece, sizeof piece)), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    CU_ASSERT_EQUAL(files_in("bodies"), 1);
    p->close(s);
    CU_ASSERT_EQUAL_FATAL(try_open(&s, 0, NULL), PP_OK);
    CU_ASSERT_EQUAL(files_in("bodies"), 0);
    struct pp_view *v = p->begin_view(s);
    p->usage(v, &after);
    CU_ASSERT_TRUE(after.octets <= before.octets + 4096);
    p->end_view(v);
    p->close(s);
    end();
}

#define LEFT_OVER 2500

/* So many serials given, and after a crash a file of each. */
static void leave_files(void)
{
    struct pp_store *s;
    CU_ASSERT_EQUAL_FATAL(try_open(&s, 0, NULL), PP_OK);
    struct pp_batch *b = p->begin(s);
    for (unsigned i = 0; i < LEFT_OVER; i++) {
        uint64_t serial = 0;
        CU_ASSERT_EQUAL(p->piece(b, &serial, pp_str("x")), PP_OK);
        CU_ASSERT_EQUAL(p->discard(b, serial), PP_OK);
    }
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    p->close(s);
    for (unsigned i = 0; i < LEFT_OVER; i++) {
        char file[128];
        snprintf(file, sizeof file, "%s/bodies/%u", path, i + 2); /* 1 is the body that stays */
        FILE *f = fopen(file, "w");
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        fclose(f);
    }
}

/* The open looks at some files; the batches that come look at the rest. */
static void test_many_files_are_swept_bit_by_bit(void)
{
    struct pp_store *s;
    struct pp_name kept = {{1}}, removed = {{2}};
    struct pp_head head;
    struct pp_spans spans;
    begin();
    CU_ASSERT_EQUAL_FATAL(try_open(&s, PP_STORE_CREATE, NULL), PP_OK);
    put_body(s, &kept, 9);
    p->close(s);
    leave_files();
    CU_ASSERT_EQUAL_FATAL(try_open(&s, 0, NULL), PP_OK);
    unsigned left = files_in("bodies");
    CU_ASSERT_TRUE(left > 1000 && left < LEFT_OVER); /* not all at the open */
    put_body(s, &removed, 9);
    struct pp_view *v = p->begin_view(s);
    CU_ASSERT_EQUAL(p->head(v, PP_OBJECT, &kept, &head), PP_OK);
    struct pp_batch *b = p->begin(s);
    CU_ASSERT_EQUAL(p->remove(b, PP_OBJECT, &kept, false), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    for (unsigned i = 0; i < LEFT_OVER / 64; i++) {
        p->abort(p->begin(s));
    }
    CU_ASSERT_EQUAL(files_in("bodies"), 2);
    CU_ASSERT_EQUAL(p->read(v, &kept, head.serial, PP_PIECE_MAX, &spans), PP_OK);
    p->end_view(v); /* it saw what was removed meanwhile */
    p->abort(p->begin(s));
    CU_ASSERT_EQUAL(files_in("bodies"), 1);
    p->close(s);
    end();
}

CHECK_MAIN("store-lmdb", CHECK(test_creation_and_refusals),
           CHECK(test_a_folder_of_something_else_is_left_alone),
           CHECK(test_long_bodies_are_files_and_go_with_their_object),
           CHECK(test_bodies_never_put_are_swept), CHECK(test_many_files_are_swept_bit_by_bit))
