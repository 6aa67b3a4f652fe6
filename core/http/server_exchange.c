/*
 * The answer of an exchange: head and first octets join in one buffer and leave in one write; large
 * bodies go from where they lie straight to the socket. Calls nothing of the handler's.
 */
#include <http/server_private.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define POOL_MAX 64
#define CHUNK_FRAME 20 /* the most octets that frame one chunk */

/* ---- the buffer ---- */

static struct pp_out *out_of(struct pp_exchange *x)
{
    struct pp_server *server = x->server;
    if (x->out) {
        return x->out;
    }
    struct pp_out *out = server->pool;
    if (out) {
        server->pool = out->next;
        server->pooled--;
    } else {
        out = malloc(sizeof *out);
    }
    if (out) {
        out->len = out->sent = 0;
        server->buffered += sizeof *out;
        x->out = out;
    }
    return out;
}

void pp_out_release(struct pp_exchange *x)
{
    struct pp_server *server = x->server;
    if (!x->out) {
        return;
    }
    server->buffered -= sizeof *x->out;
    if (server->pooled < POOL_MAX) {
        x->out->next = server->pool;
        server->pool = x->out;
        server->pooled++;
    } else {
        free(x->out);
    }
    x->out = NULL;
}

static size_t room(struct pp_exchange *x)
{
    struct pp_out *out = out_of(x);
    return out ? PP_OUT_CAP - out->len : 0;
}

bool pp_exchange_put(struct pp_exchange *x, const void *data, size_t len)
{
    if (x->broken || room(x) < len) {
        x->broken = true;
        return false;
    }
    memcpy(x->out->data + x->out->len, data, len);
    x->out->len += (uint32_t)len;
    return true;
}

static bool put_text(struct pp_exchange *x, const char *text)
{
    return pp_exchange_put(x, text, strlen(text));
}

bool pp_exchange_flush(struct pp_exchange *x)
{
    struct pp_out *out = x->out;
    if (out && out->sent < out->len && !x->broken) {
        struct pp_bytes span = pp_bytes(out->data + out->sent, out->len - out->sent);
        int64_t n = pp_stream_write(x->stream, &span, 1, false);
        x->broken = n < 0;
        out->sent += n > 0 ? (uint32_t)n : 0;
    }
    if (out && (out->sent == out->len || x->broken)) {
        pp_out_release(x);
    }
    return !x->out && !pp_stream_unsent(x->stream);
}

/* ---- the head ---- */

static const char *date(struct pp_server *server)
{
    pp_ns second = pp_loop_now(server->loop).wall / PP_SECOND;
    if (second != server->date_second) {
        static const char days[] = "SunMonTueWedThuFriSat";
        static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        time_t t = (time_t)second;
        struct tm tm;
        gmtime_r(&t, &tm);
        snprintf(server->date, sizeof server->date, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                 days + (size_t)tm.tm_wday * 3, tm.tm_mday, months + (size_t)tm.tm_mon * 3,
                 (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
        server->date_second = second;
    }
    return server->date;
}

/* The end of an unwanted body is read only if it is short, and if the client sends it at all. */
static bool must_close(const struct pp_exchange *x)
{
    return x->server->draining || (!x->request_read && (x->expects || x->unwanted ||
                                                        pp_parser_left(&x->parser) > PP_DROP_MAX));
}

/* A field that would break the header is left out: its octets may come from outside. */
static void put_fields(struct pp_exchange *x, const struct pp_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (fields[i].name.len > 0 && pp_field_value_ok(fields[i].name) &&
            pp_field_value_ok(fields[i].value)) {
            pp_exchange_put(x, fields[i].name.data, fields[i].name.len);
            pp_exchange_put(x, ": ", 2);
            pp_exchange_put(x, fields[i].value.data, fields[i].value.len);
            pp_exchange_put(x, "\r\n", 2);
        }
    }
}

static void put_length(struct pp_exchange *x, int status, int64_t length)
{
    char line[64];
    if (status == 204 || status == 304) {
        return;
    }
    if (length >= 0) {
        snprintf(line, sizeof line, "Content-Length: %lld\r\n", (long long)length);
        put_text(x, line);
    } else if (x->minor > 0) {
        put_text(x, "Transfer-Encoding: chunked\r\n");
    }
}

void pp_exchange_answer(struct pp_exchange *x, int status, const struct pp_field *fields, size_t n,
                        int64_t length)
{
    char line[128];
    if (x->answered || x->phase != PP_ACTIVE) {
        return;
    }
    x->answered = true;
    x->bodyless = x->head_method || status == 204 || status == 304;
    x->answer_left = length >= 0 ? length : x->minor > 0 ? -1 : -2;
    x->close_after |= must_close(x) || x->answer_left == -2;
    snprintf(line, sizeof line, "HTTP/1.1 %03d %s\r\nDate: %s\r\n", status, pp_status_text(status),
             date(x->server));
    put_text(x, line);
    put_length(x, status, length);
    put_fields(x, fields, n);
    put_text(x, x->close_after ? "Connection: close\r\n\r\n" : "\r\n");
    x->want_pull = length != 0; /* for HEAD too: a handler need not know */
    pp_connection_schedule(x);
}

/* ---- the body ---- */

static size_t sum(const struct pp_bytes *spans, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += spans[i].len;
    }
    return total;
}

