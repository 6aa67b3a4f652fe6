/*
 * Reading, where a message goes (Kangasharju et al. 2003, section 3.4): what the scanners say, then
 * the rules on senders. A stranger whose mail is kept aside is asked to confirm; who answers is
 * known, and what he wrote before is released. It must not know scanners.
 */
#include <mail/read_pass.h>

#include <mail/senders.h>
#include <stdio.h>

static const struct pp_mailnet *net_of(const struct pp_letter *letter)
{
    return &pp_mail_is(letter->read->mail)->net;
}

static void junk(struct pp_letter *letter, const char *reason)
{
    snprintf(letter->why, sizeof letter->why, "%s", reason);
    pp_letter_deliver(letter, PP_PLACE_JUNK, PP_LETTER_JUNK);
}

static void aside(struct pp_letter *letter, enum pp_aside kind, const char *reason)
{
    snprintf(letter->why, sizeof letter->why, "%s", reason);
    pp_aside_note(letter->read->mail, letter->file, kind, letter->return_path, reason);
    pp_letter_deliver(letter, PP_PLACE_QUARANTINE, PP_LETTER_QUARANTINE);
}

/* The question goes into the spool like any mail; the queue sends it. A kill before it is there
 * loses a question, never a message: the sender is asked again in a week. */
static void ask(struct pp_letter *letter)
{
    struct pp_mail *mail = letter->read->mail;
    const struct pp_mailnet *net = net_of(letter);
    struct pp_buf question = {0};
    char token[40];
    if (!pp_sender_ask(mail, letter->return_path, pp_buf_bytes(&letter->head), token)) {
        return;
    }
    struct pp_blob *blob = net->ops->blob_new(net->impl);
    if (blob &&
        pp_sender_question(mail, letter->return_path, pp_buf_bytes(&letter->head), token,
                           &question) == PP_OK &&
        net->ops->blob_write(net->impl, blob, pp_buf_bytes(&question)) == PP_OK) {
        net->ops->blob_keep(net->impl, NULL, blob, PP_PLACE_SPOOL, token, 0);
    }
    if (blob) {
        net->ops->blob_free(net->impl, blob);
    }
    pp_buf_free(&question);
}

static void by_sender(struct pp_letter *letter)
{
    struct pp_mail *mail = letter->read->mail;
    const char *sender = letter->return_path;
    if (pp_mail_is(mail)->signed_only &&
        pp_sender_answers(mail, sender, pp_buf_bytes(&letter->head))) {
        pp_letter_deliver(letter, PP_PLACE_NEW, PP_LETTER_DELIVERED);
        return;
    }
    switch (pp_sender_standing(mail, sender, letter->vouched)) {
    case PP_SENDER_BLOCKED:
        junk(letter, "its sender is on the list of known spammers");
        break;
    case PP_SENDER_STRANGER:
        ask(letter);
        aside(letter, PP_ASIDE_STRANGER,
              letter->vouched ? "its sender is not known yet" : "it is not signed by its sender");
        break;
    case PP_SENDER_FREE:
        pp_letter_deliver(letter, PP_PLACE_NEW, PP_LETTER_DELIVERED);
        break;
    }
}

void pp_letter_judged(struct pp_letter *letter, enum pp_judgement judgement, const char *text)
{
    switch (judgement) {
    case PP_JUDGED_QUARANTINE:
        aside(letter, PP_ASIDE_VIRUS, text);
        break;
    case PP_JUDGED_HOLD:
        snprintf(letter->why, sizeof letter->why, "%s", text);
        pp_letter_hold(letter);
        break;
    case PP_JUDGED_JUNK:
        if (!pp_sender_is_known(letter->read->mail, letter->return_path) || !letter->vouched) {
            junk(letter, text);
            break;
        }
        by_sender(letter); /* signed by someone she knows: no filter's guess outweighs that */
        break;
    case PP_JUDGED_CLEAN:
        by_sender(letter);
        break;
    }
}

/* Put aside by a run that died before it was marked? Then there it stays. */
static bool is_aside(struct pp_letter *letter)
{
    const struct pp_mailnet *net = net_of(letter);
    struct pp_set_aside s = {0};
    struct pp_blob *blob = net->ops->blob_open(net->impl, PP_PLACE_JUNK, letter->file);
    bool was = pp_aside_recall(letter->read->mail, letter->file, &s) == PP_OK;
    if (blob) {
        net->ops->blob_free(net->impl, blob);
        junk(letter, "it is in the Junk folder");
    } else if (was) {
        snprintf(letter->why, sizeof letter->why, "%s",
                 s.reason.len ? (const char *)s.reason.data : "");
        pp_letter_deliver(letter, PP_PLACE_QUARANTINE, PP_LETTER_QUARANTINE);
    }
    pp_aside_finish(&s);
    return blob || was;
}

void pp_letter_judge(struct pp_letter *letter)
{
    const struct pp_mailnet *net = net_of(letter);
    if (!letter->fresh && is_aside(letter)) {
        return;
    }
    if (net->ops->judge) {
        net->ops->judge(net->impl, &letter->act, letter->ready, 0);
    } else {
        by_sender(letter);
    }
}
