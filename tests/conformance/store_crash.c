/*
 * Durability: a child writes random batches and tells each commit; it is killed at a random instant
 * or at a crash point; what it told must be there afterwards, and what it had not yet told is there
 * whole or not at all. The same writer and the same judge serve the power-cut replay, which starts
 * them as programs (powercut.py).
 */
#include "store_model.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNFINISHED (4 * 1024 * 1024) /* octets of a body never put */

/* What is known of the store on disk: the model after batch n. */
struct known {
    struct model model;
    uint64_t n, last_seq;
};

struct ack {
    uint64_t n, last_seq;
};

/* Brings a model over batch n, as the store would. */
static void model_over(struct store_suite *s, struct model *m, uint64_t n)
{
    struct model_act acts[MODEL_ACTS];
    bool abort;
    unsigned count = model_batch(s->seed, n, acts, &abort);
    for (unsigned i = 0; i < count && !abort; i++) {
        model_act(m, &acts[i]);
    }
}

/* Runs batch n on the store and brings the model over it. */
static int run_batch(struct store_suite *s, struct pp_store *store, struct model *m,
                     struct model_real *real, uint64_t n)
{
    struct model_act acts[MODEL_ACTS];
    struct model at = *m;
    struct model_real before = *real;
    bool abort;
    int err = PP_OK;
    unsigned count = model_batch(s->seed, n, acts, &abort);
    struct pp_batch *b = s->p->begin(store);
    for (unsigned i = 0; b && !err && i < count; i++) {
        struct model was = at;
        int want = model_act(&at, &acts[i]);
        int got = want == PP_LIMIT ? want : model_run(s, b, real, &was, &acts[i]);
        err = got == want ? PP_OK : got ? got : PP_INVALID;
    }
    if (!b || err || abort) {
        if (b) {
            s->p->abort(b);
        }
        *real = before;
        return b ? err : PP_BROKEN;
    }
    err = s->p->commit(b);
    *m = err ? *m : at;
    return err;
}

/* Batches after known->n, each told to fd when its commit returned. What stopped it. */
static int write_on(struct store_suite *s, struct pp_store *store, const struct known *known,
                    uint64_t batches, int fd)
{
    struct model_real real = {.last_seq = known->last_seq};
    struct model *m = malloc(sizeof *m);
    int err = m ? PP_OK : PP_NOMEM;
    if (m) {
        *m = known->model;
    }
    for (uint64_t n = known->n + 1; !err && n <= known->n + batches; n++) {
        err = run_batch(s, store, m, &real, n);
        struct ack ack = {n, real.last_seq};
        if (!err && write(fd, &ack, sizeof ack) != sizeof ack) {
            err = PP_IO;
        }
    }
    free(m);
    return err;
}

/* Is the store what it was after batch `acked`, or after the next? Then known is that. */
static bool judge(struct store_suite *s, const char *path, struct known *known, uint64_t acked,
                  char text[256])
{
    struct pp_error error = {0};
    struct pp_store *store = NULL;
    uint64_t n = known->n;
    bool same = false;
    int err = s->p->open(&store, path, s->values, NULL, 0, &error);
    if (err) {
        snprintf(text, 256, "it does not open: %s: %.200s", pp_error_text(err), error.text);
        return false;
    }
    while (known->n < acked) {
        model_over(s, &known->model, ++known->n);
    }
    struct pp_view *v = s->p->begin_view(store);
    for (int more = 0; v && !same && more < 2; more++) {
        struct model shown = known->model;
        model_restart(&shown);
        same = model_same(s, v, &shown, text);
        if (same) {
            known->model = shown;
        } else {
            model_over(s, &known->model, ++known->n);
        }
    }
    if (same && s->p->last_seq(v) < known->last_seq) {
        snprintf(text, 256, "the last sequence fell");
        same = false;
    }
    if (v) {
        s->p->end_view(v);
    }
    s->p->close(store);
    int faults = same ? s->p->check(path, s->values, false, NULL, NULL) : 0;
    if (faults != 0) {
        snprintf(text, 256, "check finds %d faults", faults);
        same = false;
    }
    (void)n;
    return same;
}

struct child {
    pid_t pid;
    int fd;
};