/* Copies `len` octets that begin `skip` octets into the spans; there is room. */
static void copy(struct pp_exchange *x, const struct pp_bytes *spans, size_t n, size_t skip,
                 size_t len)
{
    for (size_t i = 0; i < n && len > 0; i++) {
        if (skip >= spans[i].len) {
            skip -= spans[i].len;
            continue;
        }
        size_t take = spans[i].len - skip;
        take = take < len ? take : len;
        pp_exchange_put(x, spans[i].data + skip, take);
        len -= take;
        skip = 0;
    }
}

/* What waits and then the spans, from octet `skip` on and `len` in all, to the socket. Returns how
 * many octets of the spans it took; *full when it would take no more. */
static size_t write_through(struct pp_exchange *x, const struct pp_bytes *spans, size_t n,
                            size_t skip, size_t len, bool *full)
{
    struct pp_bytes list[66];
    size_t count = 0, offered = 0, pending = pp_out_pending(x);
    if (pending > 0) {
        list[count++] = pp_bytes(x->out->data + x->out->sent, pending);
    }
    for (size_t i = 0; i < n && count < 66 && offered < len; i++) {
        if (skip >= spans[i].len) {
            skip -= spans[i].len;
            continue;
        }
        size_t take = spans[i].len - skip;
        take = take < len - offered ? take : len - offered;
        list[count++] = pp_bytes(spans[i].data + skip, take);
        offered += take;
        skip = 0;
    }
    int64_t took = pp_stream_write(x->stream, list, count, false);
    if (took < 0) {
        x->broken = true;
        return 0;
    }
    size_t of_pending = (uint64_t)took < pending ? (size_t)took : pending;
    if (of_pending > 0) {
        x->out->sent += (uint32_t)of_pending;
    }
    if (of_pending == pending) {
        pp_out_release(x);
    }
    *full = (uint64_t)took < pending + offered;
    return (size_t)took - of_pending;
}

/* `len` octets of the spans, of known length on the wire. Returns how many it took. */
static size_t emit_plain(struct pp_exchange *x, const struct pp_bytes *spans, size_t n, size_t len)
{
    size_t taken = 0;
    bool full = false;
    if (pp_out_pending(x) + len > PP_OUT_JOIN) {
        while (taken < len && !full && !x->broken) {
            taken += write_through(x, spans, n, taken, len - taken, &full);
        }
    }
    if (taken < len && !x->broken) {
        size_t space = room(x), left = len - taken;
        size_t more = left < space ? left : space;
        copy(x, spans, n, taken, more);
        taken += more;
    }
    return taken;
}

static size_t emit_chunk(struct pp_exchange *x, const struct pp_bytes *spans, size_t n, size_t len)
{
    char frame[CHUNK_FRAME];
    if (room(x) < len + CHUNK_FRAME) {
        pp_exchange_flush(x);
    }
    size_t space = room(x);
    if (space <= CHUNK_FRAME || len == 0) {
        return 0;
    }
    size_t take = len < space - CHUNK_FRAME ? len : space - CHUNK_FRAME;
    snprintf(frame, sizeof frame, "%zx\r\n", take);
    put_text(x, frame);
    copy(x, spans, n, 0, take);
    put_text(x, "\r\n");
    return take;
}

static bool swallows(const struct pp_exchange *x)
{
    return x->phase != PP_ACTIVE || x->dead || x->broken || !x->answered || x->finished;
}

/* Accounts for octets of the answer's body; more may be asked for. */
static void emitted(struct pp_exchange *x, size_t taken)
{
    x->moved += taken;
    if (x->answer_left > 0) {
        x->answer_left -= x->answer_left < (int64_t)taken ? x->answer_left : (int64_t)taken;
    }
    x->want_pull = x->answer_left != 0;
    pp_connection_schedule(x);
}

