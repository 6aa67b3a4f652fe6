/*
 * What the acts of the mail agent share: identity, options, notes, clocks of nodes, the partition
 * rule; see mail.h. It must not know any act.
 */
#include <mail/mail.h>

#include <mail/record.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define OFFSETS_MAX 256

struct offset {
    struct pp_id node;
    int64_t seconds;
};

struct pp_mail {
    struct pp_mail_options options;
    struct pp_buf address;
    struct offset offsets[OFFSETS_MAX]; /* a ring: the oldest makes room */
    size_t n_offsets, next_offset;
    struct pp_health health;
    struct pp_ear *ears;
};

void pp_mail_options_default(struct pp_mail_options *o)
{
    *o = (struct pp_mail_options){.tag = "+",
                                  .k = 5,
                                  .timeout = 10 * PP_SECOND,
                                  .max_age = 5 * PP_DAY,
                                  .life = (uint64_t)30 * 86400,
                                  .paths = 3,
                                  .copies_target = 0.999,
                                  .copies_operations = 2};
}

struct pp_mail *pp_mail_create(const struct pp_mail_options *options)
{
    struct pp_mail *mail = calloc(1, sizeof *mail);
    if (!mail) {
        return NULL;
    }
    mail->options = *options;
    if (pp_buf_add(&mail->address, options->address.data, options->address.len) != PP_OK) {
        free(mail);
        return NULL;
    }
    mail->options.address = pp_buf_bytes(&mail->address);
    if (!mail->options.ops_connections) {
        mail->options.ops_connections = 2 * options->k;
    }
    return mail;
}

void pp_mail_destroy(struct pp_mail *mail)
{
    if (mail) {
        pp_buf_free(&mail->address);
        free(mail);
    }
}

const struct pp_mail_options *pp_mail_is(const struct pp_mail *mail)
{
    return &mail->options;
}

struct pp_bytes pp_mail_address(const struct pp_mail *mail, size_t i)
{
    const struct pp_mail_options *o = &mail->options;
    const struct pp_certificate *c = o->n_keys ? o->certificates[0] : NULL;
    if (i == 0) {
        return o->address;
    }
    for (size_t at = 0; c && at < c->n_addresses; at++) {
        struct pp_bytes other = pp_buf_bytes(&c->address[at]);
        if (!pp_bytes_equal(other, o->address) && --i == 0) {
            return other;
        }
    }
    return pp_bytes(NULL, 0);
}

struct pp_health *pp_mail_health(struct pp_mail *mail)
{
    return &mail->health;
}

struct pp_now pp_mail_now(const struct pp_mail *mail)
{
    return mail->options.net.ops->now(mail->options.net.impl);
}

int64_t pp_mail_seconds(const struct pp_mail *mail)
{
    return (int64_t)(pp_mail_now(mail).wall / PP_SECOND);
}

void pp_mail_random(struct pp_mail *mail, void *out, size_t len)
{
    mail->options.net.ops->random(mail->options.net.impl, out, len);
}

void pp_mail_crash(struct pp_mail *mail, const char *point)
{
    if (mail->options.net.ops->crash) {
        mail->options.net.ops->crash(mail->options.net.impl, point);
    }
}

void pp_mail_log(struct pp_mail *mail, int level, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    mail->options.net.ops->log(mail->options.net.impl, level, text);
}

void pp_mail_note(struct pp_mail *mail, struct pp_bytes key, struct pp_bytes value)
{
    mail->options.net.ops->note(mail->options.net.impl, NULL, key, value, 0);
}

void pp_mail_forget(struct pp_mail *mail, struct pp_buf *keys)
{
    struct pp_reader r = pp_reader(pp_buf_bytes(keys));
    while (pp_reader_left(&r)) {
        pp_mail_note(mail, pp_reads(&r), pp_bytes(NULL, 0));
    }
    pp_buf_free(keys);
}

int pp_mail_recall(struct pp_mail *mail, struct pp_bytes key, struct pp_buf *value)
{
    struct pp_bytes lent;
    int rc = mail->options.net.ops->recall(mail->options.net.impl, key, &lent);
    return rc == PP_OK ? pp_buf_add(value, lent.data, lent.len) : rc;
}

void pp_mail_circuit(struct pp_mail *mail, char out[20])
{
    uint8_t random[8];
    out[0] = '\0';
    if (mail->options.anonymous) {
        pp_mail_random(mail, random, sizeof random);
        pp_hex(out, random, sizeof random);
    }
}