static struct child start(struct store_suite *s, const char *path, const struct known *known,
                          uint64_t batches, const char *crash)
{
    struct child c = {.fd = -1};
    int fds[2];
    if (pipe(fds) < 0) {
        return c;
    }
    fflush(NULL);
    c.pid = fork();
    if (c.pid == 0) {
        close(fds[0]);
        if (crash) {
            setenv("PP_CRASH", crash, 1);
        }
        struct pp_store *store = NULL;
        int err = s->p->open(&store, path, s->values, (const uint8_t *)"0123456789abcde",
                             PP_STORE_CREATE, NULL);
        _exit(err || write_on(s, store, known, batches, fds[1]) ? 1 : 0);
    }
    close(fds[1]);
    c.fd = fds[0];
    return c;
}

/* Reads what the child told, at least until `wanted` or its end. */
static void listen_to(struct child *c, struct known *known, uint64_t *acked, uint64_t wanted)
{
    struct ack ack;
    while (*acked < wanted && read(c->fd, &ack, sizeof ack) == sizeof ack) {
        *acked = ack.n;
        known->last_seq = ack.last_seq > known->last_seq ? ack.last_seq : known->last_seq;
    }
}

/* Reaps; true when it was killed. */
static bool reap(struct child *c, int *status)
{
    while (waitpid(c->pid, status, 0) < 0 && errno == EINTR) {
    }
    close(c->fd);
    return WIFSIGNALED(*status) && WTERMSIG(*status) == SIGKILL;
}

static void killed_at_random(struct store_suite *s)
{
    struct known *known = calloc(1, sizeof *known);
    uint64_t state = s->seed, rounds = s->lengthy ? 200 : 20;
    char path[256], text[256] = "";
    int status;
    kit_path(s, path);
    struct pp_store *store = s->keeps && known ? kit_open(s, path, s->values) : NULL;
    if (store) {
        s->p->close(store);
    }
    for (uint64_t i = 0; store && !s->broken && i < rounds; i++) {
        struct child c = start(s, path, known, 100000, NULL);
        uint64_t acked = known->n;
        listen_to(&c, known, &acked, known->n + kit_random(&state) % 40);
        /* Some way into what follows, by its own measure: the poll ends with the next word. */
        struct pollfd next = {.fd = c.fd, .events = POLLIN};
        poll(&next, 1, (int)(kit_random(&state) % 4));
        kill(c.pid, SIGKILL);
        listen_to(&c, known, &acked, UINT64_MAX);
        if (!reap(&c, &status)) {
            kit_breach(s, __FILE__, __LINE__, "killed",
                       "the writer went on until it was killed "
                       "(status %x after batch %llu)",
                       (unsigned)status, (unsigned long long)acked);
        } else if (!judge(s, path, known, acked, text)) {
            kit_breach(s, __FILE__, __LINE__, "the model",
                       "after a kill behind commit %llu everything committed is there and nothing "
                       "by half: %s",
                       (unsigned long long)acked, text);
        }
    }
    free(known);
}

static const char *const points[] = {
    "store-before-commit", "store-committed",    "store-in-batch",     "store-grow",
    "store-body-synced",   "store-unlink",       "store-log-written",  "store-log-synced",
    "store-fill-unlink",   "store-fill-written", "store-fill-synced",  "store-fill-renamed",
    "store-index-written", "store-fill-folder",  "store-state-renamed"};

static void killed_at_points(struct store_suite *s)
{
    unsigned met = 0;
    for (size_t i = 0; s->keeps && i < sizeof points / sizeof *points; i++) {
        static const unsigned passes[] = {1, 2, 7, 40};
        for (size_t k = 0; !s->broken && k < 4; k++) {
            struct known *known = calloc(1, sizeof *known);
            char path[256], crash[64], text[256] = "";
            uint64_t acked = 0;
            int status;
            kit_path(s, path);
            struct pp_store *store = kit_open(s, path, s->values);
            if (store) {
                s->p->close(store);
            }
            snprintf(crash, sizeof crash, "%s:%u", points[i], passes[k]);
            struct child c = start(s, path, known, 150, crash);
            listen_to(&c, known, &acked, UINT64_MAX);
            met += reap(&c, &status);
            if (!judge(s, path, known, acked, text)) {
                kit_breach(s, __FILE__, __LINE__, "the model",
                           "after a crash at %s (behind commit %llu) everything committed is there "
                           "and nothing by half: %s",
                           crash, (unsigned long long)acked, text);
            }
            free(known);
            kit_remove(path);
        }
    }
    if (s->keeps) {
        fprintf(s->out, "  %u crashes at %zu points\n", met, sizeof points / sizeof *points);
    }
}

