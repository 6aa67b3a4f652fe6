/* SASL responses; see sasl.h. It must not know whether they are right. */
#include <serve/sasl.h>

#include <base/encode.h>
#include <peerpost/error.h>

int sasl_text(struct pp_buf *octets, struct pp_bytes text)
{
    octets->len = 0;
    return pp_bytes_is(text, "=") ? PP_OK : pp_unbase64(octets, text);
}

int sasl_plain(struct pp_buf *octets, struct pp_bytes text, struct pp_bytes *user,
               struct pp_bytes *password)
{
    int rc = sasl_text(octets, text);
    struct pp_bytes in = pp_buf_bytes(octets);
    const uint8_t *first = rc == PP_OK && in.len ? memchr(in.data, 0, in.len) : NULL;
    if (!first) {
        return PP_MALFORMED;
    }
    struct pp_bytes identity = pp_bytes(in.data, (size_t)(first - in.data));
    in = pp_bytes(first + 1, in.len - identity.len - 1);
    const uint8_t *second = in.len ? memchr(in.data, 0, in.len) : NULL;
    if (!second) {
        return PP_MALFORMED;
    }
    *user = pp_bytes(in.data, (size_t)(second - in.data));
    *password = pp_bytes(second + 1, in.len - user->len - 1);
    bool clean = password->len == 0 || !memchr(password->data, 0, password->len);
    bool same = identity.len == 0 || pp_bytes_equal(identity, *user);
    return clean && same ? PP_OK : PP_MALFORMED;
}