/* -ln(u) of a uniform u: the leading zeros of its bits, and a series for the rest. Plain
 * arithmetic, so that a seed gives the same waits everywhere. */
pp_ns pp_mail_delay(struct pp_mail *mail)
{
    uint8_t octets[8];
    unsigned zeros = 1;
    pp_mail_random(mail, octets, sizeof octets);
    uint64_t bits = pp_get64(octets) | 1;
    for (; !(bits >> 63); bits <<= 1) {
        zeros++;
    }
    double m = (double)bits / 9223372036854775808.0; /* 1 <= m < 2 */
    double y = (m - 1) / (m + 1), power = y, ln = 0;
    for (int i = 1; i < 20; i += 2, power *= y * y) {
        ln += 2 * power / i;
    }
    double wait = zeros * 0.6931471805599453 - ln;
    return (pp_ns)(wait * (double)mail->options.delay);
}

bool pp_mail_may_sign(const struct pp_mail *mail)
{
    return mail->options.n_keys && !mail->options.anonymous;
}

struct pp_ear **pp_mail_ears(struct pp_mail *mail)
{
    return &mail->ears;
}

int64_t pp_mail_offset(const struct pp_mail *mail, const struct pp_id *node)
{
    for (size_t i = 0; i < mail->n_offsets; i++) {
        if (pp_id_equal(&mail->offsets[i].node, node)) {
            return mail->offsets[i].seconds;
        }
    }
    return 0;
}

static struct offset *offset_slot(struct pp_mail *mail, const struct pp_id *node)
{
    for (size_t i = 0; i < mail->n_offsets; i++) {
        if (pp_id_equal(&mail->offsets[i].node, node)) {
            return &mail->offsets[i];
        }
    }
    if (mail->n_offsets < OFFSETS_MAX) {
        return &mail->offsets[mail->n_offsets++];
    }
    struct offset *o = &mail->offsets[mail->next_offset];
    mail->next_offset = (mail->next_offset + 1) % OFFSETS_MAX;
    return o;
}

bool pp_mail_learn_offset(struct pp_mail *mail, const struct pp_id *node, struct pp_bytes date)
{
    char text[40];
    struct tm tm = {0};
    if (date.len >= sizeof text) {
        return false;
    }
    memcpy(text, date.data, date.len);
    text[date.len] = '\0';
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (!end || *end) {
        return false;
    }
    int64_t offset = (int64_t)timegm(&tm) - pp_mail_seconds(mail);
    if (offset > 86400 || offset < -86400) {
        pp_mail_log(mail, 1,
                    "a node's clock and ours differ by more than a day (%lld s): "
                    "please set this computer's clock",
                    (long long)offset);
        return false;
    }
    *offset_slot(mail, node) = (struct offset){*node, offset};
    return true;
}

void pp_peer_text(char out[96], const struct pp_peer *peer)
{
    char id[2 * PP_ID_LEN + 1], address[46];
    pp_hex(id, peer->id.b, PP_ID_LEN);
    pp_address_text(address, peer->address);
    snprintf(out, 96, "%.8s (%s:%u)", id, address, (unsigned)peer->http);
}

unsigned pp_min_copies(unsigned found)
{
    return found / 2 + 1;
}

/* The note "kseen": pairs of day (4) and most peers seen on it (4), of the last 7 days. */
bool pp_mail_saw(struct pp_mail *mail, unsigned found)
{
    uint32_t today = (uint32_t)(pp_mail_now(mail).wall / PP_DAY), most = 0, most_today = 0;
    struct pp_buf old = {0}, new = {0};
    pp_mail_recall(mail, pp_str("kseen"), &old);
    struct pp_reader r = pp_reader(pp_buf_bytes(&old));
    while (pp_reader_left(&r) >= 8) {
        uint32_t day = pp_read32(&r), seen = pp_read32(&r);
        if (day + 7 < today || day > today) {
            continue;
        }
        most = seen > most ? seen : most;
        if (day == today) {
            most_today = seen;
        } else {
            pp_record_u32(&new, day);
            pp_record_u32(&new, seen);
        }
    }
    if (found > most_today) {
        pp_record_u32(&new, today);
        pp_record_u32(&new, found);
        pp_mail_note(mail, pp_str("kseen"), pp_buf_bytes(&new));
    }
    pp_buf_free(&old);
    pp_buf_free(&new);
    return found * 2 >= most;
}
