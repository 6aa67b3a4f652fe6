/*
 * The HTTP server as a whole: listeners, the end of each turn, draining, counts. Connections are
 * server_connection.c's.
 */
#include <http/server_private.h>

#include <openssl/ssl.h>
#include <stdlib.h>

static void bury(struct pp_server *server)
{
    struct pp_exchange *kept = NULL;
    while (server->graveyard) {
        struct pp_exchange *x = server->graveyard;
        server->graveyard = x->newer;
        if (x->running || x->scheduled) {
            x->newer = kept;
            kept = x;
        } else {
            free(x);
        }
    }
    server->graveyard = kept;
}

/* The end of a turn: connections whose handlers had something to say. */
static void on_turn(void *ctx)
{
    struct pp_server *server = ctx;
    struct pp_exchange *x = server->scheduled;
    bool any = x != NULL;
    server->scheduled = NULL;
    server->scheduled_last = &server->scheduled;
    while (x) {
        struct pp_exchange *next = x->next_scheduled;
        x->scheduled = false;
        if (!x->dead) {
            pp_connection_run(x);
        }
        x = next;
    }
    if (any) {
        pp_loop_stir(server->loop); /* what handlers queued just now leaves in this turn too */
    }
    bury(server);
    if (server->draining && server->drained && server->counts.open == 0) {
        void (*drained)(void *) = server->drained;
        server->drained = NULL;
        drained(server->drained_ctx);
    }
}

int pp_server_create(struct pp_server **server, struct pp_loop *loop, struct pp_workers *workers,
                     const struct pp_server_options *options, const struct pp_handler *handler,
                     void *ctx)
{
    struct pp_server *s = calloc(1, sizeof *s);
    if (!s) {
        return PP_NOMEM;
    }
    s->loop = loop;
    s->workers = workers;
    s->options = *options;
    s->handler = *handler;
    s->ctx = ctx;
    s->scheduled_last = &s->scheduled;
    s->scratch = malloc(PP_READ_LARGE);
    s->hook = pp_hook_create(loop, on_turn, s);
    int err = s->scratch && s->hook ? pp_limits_init(s) : PP_NOMEM;
    if (err) {
        pp_server_destroy(s);
        return err;
    }
    *server = s;
    return 0;
}

static void on_accepted(void *ctx, struct pp_listener *listener, int fd, const uint8_t from[16])
{
    struct pp_server *server = ctx;
    if (fd < 0) { /* out of descriptors: an idle connection gives one back */
        if (server->oldest) {
            pp_connection_close(server->oldest);
        }
        return;
    }
    const struct pp_port *port = server->ports;
    while (port->listener != listener) {
        port = port->next;
    }
    pp_connection_accepted(server, port, fd, from);
}

static struct pp_port *new_port(struct pp_server *server, struct pp_error *error)
{
    struct pp_port *port = calloc(1, sizeof *port);
    if (!port) {
        pp_fail(error, PP_NOMEM, "Out of memory while opening an HTTP listener.");
        return NULL;
    }
    port->next = server->ports;
    return port;
}

int pp_server_listen(struct pp_server *server, const uint8_t address[16], uint16_t port,
                     SSL_CTX *tls, uint16_t *bound, struct pp_error *error)
{
    struct pp_port *p = new_port(server, error);
    if (!p) {
        return PP_NOMEM;
    }
    int err =
        pp_listener_open(&p->listener, server->loop, address, port, on_accepted, server, error);
    if (err) {
        free(p);
        return err;
    }
    p->port = pp_listener_port(p->listener);
    p->tls = tls != NULL;
    server->ports = p;
    if (tls) {
        pp_server_set_tls(server, tls);
    }
    if (bound) {
        *bound = p->port;
    }
    return 0;
}

int pp_server_listen_unix(struct pp_server *server, const char *path, struct pp_error *error)
{
    struct pp_port *p = new_port(server, error);
    if (!p) {
        return PP_NOMEM;
    }
    int err = pp_listener_open_unix(&p->listener, server->loop, path, on_accepted, server, error);
    if (err) {
        free(p);
        return err;
    }
    server->ports = p;
    return 0;
}

void pp_server_set_tls(struct pp_server *server, SSL_CTX *tls)
{
    if (tls) {
        SSL_CTX_up_ref(tls);
    }
    SSL_CTX_free(server->tls);
    server->tls = tls;
}

static void close_ports(struct pp_server *server)
{
    while (server->ports) {
        struct pp_port *port = server->ports;
        server->ports = port->next;
        pp_listener_close(port->listener);
        free(port);
    }
}

void pp_server_drain(struct pp_server *server, void (*done)(void *ctx), void *ctx)
{
    server->draining = true;
    server->drained = done;
    server->drained_ctx = ctx;
    close_ports(server);
    while (server->oldest) {
        pp_connection_close(server->oldest);
    }
    for (size_t i = server->counts.open; i-- > 0;) {
        server->heap[i]->close_after = true; /* an answer begun says so no more, but ends so */
    }
    pp_loop_stir(server->loop);
}

void pp_server_destroy(struct pp_server *server)
{
    if (!server) {
        return;
    }
    close_ports(server);
    while (server->counts.open > 0) {
        pp_connection_close(server->heap[0]);
    }
    for (struct pp_exchange *x = server->scheduled; x; x = x->next_scheduled) {
        x->scheduled = false;
    }
    bury(server);
    while (server->pool) {
        struct pp_out *out = server->pool;
        server->pool = out->next;
        free(out);
    }
    pp_limits_finish(server);
    pp_hook_destroy(server->hook);
    SSL_CTX_free(server->tls);
    free(server->scratch);
    free(server);
}

void pp_server_counts(const struct pp_server *server, struct pp_server_counts *out)
{
    *out = server->counts;
}
