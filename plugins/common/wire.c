/* Writer, header, peers and pages; see wire.h. */
#include <common/wire.h>

#define PEER_V6 0x01u

void pp_writer_begin(struct pp_writer *w, uint8_t kind, uint8_t flags, uint64_t id)
{
    w->len = 0;
    w->failed = false;
    pp_write8(w, kind);
    pp_write8(w, flags);
    pp_write64(w, id);
}

void pp_write(struct pp_writer *w, const void *data, size_t len)
{
    if (w->failed || len > sizeof w->data - w->len) {
        w->failed = true;
        return;
    }
    memcpy(w->data + w->len, data, len);
    w->len += len;
}

void pp_write8(struct pp_writer *w, uint8_t v)
{
    pp_write(w, &v, 1);
}

void pp_write16(struct pp_writer *w, uint16_t v)
{
    uint8_t b[2];
    pp_put16(b, v);
    pp_write(w, b, sizeof b);
}

void pp_write32(struct pp_writer *w, uint32_t v)
{
    uint8_t b[4];
    pp_put32(b, v);
    pp_write(w, b, sizeof b);
}

void pp_write64(struct pp_writer *w, uint64_t v)
{
    uint8_t b[8];
    pp_put64(b, v);
    pp_write(w, b, sizeof b);
}

static size_t peer_size(const struct pp_peer *peer)
{
    return 1 + PP_ID_LEN + (pp_address_is_v4(peer->address) ? 4u : 16u) + 4;
}

void pp_write_peer(struct pp_writer *w, const struct pp_peer *peer)
{
    bool v4 = pp_address_is_v4(peer->address);
    pp_write8(w, (uint8_t)(v4 ? 0 : PEER_V6));
    pp_write(w, peer->id.b, PP_ID_LEN);
    pp_write(w, peer->address + (v4 ? 12 : 0), v4 ? 4 : 16);
    pp_write16(w, peer->udp);
    pp_write16(w, peer->http);
}

size_t pp_write_page(struct pp_writer *w, const struct pp_peer *peers, size_t n, size_t from,
                     const uint8_t *extra, size_t extra_len)
{
    size_t start = w->len, count = 0;
    pp_write8(w, (uint8_t)from);
    pp_write8(w, 0);
    pp_write8(w, 0);
    for (size_t i = from; i < n && count < PP_PAGE_MAX && !w->failed; i++, count++) {
        if (peer_size(&peers[i]) + extra_len > sizeof w->data - w->len) {
            break;
        }
        pp_write_peer(w, &peers[i]);
        if (extra_len) {
            pp_write(w, extra + i * extra_len, extra_len);
        }
    }
    if (!w->failed) {
        w->data[start + 1] = from + count < n;
        w->data[start + 2] = (uint8_t)count;
    }
    return count;
}

int pp_read_header(struct pp_reader *r, struct pp_header *header)
{
    header->kind = pp_read8(r);
    header->flags = pp_read8(r);
    header->id = pp_read64(r);
    return r->failed ? PP_MALFORMED : PP_OK;
}

void pp_read_id(struct pp_reader *r, struct pp_id *id)
{
    const uint8_t *p = pp_read(r, PP_ID_LEN);
    if (p) {
        memcpy(id->b, p, PP_ID_LEN);
    } else {
        *id = (struct pp_id){{0}};
    }
}

void pp_read_peer(struct pp_reader *r, struct pp_peer *peer)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint8_t flags = pp_read8(r);
    pp_read_id(r, &peer->id);
    memcpy(peer->address, mapped, sizeof mapped);
    size_t offset = flags & PEER_V6 ? 0 : 12;
    const uint8_t *address = pp_read(r, 16 - offset);
    if (address) {
        memcpy(peer->address + offset, address, 16 - offset);
    }
    peer->udp = pp_read16(r);
    peer->http = pp_read16(r);
    if (flags & ~PEER_V6 || pp_id_is_zero(&peer->id) || peer->udp == 0) {
        r->failed = true;
    }
}

void pp_read_page(struct pp_reader *r, struct pp_page *page, size_t extra_len)
{
    page->from = pp_read8(r);
    page->more = pp_read8(r) != 0;
    page->n = pp_read8(r);
    if (page->n > PP_PAGE_MAX || extra_len > PP_EXTRA_MAX) {
        r->failed = true;
    }
    for (size_t i = 0; !r->failed && i < page->n; i++) {
        pp_read_peer(r, &page->peers[i]);
        memset(page->extra[i], 0, PP_EXTRA_MAX);
        const uint8_t *extra = extra_len ? pp_read(r, extra_len) : NULL;
        if (extra) {
            memcpy(page->extra[i], extra, extra_len);
        }
    }
    if (r->failed) {
        page->n = 0;
        page->more = false;
    }
}

bool pp_page_has(const struct pp_page *page, const struct pp_id *id)
{
    for (size_t i = 0; i < page->n; i++) {
        if (pp_id_equal(&page->peers[i].id, id)) {
            return true;
        }
    }
    return false;
}

bool pp_read_done(const struct pp_reader *r)
{
    return !r->failed && r->at == r->end;
}
