/* Connections of a line protocol; see port.h. It must not know any. */
#include <serve/port.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTIONS 32
#define LOGIN_TIME (60 * PP_SECOND) /* until the password is right */

bool line_login(struct line *line, struct pp_bytes user, struct pp_bytes password)
{
    bool right = serve_login(line->port->serve, user, password);
    if (right) {
        talk_patience(line->talk, line->port->kind->idle_time, false);
    }
    return right;
}

void line_set_timer(struct line *line, pp_ns time)
{
    pp_timer_set(line->timer, pp_loop_now(serve_loop(line->port->serve)).mono + time);
}

void line_follow(struct line *line, bool waits, bool over)
{
    talk_hold(line->talk, waits);
    if (over) {
        talk_end(line->talk);
    }
}

static void destroy(struct line *line)
{
    struct line **at = &line->port->lines;
    while (*at != line) {
        at = &(*at)->next;
    }
    *at = line->next;
    line->port->n--;
    line->port->kind->finish(line);
    pp_timer_destroy(line->timer);
    free(line);
}

static void on_gone(void *ctx)
{
    destroy(ctx);
}

static void welcome(struct port *port, int fd)
{
    struct pp_loop *loop = serve_loop(port->serve);
    struct line *line = calloc(1, port->kind->size);
    struct talk *talk = line ? talk_open(loop, fd, &port->talk, line) : (close(fd), NULL);
    if (!talk || !(line->timer = pp_timer_create(loop, port->kind->on_timer, line))) {
        talk_close(talk);
        free(line);
        return;
    }
    line->port = port;
    line->talk = talk;
    line->next = port->lines;
    port->lines = line;
    port->n++;
    port->kind->start(line);
    talk_patience(talk, LOGIN_TIME, true);
}

static void on_connection(void *ctx, struct pp_listener *listener, int fd, const uint8_t from[16])
{
    struct port *port = ctx;
    (void)listener;
    (void)from;
    if (fd >= 0 && port->n >= CONNECTIONS) {
        (void)!write(fd, port->kind->busy, strlen(port->kind->busy));
        close(fd);
    } else if (fd >= 0) {
        welcome(port, fd);
    }
}

int port_open(struct port *port, const struct port_kind *kind, struct serve *s,
              struct pp_error *error)
{
    port->kind = kind;
    port->serve = s;
    port->talk = kind->talk;
    port->talk.gone = on_gone;
    return serve_listen(&port->listener, s, kind->option, on_connection, port, error);
}

uint16_t port_number(const void *part)
{
    return pp_listener_port(((const struct port *)part)->listener);
}

void port_close(struct port *port)
{
    pp_listener_close(port->listener);
    while (port->lines) {
        talk_close(port->lines->talk);
        destroy(port->lines);
    }
}
