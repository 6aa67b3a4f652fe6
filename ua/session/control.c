/* A client of the control socket; see control.h. */
#include <session/control.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)100 << 20) /* a note may hold a whole job of 10,000 recipients */

struct control {
    int fd;
    struct pp_buf in;
};

void control_path(char *out, size_t cap, struct pp_config *config)
{
    snprintf(out, cap, "%s/control", pp_config_path(config, "user.state"));
}

int control_open(struct control **out, struct pp_config *config)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char path[PATH_MAX];
    control_path(path, sizeof path, config);
    if (strlen(path) >= sizeof to.sun_path) {
        return PP_NOT_FOUND; /* serve refuses to begin there */
    }
    memcpy(to.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        int rc = fd < 0 ? PP_IO : PP_NOT_FOUND;
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    struct control *c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        return PP_NOMEM;
    }
    c->fd = fd;
    *out = c;
    return PP_OK;
}

void control_close(struct control *c)
{
    if (c) {
        close(c->fd);
        pp_buf_wipe(&c->in);
        free(c);
    }
}

int control_fd(const struct control *c)
{
    return c->fd;
}

int control_ask(struct control *c, json_t *request)
{
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (!text) {
        return PP_NOMEM;
    }
    size_t len = strlen(text);
    text[len] = '\n'; /* the NUL is not sent */
    int rc = PP_OK;
    for (size_t done = 0; rc == PP_OK && done < len + 1;) {
        ssize_t n = send(c->fd, text + done, len + 1 - done, MSG_NOSIGNAL);
        if (n > 0) {
            done += (size_t)n;
        } else if (errno != EINTR) {
            rc = PP_IO;
        }
    }
    free(text);
    return rc;
}

static pp_ns now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (pp_ns)t.tv_sec * PP_SECOND + (pp_ns)t.tv_nsec;
}

/* Waits for octets and reads them. */
static int more(struct control *c, pp_ns until)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    pp_ns at = now();
    int wait = until == PP_NEVER ? -1 : until <= at ? 0 : (int)((until - at) / PP_MS) + 1;
    int n = poll(&p, 1, wait);
    if (n <= 0) {
        return n == 0 ? PP_TIMEOUT : errno == EINTR ? PP_OK : PP_IO;
    }
    if (c->in.len > ANSWER_MAX || pp_buf_reserve(&c->in, 65536) != PP_OK) {
        return PP_MALFORMED;
    }
    ssize_t got = recv(c->fd, c->in.data + c->in.len, 65535, 0);
    if (got <= 0) {
        return got < 0 && errno == EINTR ? PP_OK : PP_IO;
    }
    c->in.len += (size_t)got;
    return PP_OK;
}

int control_answer(struct control *c, json_t **answer, pp_ns patience)
{
    pp_ns until = patience == PP_NEVER ? PP_NEVER : now() + patience;
    size_t looked = 0;
    const uint8_t *end;
    while (!(end = c->in.len > looked ? memchr(c->in.data + looked, '\n', c->in.len - looked)
                                      : NULL)) {
        looked = c->in.len;
        int rc = more(c, until);
        if (rc != PP_OK) {
            return rc;
        }
    }
    size_t len = (size_t)(end - c->in.data);
    *answer = json_loadb((const char *)c->in.data, len, JSON_REJECT_DUPLICATES, NULL);
    pp_buf_consume(&c->in, len + 1);
    return *answer ? PP_OK : PP_MALFORMED;
}

int control_borrow(struct control *c)
{
    json_t *answer = NULL;
    int rc = control_ask(c, json_pack("{ss}", "command", "lend"));
    rc = rc == PP_OK ? control_answer(c, &answer, 10 * PP_SECOND) : rc;
    if (rc == PP_OK && !json_is_true(json_object_get(answer, "lent"))) {
        rc = PP_BUSY;
    }
    json_decref(answer);
    return rc;
}
