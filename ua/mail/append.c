/*
 * Append-inbox from the sender's side; see append.h.
 */
#include <mail/append.h>

#include <mail/work.h>

int pp_append_request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask,
                      const struct pp_append *a)
{
    ask->request.method = "PUT";
    ask->request.identifier = a->inbox;
    ask->request.body = a->sealed;
    pp_ask_field(ask, "Peerpost-Life", "%llu", (unsigned long long)pp_mail_is(s->mail)->life);
    if (t->retried && pp_mail_may_sign(s->mail)) {
        return pp_sign_ask_as_user(s->mail, ask, "append-inbox", NULL);
    }
    if (t->retried && a->stamp[0]) {
        pp_ask_field(ask, "Peerpost-Work", "%s", a->stamp);
    }
    pp_ask_field(ask, "Pragma", "append-inbox");
    return PP_OK;
}

/* A full inbox says how much work opens it. */
void pp_append_head(struct pp_append *a, const struct pp_target *t,
                    const struct pp_net_field *fields, size_t n)
{
    for (size_t i = 0; t->status == 429 && i < n; i++) {
        if (pp_bytes_is_nocase(fields[i].name, "peerpost-work")) {
            unsigned bits = pp_work_wanted(fields[i].value);
            a->work = bits > a->work ? bits : a->work;
        }
    }
}

/* Who may be known signs; who does not want to be works, once for all nodes. */
static bool can_prove(struct pp_spread *s, struct pp_append *a)
{
    uint8_t start[8];
    if (pp_mail_may_sign(s->mail)) {
        return true;
    }
    if (a->work && !a->stamp[0]) {
        pp_mail_random(s->mail, start, sizeof start);
        pp_work_stamp(a->stamp, a->inbox, a->sealed, a->work, pp_get64(start));
    }
    return a->stamp[0] != '\0';
}

enum pp_verdict pp_append_judge(struct pp_spread *s, struct pp_target *t, struct pp_append *a)
{
    if (!t->error && (t->status == 200 || t->status == 201 || t->status == 202)) {
        return PP_VERDICT_DONE;
    }
    if (!t->error && t->status == 429 && !t->retried && can_prove(s, a)) {
        t->retried = true; /* throttled: once more, signed or with work */
        return PP_VERDICT_AGAIN;
    }
    return PP_VERDICT_BAD;
}
