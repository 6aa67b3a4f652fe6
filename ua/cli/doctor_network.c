/* The doctor's checks of the network; see doctor.h. */
#include <cli/doctor.h>

#include <mail/canary.h>
#include <mail/checkup.h>
#include <session/control.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE (6 * PP_SECOND) /* a network that works answers in one */
#define SKEW 300                 /* seconds that a signature may be off */

struct outcome {
    bool done;
    struct pp_checkup_result result;
};

static void on_checkup(void *ctx, const struct pp_checkup_result *result)
{
    *(struct outcome *)ctx = (struct outcome){true, *result};
}

static void say_clock(struct doctor *d, const struct pp_checkup_result *r)
{
    if (r->clocks && (r->skew > SKEW || r->skew < -SKEW)) {
        doctor_say(d, FAILURE, "clock", "set this computer's clock (timedatectl set-ntp true)",
                   "this computer's clock is %lld seconds %s that of the nodes",
                   (long long)llabs(r->skew), r->skew > 0 ? "behind" : "ahead of");
    }
}

static void say_published(struct doctor *d, const struct pp_checkup_result *r)
{
    unsigned enough = pp_min_copies(r->found);
    if (r->have >= r->found) {
        doctor_say(d, FINE, "published", "", "your address is known on %u of %u nodes", r->have,
                   r->found);
    } else if (!r->have) {
        doctor_say(d, FAILURE, "published", "peerpost publish makes your address known",
                   r->other ? "the nodes know another certificate of your address, not this one"
                            : "nobody can write to you: no node knows your address");
    } else {
        doctor_say(d, r->have >= enough ? WARNING : FAILURE, "published",
                   "peerpost maintain puts it onto all of them",
                   "your address is known on %u of %u nodes only", r->have, r->found);
    }
}

static void look(struct doctor *d, struct session *session)
{
    struct outcome o = {.done = false};
    struct pp_checkup *c = pp_checkup_start(session_mail(session), on_checkup, &o);
    cli_progress("asking the network");
    if (c && !session_run(session, &o.done, PATIENCE)) {
        pp_checkup_cancel(c);
    }
    const char *trouble = session_trouble(session);
    if (trouble) {
        doctor_say(d, FAILURE, "network",
                   "take substrate, network.k and network.name as the nodes have them, or join "
                   "again with a new invitation",
                   "%s", trouble);
    } else if (!o.done || o.result.code || !o.result.found) {
        doctor_say(d, FAILURE, "network",
                   "are overlay.contacts right and up, does a firewall stop UDP?",
                   "no contact answers%s%s", o.result.why[0] ? ": " : "", o.result.why);
    } else {
        doctor_say(d, FINE, "network", "", "%u nodes answer", o.result.found);
        say_clock(d, &o.result);
        if (o.result.failed == o.result.found) {
            doctor_say(d, FAILURE, "nodes", "is this computer's clock right, and TCP not stopped?",
                       "no node answers as it should: %s", o.result.why);
        } else {
            say_published(d, &o.result);
        }
    }
}

struct keepers {
    struct doctor *d;
    unsigned nodes, counted;
    bool bad;
};

static int say_keeper(void *ctx, const struct pp_handed *h)
{
    struct keepers *k = ctx;
    char id[2 * PP_ID_LEN + 1];
    k->nodes++;
    k->counted += h->should;
    if (h->distrusted) {
        k->bad = true;
        pp_hex(id, h->node.b, PP_ID_LEN);
        doctor_say(k->d, WARNING, "inbox",
                   "others hold copies, and more are asked meanwhile; tell who runs that node",
                   "node %.8s handed out %u of %u notifications that it was given: its word on "
                   "your inbox does not count",
                   id, h->had, h->should);
    }
    return 0;
}

/* Do the nodes of the inbox hand out what they were given? By mail, and the daily canary. */
static void say_keepers(struct doctor *d, struct session *session)
{
    struct keepers k = {.d = d};
    pp_handed_each(session_mail(session), say_keeper, &k);
    if (!k.bad && k.counted) {
        doctor_say(d, FINE, "inbox", "",
                   "%u nodes handed out your notifications as they should (%u counted)", k.nodes,
                   k.counted);
    }
}

void doctor_network(struct doctor *d)
{
    struct session *session = NULL;
    struct pp_error error = {0};
    struct pp_config *config = d->cli->config;
    /* A peerpost serve lends what it holds; another command has to end first. */
    int rc = cli_session(&session, d->cli, PP_SECOND, &error);
    if (rc == PP_OK) {
        look(d, session);
        say_keepers(d, session);
    } else if (rc == PP_BUSY) {
        doctor_say(d, FAILURE, "lock",
                   "wait for it; does it hang, end it: fuser names it (fuser -v STATE/journal*)",
                   "another peerpost of yours is at work with %s and does not end",
                   pp_config_path(config, "user.state"));
    } else if (rc == PP_PLUGIN) {
        doctor_say(d, FAILURE, "plugin",
                   "name an installed substrate in substrate.plugin, or its folder in plugins.dir",
                   "%s", error.text);
    } else {
        doctor_say(d, FAILURE, "session", "", "%s", error.text);
    }
    session_close(session);
}
