/* Searching for stamps; see work.h. It must not know who wants one. */
#include <mail/work.h>

#include <base/hash.h>
#include <stdio.h>

int pp_work_stamp(char out[64], struct pp_bytes address, struct pp_bytes notification,
                  unsigned bits, uint64_t start)
{
    struct pp_buf text = {0};
    uint8_t digest[32];
    char salt[17];
    if (bits > PP_WORK_MOST) {
        return PP_INVALID;
    }
    pp_sha256(digest, notification);
    pp_buf_add_str(&text, "0123456789abcdef"); /* the salt's place */
    pp_buf_add(&text, address.data, address.len);
    pp_buf_add(&text, digest, sizeof digest);
    if (text.failed) {
        pp_buf_free(&text);
        return PP_NOMEM;
    }
    for (uint64_t try = start;; try++) {
        snprintf(salt, sizeof salt, "%016llx", (unsigned long long)try);
        memcpy(text.data, salt, 16);
        pp_sha256(digest, pp_buf_bytes(&text));
        if (pp_leading_zeros(digest) >= bits) {
            break;
        }
    }
    snprintf(out, 64, "d=%u;s=%s", bits, salt);
    pp_buf_free(&text);
    return PP_OK;
}

unsigned pp_work_wanted(struct pp_bytes field)
{
    unsigned bits = 0;
    if (field.len < 3 || field.len > 4 || memcmp(field.data, "d=", 2) != 0) {
        return 0;
    }
    for (size_t i = 2; i < field.len; i++) {
        if (field.data[i] < '0' || field.data[i] > '9') {
            return 0;
        }
        bits = 10 * bits + (unsigned)(field.data[i] - '0');
    }
    return bits;
}
