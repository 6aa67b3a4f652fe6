/* Any octets as an address: none, or one whose normal form is its own normal form. */
#include <base/address.h>
#include <peerpost/error.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pp_buf once = {0}, twice = {0};
    if (pp_address_normal(&once, pp_bytes(data, size)) == PP_OK) {
        if (once.len > PP_ADDRESS_MAX || pp_address_normal(&twice, pp_buf_bytes(&once)) != PP_OK ||
            !pp_bytes_equal(pp_buf_bytes(&once), pp_buf_bytes(&twice)) ||
            !pp_address_is_normal(pp_buf_bytes(&once))) {
            abort();
        }
    }
    pp_buf_free(&once);
    pp_buf_free(&twice);
    return 0;
}
