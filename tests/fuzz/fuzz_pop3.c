/*
 * Any octets as a POP3 session. Never a fault; the same replies however they are cut; nothing is
 * removed for one who did not log in.
 */
#include "pop3_fake.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {SIZE_MAX, 1, 7}, pieces[] = {SIZE_MAX, 1, 3};
    struct pop3_fake runs[3];
    if (size > 32768) {
        return 0;
    }
    for (size_t i = 0; i < 3; i++) {
        pop3_fake_open(&runs[i], pieces[i]);
        pop3_fake_feed(&runs[i], pp_bytes(data, size), steps[i]);
        if (!pp_bytes_equal(pp_buf_bytes(&runs[i].out), pp_buf_bytes(&runs[0].out)) ||
            !pp_bytes_equal(pp_buf_bytes(&runs[i].removed), pp_buf_bytes(&runs[0].removed))) {
            abort();
        }
    }
    for (size_t i = 0; i < 3; i++) {
        pop3_fake_close(&runs[i]);
    }
    return 0;
}
