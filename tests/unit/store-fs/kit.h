/* A flat-file store in a folder of its own, filled with a few things, for the tests beside it. */
#ifndef FS_KIT_H
#define FS_KIT_H

#include <check.h>
#include <peerpost/store.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern const struct pp_store_plugin peerpost_plugin;
static const struct pp_store_plugin *const p = &peerpost_plugin;
static const union pp_value values[2] = {{.number = 64 << 20}, {.number = 64 << 10}};
static char folder[64], path[96];
static struct pp_store *store;

static inline void kit_begin(void)
{
    const char *top = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.40s/pp-fs-XXXXXX", top ? top : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/store", folder);
    store = NULL;
}

static inline int kit_try(struct pp_error *error)
{
    return p->open(&store, path, values, (const uint8_t *)"0123456789abcdef", PP_STORE_CREATE,
                   error);
}

static inline void kit_open(void)
{
    struct pp_error error = {0};
    if (kit_try(&error) != PP_OK) {
        fprintf(stderr, "%s\n", error.text);
        CU_FAIL_FATAL("the store does not open");
    }
}

static inline void kit_close(void)
{
    p->close(store);
    store = NULL;
}

static inline void kit_end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CU_ASSERT_EQUAL(system(command), 0);
}

static inline struct pp_name kit_name(unsigned n)
{
    struct pp_name name = {{0}};
    name.b[0] = (uint8_t)n;
    name.b[31] = 1;
    return name;
}

/* An object of a size, with one certificate. */
static inline void kit_put_in(struct pp_batch *b, unsigned n, size_t size)
{
    static uint8_t octets[PP_PIECE_MAX];
    struct pp_name name = kit_name(n);
    struct pp_head head = {.size = size, .created = 1, .expires = 1000, .stamp = 10 + n};
    const uint8_t keyid[32] = {7};
    for (size_t at = 0; at < size; at += PP_PIECE_MAX) {
        size_t len = size - at < PP_PIECE_MAX ? size - at : PP_PIECE_MAX;
        CU_ASSERT_EQUAL(p->piece(b, &head.serial, pp_bytes(octets, len)), PP_OK);
    }
    head.identifier = pp_str("id@x");
    CU_ASSERT_EQUAL(p->put(b, &name, &head), PP_OK);
    CU_ASSERT_EQUAL(p->member_add(b, &name, keyid, pp_str("DER")), PP_OK);
}

static inline void kit_append_in(struct pp_batch *b, unsigned n, uint8_t number)
{
    struct pp_name name = kit_name(n);
    struct pp_entry entry = {.digest = {number}, .expires = 500, .bytes = pp_str("notification")};
    uint64_t seq;
    CU_ASSERT_EQUAL(p->append(b, &name, pp_str("user@x"), &entry, 5, &seq), PP_OK);
}

#define KIT_OBJECTS 6 /* 1 to 6; 6 has a long body, 5 is a tombstone */
#define KIT_INBOX 9   /* with three notifications */
static inline void kit_fill(void)
{
    struct pp_name gone = kit_name(5);
    struct pp_batch *b = p->begin(store);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    for (unsigned n = 1; n <= KIT_OBJECTS; n++) {
        kit_put_in(b, n, n == 6 ? 300000 : 100 * n);
    }
    CU_ASSERT_EQUAL(p->remove(b, PP_OBJECT, &gone, true), PP_OK);
    for (uint8_t i = 1; i <= 3; i++) {
        kit_append_in(b, KIT_INBOX, i);
    }
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
}

static inline void kit_path(char out[200], const char *kind, unsigned n)
{
    char hex[65];
    struct pp_name name = kit_name(n);
    pp_hex(hex, name.b, sizeof name.b);
    snprintf(out, 200, "%s/%s/%.2s/%s", path, kind, hex, hex);
}

static inline struct pp_usage kit_usage(void)
{
    struct pp_usage u = {0};
    struct pp_view *v = p->begin_view(store);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    p->usage(v, &u);
    p->end_view(v);
    return u;
}

static inline int kit_head(enum pp_kind kind, unsigned n, struct pp_head *head)
{
    struct pp_name name = kit_name(n);
    struct pp_view *v = p->begin_view(store);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    int err = p->head(v, kind, &name, head);
    p->end_view(v);
    return err;
}

/* How many things `oldest` lists; negative on failure. */
static inline int kit_listed(void)
{
    static struct pp_listed out[PP_OLDEST_MAX];
    struct pp_cursor cursor = {{0}};
    struct pp_view *v = p->begin_view(store);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    int n = p->oldest(v, &cursor, out);
    p->end_view(v);
    return n;
}

/* Runs fn in a process of its own, which then dies without a close; what fn returned. */
static inline int kit_apart(int (*fn)(void))
{
    int status = -1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(fn());
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A whole file; the caller frees. */
static inline uint8_t *kit_read(const char *file, size_t *len)
{
    struct stat st;
    FILE *f = fopen(file, "rb");
    CU_ASSERT_TRUE_FATAL(f != NULL && fstat(fileno(f), &st) == 0);
    uint8_t *octets = malloc((size_t)st.st_size + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(octets);
    *len = fread(octets, 1, (size_t)st.st_size, f);
    fclose(f);
    return octets;
}

static inline void kit_write(const char *file, const uint8_t *octets, size_t len)
{
    FILE *f = fopen(file, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fwrite(octets, 1, len, f), len);
    CU_ASSERT_EQUAL(fclose(f), 0);
}

/* An empty batch: the writer comes by. */
static inline void kit_batch(void)
{
    struct pp_batch *b = p->begin(store);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
}

#endif
