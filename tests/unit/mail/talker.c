/* Somebody who chats; see talker.h. */
#include "talker.h"

#include <stdio.h>

static void letter(void *ctx, const struct pp_letter_info *info)
{
    struct talker *t = ctx;
    t->bad += info->end == PP_LETTER_BAD;
}

static void came(void *ctx, const char *hash);

static void read_done(void *ctx, const struct pp_read_result *result)
{
    struct talker *t = ctx;
    char due[sizeof t->due];
    (void)result;
    t->read = NULL;
    memcpy(due, t->due, sizeof due);
    t->due[0] = '\0';
    for (const char *at = due; *at; at += 64) {
        char hash[65];
        snprintf(hash, sizeof hash, "%.64s", at);
        came(t, hash);
        t->came--;
    }
}

static void came(void *ctx, const char *hash)
{
    static const struct pp_read_events events = {letter, read_done};
    static const struct pp_read_options given = {.given = true};
    struct talker *t = ctx;
    t->came++;
    if (t->read && !pp_read_add(t->read, hash)) {
        size_t len = strlen(t->due);
        CHECK_FATAL(len + 65 < sizeof t->due);
        memcpy(t->due + len, hash, 65);
    } else if (!t->read) {
        t->read = pp_read_start(t->p->mail, &given, &events, t);
        CU_ASSERT_TRUE(pp_read_add(t->read, hash));
    }
}

static void listens(void *ctx, unsigned nodes, unsigned of)
{
    struct talker *t = ctx;
    t->nodes = nodes;
    t->of = of;
}

static void heard(struct pp_ear *ear, const struct pp_heard *line)
{
    struct talker *t = (struct talker *)(void *)((char *)ear - offsetof(struct talker, ear));
    CU_ASSERT_EQUAL(strlen(line->file), 64);
    CU_ASSERT_STRING_EQUAL(line->from, ear->with);
    CHECK_FATAL(t->n_heard < 64);
    snprintf(t->heard[t->n_heard++], sizeof t->heard[0], "%s", (const char *)line->text.data);
}

static void line(void *ctx, const struct pp_line_info *info)
{
    struct talker *t = ctx;
    t->taken += info->state == PP_LINE_TAKEN;
    t->sent += info->state == PP_LINE_SENT;
    t->waits += info->state == PP_LINE_WAITS;
    t->complete += info->state == PP_LINE_COMPLETE;
    t->failed += info->state == PP_LINE_FAILED;
    t->copies = info->copies;
    t->wanted = info->wanted;
    snprintf(t->why, sizeof t->why, "%s", info->why);
}

static void idle(void *ctx)
{
    ((struct talker *)ctx)->idle = true;
}

void talker_start(struct talker *t, struct person *p, const char *with)
{
    static const struct pp_vigil_events vigil = {came, listens};
    static const struct pp_outbox_events box = {line, idle};
    *t = (struct talker){.p = p, .ear = {.with = with, .heard = heard}};
    pp_chat_open(p->mail, &t->ear);
    t->vigil = pp_vigil_start(p->mail, &vigil, t);
    t->box = pp_outbox_open(p->mail, &box, t);
    CHECK_FATAL(t->vigil && t->box);
}

void talker_stop(struct talker *t)
{
    pp_vigil_cancel(t->vigil);
    pp_read_cancel(t->read);
    pp_outbox_close(t->box);
    pp_chat_close(t->p->mail, &t->ear);
    t->vigil = NULL;
    t->read = NULL;
    t->box = NULL;
}

void talker_say(struct talker *t, const char *to, const char *text)
{
    char id[64];
    t->idle = false;
    CU_ASSERT_EQUAL(pp_outbox_say(t->box, pp_str(to), pp_str(text), id), PP_OK);
    CU_ASSERT_EQUAL(strlen(id), 26 + strlen("@peerpost.invalid"));
}

void talker_run(struct talker *t, pp_ns time)
{
    bool never = false;
    pp_ns until = t->p->net->mono + time;
    fake_run(t->p->net, &never, time);
    if (!t->p->net->killed) {
        t->p->net->mono = until;
    }
}
