/*
 * Any octets as a record of a device's log and as an entry of the directory: no fault, and what is
 * taken is written again and then read as the same.
 */
#include <mail/device_record.h>

#include <stdlib.h>

static void check_state(const struct pp_record_head *head, const struct pp_device_state *state)
{
    struct pp_record_head all = *head, again;
    struct pp_device_state back = {0};
    struct pp_buf octets = {0};
    all.snapshot = true;
    if (pp_record_write(&octets, &all, state) == PP_OK) {
        if (pp_record_read(&again, &back, pp_buf_bytes(&octets)) != PP_OK ||
            HASH_COUNT(back.items) != HASH_COUNT(state->items)) {
            abort();
        }
        for (const struct pp_item *i = state->items; i; i = i->hh.next) {
            struct pp_item *item = pp_item_find(&back, i->name);
            if (!item || pp_item_join(item, i) || pp_item_lives(item) != pp_item_lives(i)) {
                abort();
            }
        }
    }
    pp_device_state_finish(&back);
    pp_buf_free(&octets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pp_record_head head;
    struct pp_directory_entry e;
    struct pp_device_state state = {0};
    struct pp_item item = {.name = "x"};
    if (pp_record_read(&head, &state, pp_bytes(data, size)) == PP_OK) {
        check_state(&head, &state);
        pp_device_state_finish(&state);
    }
    pp_directory_read(&e, pp_bytes(data, size));
    pp_item_read(&item, pp_bytes(data, size));
    return 0;
}
