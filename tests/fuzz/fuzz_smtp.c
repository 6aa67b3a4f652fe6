/*
 * Any octets as an SMTP session. Never a fault; the same replies and messages however they are cut;
 * nothing is taken from one who did not log in.
 */
#include "smtp_fake.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {SIZE_MAX, 1, 7};
    struct smtp_fake runs[3];
    if (size > 32768) {
        return 0;
    }
    for (size_t i = 0; i < 3; i++) {
        smtp_fake_open(&runs[i], 500);
        smtp_fake_feed(&runs[i], pp_bytes(data, size), steps[i]);
        if (!pp_bytes_equal(pp_buf_bytes(&runs[i].out), pp_buf_bytes(&runs[0].out)) ||
            !pp_bytes_equal(pp_buf_bytes(&runs[i].taken), pp_buf_bytes(&runs[0].taken)) ||
            (runs[i].taken.len && !runs[i].smtp.known)) {
            abort();
        }
    }
    for (size_t i = 0; i < 3; i++) {
        smtp_fake_close(&runs[i]);
    }
    return 0;
}
