/* See client_tickets.h. Sessions are kept as DER: OpenSSL spoils the object of a connection that
 * was not shut down in order, not its octets. */
#include <http/client_tickets.h>

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#define HASH_NONFATAL_OOM 1 /* then hh.tbl is NULL */
#include <uthash.h>

#define TICKETS_MAX 512
#define DER_MAX 8192
#define FILE_MAX ((size_t)4 * 1024 * 1024)
static const char magic[8] = "PPTICK1\n";

struct ticket {
    struct pp_id id;
    uint64_t expires; /* seconds since 1970 */
    uint32_t len;
    UT_hash_handle hh;
    uint8_t der[];
};

struct pp_tickets {
    char *file;
    struct ticket *all; /* oldest first */
    bool changed;
};

static void drop(struct pp_tickets *t, struct ticket *ticket)
{
    HASH_DEL(t->all, ticket);
    OPENSSL_cleanse(ticket->der, ticket->len);
    free(ticket);
}

static struct ticket *find(struct pp_tickets *t, const struct pp_id *id)
{
    struct ticket *ticket = NULL;
    HASH_FIND(hh, t->all, id, sizeof *id, ticket);
    return ticket;
}

static struct ticket *add(struct pp_tickets *t, const struct pp_id *id, uint64_t expires,
                          uint32_t len)
{
    struct ticket *old = find(t, id);
    if (old) {
        drop(t, old);
    } else if (HASH_COUNT(t->all) >= TICKETS_MAX) {
        drop(t, t->all);
    }
    struct ticket *ticket = calloc(1, sizeof *ticket + len);
    if (ticket) {
        ticket->id = *id;
        ticket->expires = expires;
        ticket->len = len;
        HASH_ADD(hh, t->all, id, sizeof ticket->id, ticket);
    }
    if (ticket && !ticket->hh.tbl) {
        free(ticket);
        return NULL;
    }
    return ticket;
}

/* ---- the file: magic, then id 20, expiry 8, length 4, DER ---- */

static void parse(struct pp_tickets *t, struct pp_bytes in, uint64_t now)
{
    struct pp_reader r = pp_reader(in);
    const uint8_t *head = pp_read(&r, sizeof magic);
    if (!head || memcmp(head, magic, sizeof magic) != 0) {
        return;
    }
    while (pp_reader_left(&r) > 0) {
        struct pp_id id;
        const uint8_t *octets = pp_read(&r, PP_ID_LEN);
        uint64_t expires = pp_read64(&r);
        uint32_t len = pp_read32(&r);
        const uint8_t *der = len <= DER_MAX ? pp_read(&r, len) : NULL;
        if (r.failed || !der) {
            return;
        }
        memcpy(id.b, octets, PP_ID_LEN);
        struct ticket *ticket = expires > now ? add(t, &id, expires, len) : NULL;
        if (ticket) {
            memcpy(ticket->der, der, len);
        }
    }
}

static void load(struct pp_tickets *t, uint64_t now)
{
    struct pp_buf b = {0};
    struct stat st;
    int fd = open(t->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) == 0 && st.st_size > 0 &&
        (uint64_t)st.st_size <= FILE_MAX && !pp_buf_reserve(&b, (size_t)st.st_size)) {
        ssize_t n = read(fd, b.data, (size_t)st.st_size);
        if (n > 0) {
            b.len = (size_t)n;
            parse(t, pp_buf_bytes(&b), now);
        }
    }
    close(fd);
    pp_buf_wipe(&b);
}

static void write_out(const struct pp_tickets *t, uint64_t now, struct pp_buf *b)
{
    pp_buf_add(b, magic, sizeof magic);
    for (const struct ticket *ticket = t->all; ticket; ticket = ticket->hh.next) {
        uint8_t numbers[12];
        if (ticket->expires > now) {
            pp_put64(numbers, ticket->expires);
            pp_put32(numbers + 8, ticket->len);
            pp_buf_add(b, ticket->id.b, PP_ID_LEN);
            pp_buf_add(b, numbers, sizeof numbers);
            pp_buf_add(b, ticket->der, ticket->len);
        }
    }
}

/* Not synced: losing it costs handshakes, and a torn one is not read. */
static void save(const struct pp_tickets *t, uint64_t now)
{
    struct pp_buf b = {0}, aside = {0};
    write_out(t, now, &b);
    pp_buf_printf(&aside, "%s.%ld", t->file, (long)getpid());
    int fd = b.failed || aside.failed
                 ? -1
                 : open((const char *)aside.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        bool whole = write(fd, b.data, b.len) == (ssize_t)b.len;
        close(fd);
        if (!whole || rename((const char *)aside.data, t->file) != 0) {
            unlink((const char *)aside.data);
        }
    }
    pp_buf_wipe(&b);
    pp_buf_free(&aside);
}

/* ---- the table ---- */

struct pp_tickets *pp_tickets_open(const char *file, pp_ns wall)
{
    struct pp_tickets *t = calloc(1, sizeof *t);
    if (!t) {
        return NULL;
    }
    t->file = file ? strdup(file) : NULL;
    if (t->file) {
        load(t, wall / PP_SECOND);
    }
    return t;
}

void pp_tickets_close(struct pp_tickets *t, pp_ns wall)
{
    if (!t) {
        return;
    }
    if (t->file && t->changed) {
        save(t, wall / PP_SECOND);
    }
    while (t->all) {
        drop(t, t->all);
    }
    free(t->file);
    free(t);
}

void pp_tickets_put(struct pp_tickets *t, const struct pp_id *id, SSL_SESSION *session)
{
    int len = i2d_SSL_SESSION(session, NULL);
    if (len <= 0 || len > DER_MAX || pp_id_is_zero(id) || !SSL_SESSION_is_resumable(session)) {
        return;
    }
    long life = SSL_SESSION_get_timeout(session);
    uint64_t begun = (uint64_t)SSL_SESSION_get_time(session);
    struct ticket *ticket = add(t, id, begun + (uint64_t)(life > 0 ? life : 0), (uint32_t)len);
    if (ticket) {
        uint8_t *at = ticket->der;
        i2d_SSL_SESSION(session, &at);
        t->changed = true;
    }
}

SSL_SESSION *pp_tickets_take(struct pp_tickets *t, const struct pp_id *id, pp_ns wall)
{
    struct ticket *ticket = find(t, id);
    if (!ticket) {
        return NULL;
    }
    const unsigned char *at = ticket->der;
    SSL_SESSION *session =
        ticket->expires > wall / PP_SECOND ? d2i_SSL_SESSION(NULL, &at, (long)ticket->len) : NULL;
    drop(t, ticket);
    t->changed = true;
    return session;
}
