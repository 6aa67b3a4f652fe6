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

static bool parse_peer(struct pp_peer *peer, const char *id, const char *address, unsigned udp,
                       unsigned http)
{
    memset(peer, 0, sizeof *peer);
    peer->udp = (uint16_t)udp;
    peer->http = (uint16_t)http;
    return pp_unhex(peer->id.b, PP_ID_LEN, pp_str(id)) == PP_OK &&
           pp_address_parse(peer->address, address) == PP_OK && udp <= 65535 && http <= 65535;
}

static bool take_line(struct pp_peer_cache *cache, const char *line)
{
    char word[8], id[41], address[47], role[8] = "";
    unsigned udp, http;
    struct pp_peer peer;
    if (strcmp(line, FIRST_LINE) == 0 || line[0] == '\0') {
        return true;
    }
    int n = sscanf(line, "%7s %40s %46s %u %u %7s", word, id, address, &udp, &http, role);
    if (n < 5 || !parse_peer(&peer, id, address, udp, http)) {
        return false;
    }
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