size_t pp_exchange_emit(struct pp_exchange *x, const struct pp_bytes *spans, size_t n)
{
    size_t total = sum(spans, n);
    if (swallows(x)) {
        return total;
    }
    if (x->bodyless) {
        emitted(x, total);
        return total;
    }
    size_t len = total;
    if (x->answer_left >= 0 && (uint64_t)x->answer_left < len) {
        len = (size_t)x->answer_left;
    }
    size_t taken =
        x->answer_left == -1 ? emit_chunk(x, spans, n, len) : emit_plain(x, spans, n, len);
    emitted(x, taken);
    return x->broken || (x->answer_left == 0 && taken == len) ? total : taken;
}

/* The file's octets through the buffer, where they cannot go straight to the socket. */
static size_t emit_copied(struct pp_exchange *x, int fd, uint64_t offset, size_t len)
{
    uint8_t piece[16384];
    ssize_t n = pread(fd, piece, len < sizeof piece ? len : sizeof piece, (off_t)offset);
    if (n <= 0) {
        x->broken = true;
        return 0;
    }
    struct pp_bytes span = pp_bytes(piece, (size_t)n);
    return x->answer_left == -1 ? emit_chunk(x, &span, 1, span.len)
                                : emit_plain(x, &span, 1, span.len);
}

/* The head may wait a moment in the kernel for the file behind it. */
static size_t emit_straight(struct pp_exchange *x, int fd, uint64_t offset, size_t len)
{
    if (pp_out_pending(x) > 0) {
        struct pp_bytes head = pp_bytes(x->out->data + x->out->sent, pp_out_pending(x));
        int64_t n = pp_stream_write(x->stream, &head, 1, true);
        x->broken = n < 0;
        x->out->sent += n > 0 ? (uint32_t)n : 0;
        if (x->broken || pp_out_pending(x) > 0) {
            return 0;
        }
        pp_out_release(x);
    }
    int64_t n = pp_stream_send_file(x->stream, fd, offset, len);
    x->broken |= n < 0;
    return n > 0 ? (size_t)n : 0;
}

size_t pp_exchange_emit_file(struct pp_exchange *x, int fd, uint64_t offset, size_t len)
{
    if (swallows(x)) {
        return len;
    }
    if (x->bodyless) {
        emitted(x, len);
        return len;
    }
    if (x->answer_left >= 0 && (uint64_t)x->answer_left < len) {
        len = (size_t)x->answer_left;
    }
    bool copied = x->answer_left == -1 || pp_out_pending(x) + len <= PP_OUT_JOIN;
    size_t taken = copied ? emit_copied(x, fd, offset, len) : emit_straight(x, fd, offset, len);
    emitted(x, taken);
    return x->broken ? len : taken;
}

void pp_exchange_finish(struct pp_exchange *x)
{
    if (x->finished || x->dead || x->phase != PP_ACTIVE || !x->answered) {
        return;
    }
    if (!x->bodyless && x->answer_left == -1) {
        put_text(x, "0\r\n\r\n");
    }
    if (!x->bodyless && x->answer_left > 0) {
        x->broken = true; /* fewer octets than were promised: the reader must see that */
    }
    x->finished = true;
    x->want_pull = false;
    pp_connection_schedule(x);
}

void pp_exchange_abort(struct pp_exchange *x)
{
    if (!x->dead) {
        x->broken = true;
        pp_connection_schedule(x);
    }
}

void pp_exchange_refuse(struct pp_exchange *x, int status, const char *why)
{
    char body[512], head[512];
    int len = snprintf(body, sizeof body, "{\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}\n",
                       pp_status_text(status), status, why);
    snprintf(head, sizeof head,
             "HTTP/1.1 %03d %s\r\nDate: %s\r\nContent-Type: application/problem+json\r\n"
             "Content-Length: %d\r\n%sConnection: close\r\n\r\n",
             status, pp_status_text(status), date(x->server), len,
             status == 503 ? "Retry-After: 5\r\n" : "");
    put_text(x, head);
    if (!x->head_method) {
        put_text(x, body);
    }
}

/* ---- what the handler asks about ---- */

void pp_exchange_set(struct pp_exchange *x, void *state)
{
    x->state = state;
}

void *pp_exchange_get(const struct pp_exchange *x)
{
    return x->state;
}

const uint8_t *pp_exchange_source(const struct pp_exchange *x)
{
    return x->address;
}

uint16_t pp_exchange_port(const struct pp_exchange *x)
{
    return x->port;
}

struct pp_bytes pp_exchange_peer_certificate(const struct pp_exchange *x)
{
    return pp_bytes(x->certificate, x->certificate_len);
}

void pp_exchange_resume(struct pp_exchange *x)
{
    if (x->paused && !x->dead) {
        x->paused = false;
        pp_connection_schedule(x);
    }
}

void pp_exchange_refuse_body(struct pp_exchange *x)
{
    x->unwanted = true;
}
