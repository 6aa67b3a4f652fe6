/* A message that is handed in; see submit.h. */
#include <serve/submit.h>

#include <box/files.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <session/input.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct submit {
    struct serve *serve;
    int fd;
    char **recipients;
    size_t n;
    bool from_header, taken, deaf;
    void (*done)(void *ctx, int code, const char *text);
    void *ctx;
    struct pp_timer *late; /* tells what failed before any worker had it */
    int code;
    char name[80];
    struct pp_error error;
};

/* An unnamed file in the folder for such. */
static int open_unnamed(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/submit-XXXXXX", folder);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0) {
            unlink(path);
        }
    }
    return fd;
}

static void destroy(struct submit *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->recipients[i]);
    }
    free(m->recipients);
    pp_timer_destroy(m->late);
    close(m->fd);
    free(m);
}

int submit_open(struct submit **out, struct serve *s)
{
    struct submit *m = calloc(1, sizeof *m);
    if (!m) {
        return PP_NOMEM;
    }
    m->serve = s;
    m->fd = open_unnamed(serve_blobs(s));
    if (m->fd < 0) {
        int rc = pp_box_code(errno);
        free(m);
        return rc;
    }
    *out = m;
    return PP_OK;
}

int submit_add(struct submit *m, struct pp_bytes octets)
{
    return pp_box_write(m->fd, octets);
}

void submit_drop(struct submit *m)
{
    if (!m) {
        return;
    }
    if (m->taken && !m->late) {
        m->deaf = true; /* a worker has it */
    } else {
        destroy(m);
    }
}

static void tell(struct submit *m)
{
    if (!m->deaf) {
        m->done(m->ctx, m->code, m->code == PP_OK ? m->name : m->error.text);
    }
    destroy(m);
}

/* On a worker. */
static void spool(void *ctx)
{
    struct submit *m = ctx;
    const struct input input = {
        .from_header = m->from_header,
        .ignore_dots = true,
        .spool = serve_spool(m->serve),
        .own = serve_address(m->serve),
        .recipients = m->recipients,
        .n_recipients = (int)m->n,
        .fd = m->fd,
    };
    m->code = lseek(m->fd, 0, SEEK_SET) == 0
                  ? input_spool(&input, m->name, &m->error)
                  : pp_fail(&m->error, PP_IO, "cannot read the message again: %s", strerror(errno));
}

static void spooled(void *ctx, bool dropped)
{
    struct submit *m = ctx;
    m->deaf = m->deaf || dropped;
    tell(m);
}

static void on_late(void *ctx)
{
    tell(ctx);
}

static int copy_recipients(struct submit *m, const struct pp_buf *recipients, size_t n)
{
    m->recipients = calloc(n ? n : 1, sizeof *m->recipients);
    for (; m->recipients && m->n < n; m->n++) {
        m->recipients[m->n] = strdup((const char *)recipients[m->n].data);
        if (!m->recipients[m->n]) {
            break;
        }
    }
    return m->recipients && m->n == n ? PP_OK : PP_NOMEM;
}

void submit_take(struct submit *m, const struct pp_buf *recipients, size_t n, bool from_header,
                 void (*done)(void *ctx, int code, const char *text), void *ctx)
{
    m->taken = true;
    m->done = done;
    m->ctx = ctx;
    m->from_header = from_header;
    int rc = copy_recipients(m, recipients, n);
    if (rc == PP_OK) {
        rc = pp_workers_submit(serve_workers(m->serve), spool, spooled, m); /* m->code is its now */
    }
    if (rc != PP_OK) {
        m->code = pp_fail(&m->error, rc, "too much is under way: try again in a moment");
        m->late = pp_timer_create(serve_loop(m->serve), on_late, m);
        if (m->late) {
            pp_timer_set(m->late, pp_loop_now(serve_loop(m->serve)).mono);
        }
    }
}
