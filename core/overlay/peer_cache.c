/* The saved peers; see peer_cache.h. */
#include <overlay/peer_cache.h>

#include <base/crash.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_LINE "peerpost peers 1"
#define FILE_MAX (64 * 1024)

static bool parse_port(uint16_t *port, const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    *port = (uint16_t)n;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && n <= 65535;
}

/* Splits at blanks in place; the number of words, at most `max`. */
static size_t split(char *line, char *words[], size_t max)
{
    char *rest = NULL;
    size_t n = 0;
    for (char *w = strtok_r(line, " ", &rest); w && n < max; w = strtok_r(NULL, " ", &rest)) {
        words[n++] = w;
    }
    return n;
}

/* word, id, address, UDP port, HTTP port, and for "self" the role. */
static bool take_line(struct pp_peer_cache *cache, char *line)
{
    char *words[7];
    struct pp_peer peer = {0};
    if (strcmp(line, FIRST_LINE) == 0 || line[0] == '\0') {
        return true;
    }
    size_t n = split(line, words, 7);
    if (n < 5 || n > 6 || pp_unhex(peer.id.b, PP_ID_LEN, pp_str(words[1])) != PP_OK ||
        pp_address_parse(peer.address, words[2]) != PP_OK || !parse_port(&peer.udp, words[3]) ||
        !parse_port(&peer.http, words[4])) {
        return false;
    }
    const char *word = words[0], *role = n == 6 ? words[5] : "";
    if (strcmp(word, "self") == 0) {
        cache->self = peer;
        cache->member = strcmp(role, "member") == 0;
        return true;
    }
    if (strcmp(word, "peer") != 0 || peer.udp == 0 || pp_id_is_zero(&peer.id)) {
        return false;
    }
    pp_peer_cache_add(cache, &peer, 0);
    return true;
}

int pp_peer_cache_load(struct pp_peer_cache *cache, const char *path, size_t *bad,
                       struct pp_error *error)
{
    char line[160];
    *bad = 0;
    FILE *f = fopen(path, "re");
    if (!f && errno == ENOENT) {
        return PP_OK;
    }
    if (!f) {
        return pp_fail(error, PP_IO,
                       "cannot read the saved peers in %s: %s; correct its permissions, or remove "
                       "it and configure a contact",
                       path, strerror(errno));
    }
    while (fgets(line, sizeof line, f) && ftell(f) < FILE_MAX) {
        line[strcspn(line, "\n")] = '\0';
        *bad += !take_line(cache, line);
    }
    fclose(f);
    cache->changed = false;
    return PP_OK;
}

static void add_peer(struct pp_buf *out, const char *word, const struct pp_peer *peer)
{
    char id[2 * PP_ID_LEN + 1], address[46];
    pp_hex(id, peer->id.b, PP_ID_LEN);
    pp_address_text(address, peer->address);
    pp_buf_printf(out, "%s %s %s %u %u", word, id, address, peer->udp, peer->http);
}

int pp_peer_cache_text(struct pp_peer_cache *cache, struct pp_buf *out)
{
    pp_buf_add_str(out, FIRST_LINE "\n");
    add_peer(out, "self", &cache->self);
    pp_buf_add_str(out, cache->member ? " member\n" : " client\n");
    for (size_t i = 0; i < cache->n; i++) {
        add_peer(out, "peer", &cache->entries[i].peer);
        pp_buf_add_str(out, "\n");
    }
    cache->changed = false;
    return out->failed ? PP_NOMEM : PP_OK;
}

static int write_all(int fd, struct pp_bytes text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.data, text.len);
        if (n < 0 && errno != EINTR) {
            return PP_IO;
        }
        size_t written = n > 0 ? (size_t)n : 0;
        text = pp_bytes(text.data + written, text.len - written);
    }
    return fdatasync(fd) == 0 ? PP_OK : PP_IO;
}

int pp_peer_cache_write(const char *path, struct pp_bytes text)
{
    char aside[4096];
    int n = snprintf(aside, sizeof aside, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof aside) {
        return PP_IO;
    }
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return PP_IO;
    }
    int code = write_all(fd, text);
    close(fd);
    pp_crash("peers-written");
    if (code != PP_OK || rename(aside, path) != 0) {
        unlink(aside);
        return PP_IO;
    }
    return PP_OK;
}

struct pp_cached *pp_peer_cache_find(struct pp_peer_cache *cache, const struct pp_id *id)
{
    for (size_t i = 0; i < cache->n; i++) {
        if (pp_id_equal(&cache->entries[i].peer.id, id)) {
            return &cache->entries[i];
        }
    }
    return NULL;
}

/* Another id lived at this endpoint: whoever answers there now is the one. */
static void drop_endpoint(struct pp_peer_cache *cache, const struct pp_peer *peer)
{
    for (size_t i = 0; i < cache->n; i++) {
        const struct pp_peer *other = &cache->entries[i].peer;
        if (pp_peer_same_endpoint(other, peer) && !pp_id_equal(&other->id, &peer->id)) {
            cache->entries[i] = cache->entries[--cache->n];
            return;
        }
    }
}

struct pp_cached *pp_peer_cache_add(struct pp_peer_cache *cache, const struct pp_peer *peer,
                                    uint32_t pick)
{
    struct pp_cached *c = pp_peer_cache_find(cache, &peer->id);
    if (c && memcmp(&c->peer, peer, sizeof *peer) == 0) {
        return c;
    }
    drop_endpoint(cache, peer);
    c = pp_peer_cache_find(cache, &peer->id);
    if (!c && cache->n < PP_CACHE_MAX) {
        c = &cache->entries[cache->n++];
        memset(c, 0, sizeof *c);
    } else if (!c && pick / PP_CACHE_MAX % 8 == 0) {
        c = &cache->entries[pick % PP_CACHE_MAX];
        memset(c, 0, sizeof *c);
    }
    if (c) {
        c->peer = *peer;
        cache->changed = true;
    }
    return c;
}
