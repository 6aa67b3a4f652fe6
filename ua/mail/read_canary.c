/*
 * Reading, the canary: a notification of the reader's own (canary.h). Which nodes hold it is known
 * for certain, so that nobody's word stands between it and the count. It must not know the count.
 */
#include <mail/read_pass.h>

#include <mail/canary.h>
#include <stdio.h>

void pp_letter_canary(struct pp_letter *letter)
{
    struct pp_read *read = letter->read;
    struct pp_id nodes[PP_K_MAX];
    if (!pp_canary_is_own(read->mail, &letter->n)) {
        snprintf(letter->why, sizeof letter->why, "a canary that is not of our own making");
        pp_letter_set_aside(letter, PP_LETTER_BAD);
        return;
    }
    size_t n = pp_canary_taken(read->mail, letter->hash, nodes);
    pp_seen_sure(read, letter->hash, nodes, n);
    pp_letter_set_aside(letter, PP_LETTER_CANARY);
}