static void killed_in_creation(struct store_suite *s)
{
    static const char *const creation[] = {"store-before-commit", "store-committed", "store-grow",
                                           "store-create-synced", "store-create-renamed"};
    for (size_t i = 0; s->keeps && i < sizeof creation / sizeof *creation; i++) {
        struct known *known = calloc(1, sizeof *known);
        char path[256], crash[64];
        uint64_t acked = 0;
        int status;
        kit_path(s, path);
        snprintf(crash, sizeof crash, "%s:1", creation[i]);
        struct child c = start(s, path, known, 1, crash);
        listen_to(&c, known, &acked, UINT64_MAX);
        reap(&c, &status);
        free(known);
        struct pp_store *store = kit_open(s, path, s->values);
        RULE(s, store, "a creation that a crash interrupted (%s) is no store, or a whole one",
             creation[i]);
        RULE(s, kit_put(s, store, 1000, 10) == PP_OK, "and takes objects");
        s->p->close(store);
    }
}

/* Four pieces of a body in committed batches; then the process is gone. */
static void begin_and_die(struct store_suite *s, const char *path)
{
    struct pp_store *store = kit_open(s, path, s->values);
    uint64_t serial = 0;
    for (unsigned i = 0; store && i < 4; i++) {
        struct pp_batch *b = s->p->begin(store);
        if (!b ||
            kit_pieces(s, b, &serial, 1, (uint64_t)i * UNFINISHED / 4,
                       (uint64_t)(i + 1) * UNFINISHED / 4, PP_PIECE_MAX) ||
            s->p->commit(b)) {
            _exit(1);
        }
    }
    _exit(store ? 0 : 1);
}

static void unfinished_is_swept(struct store_suite *s)
{
    char path[256];
    uint64_t first = 0;
    kit_path(s, path);
    for (int round = 0; s->keeps && round < 4; round++) {
        int status = -1;
        fflush(NULL);
        struct child c = {.pid = fork(), .fd = -1};
        if (c.pid == 0) {
            begin_and_die(s, path);
        }
        reap(&c, &status);
        RULE(s, status == 0, "pieces are taken (status %x)", (unsigned)status);
        struct pp_store *store = kit_open(s, path, s->values);
        RULE(s, store && kit_put(s, store, (unsigned)round, 10) == PP_OK,
             "after a crash between piece and put the store opens and takes objects");
        s->p->close(store);
        uint64_t taken = kit_disk(path);
        first = round ? first : taken;
        RULE(s, taken < first + UNFINISHED,
             "pieces never put are swept after a crash too: their octets do not add up on the disk "
             "(%llu after %d crashes, %llu after the first)",
             (unsigned long long)taken, round + 1, (unsigned long long)first);
    }
}

/* write PATH BATCHES: tells commits on the file PP_ACKS, one line each (the recorder sees them).
 * judge PATH ACKED LAST_SEQ: 0 when the store is what it must be. */
int store_worker_crash(struct store_suite *s, int argc, char **argv)
{
    struct known *known = calloc(1, sizeof *known);
    char text[256] = "";
    if (argc < 3 || !known) {
        return 64;
    }
    if (strcmp(argv[0], "judge") == 0) {
        known->last_seq = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
        bool same = judge(s, argv[1], known, strtoull(argv[2], NULL, 10), text);
        if (!same) {
            fprintf(s->out, "%s\n", text);
        }
        return same ? 0 : 1;
    }
    const char *acks = getenv("PP_ACKS");
    struct pp_store *store = NULL;
    int fd = acks ? open(acks, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    int err = s->p->open(&store, argv[1], s->values, (const uint8_t *)"0123456789abcde",
                         PP_STORE_CREATE, NULL);
    struct ack opened = {0, 0};
    if (fd < 0 || err || write(fd, &opened, sizeof opened) < 0) {
        return 1;
    }
    err = write_on(s, store, known, strtoull(argv[2], NULL, 10), fd);
    s->p->close(store);
    return err ? 1 : 0;
}

const struct store_case store_cases_crash[] = {
    {"crash: killed at random instants", killed_at_random},
    {"crash: killed at crash points", killed_at_points},
    {"crash: killed while being created", killed_in_creation},
    {"crash: what was never put is swept", unfinished_is_swept},
    {NULL, NULL},
};
