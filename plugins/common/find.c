/* FIND and PING on the wire; see find.h. */
#include <common/find.h>

void pp_write_find(struct pp_writer *w, const struct pp_find *find)
{
    pp_write(w, find->key.b, PP_ID_LEN);
    pp_write8(w, find->k);
    pp_write8(w, find->from);
}

int pp_read_find(struct pp_reader *r, struct pp_find *find)
{
    pp_read_id(r, &find->key);
    find->k = pp_read8(r);
    find->from = pp_read8(r);
    bool good = pp_read_done(r) && find->k >= 1 && find->k <= PP_K_MAX;
    return good ? PP_OK : PP_MALFORMED;
}

int pp_read_list(struct pp_reader *r, uint8_t *octet, struct pp_page *page, size_t extra_len)
{
    *octet = pp_read8(r);
    pp_read_page(r, page, extra_len);
    return pp_read_done(r) ? PP_OK : PP_MALFORMED;
}

int pp_read_find_reply(struct pp_reader *r, struct pp_find_reply *reply, size_t extra_len)
{
    uint8_t complete;
    int code = pp_read_list(r, &complete, &reply->page, extra_len);
    reply->complete = complete & 1;
    return code;
}

void pp_write_ping(struct pp_writer *w, const struct pp_id *key)
{
    pp_write8(w, key != NULL);
    if (key) {
        pp_write(w, key->b, PP_ID_LEN);
    }
}

int pp_read_ping(struct pp_reader *r, struct pp_ping *ping)
{
    ping->has_key = pp_read8(r) & 1;
    if (ping->has_key) {
        pp_read_id(r, &ping->key);
    }
    return pp_read_done(r) ? PP_OK : PP_MALFORMED;
}

int pp_read_ping_reply(struct pp_reader *r, struct pp_page *page, size_t extra_len)
{
    pp_read_page(r, page, extra_len);
    return pp_read_done(r) ? PP_OK : PP_MALFORMED;
}

bool pp_page_before(const struct pp_page *page, const struct pp_id *from, const struct pp_id *id)
{
    struct pp_id own = pp_id_sub(id, from);
    for (size_t i = 0; i < page->n; i++) {
        struct pp_id d = pp_id_sub(&page->peers[i].id, from);
        if (pp_id_compare(&d, &own) < 0) {
            return true;
        }
    }
    return false;
}
