/* Computers of one user; see computers.h. */
#include "computers.h"

#include <stdio.h>

struct world w;
struct computer home, office;

void computer_done(void *ctx, const struct pp_sync_result *result)
{
    struct computer *c = ctx;
    c->r = *result;
    c->p.done = true;
}

bool computer_round(struct computer *c)
{
    static const struct pp_sync_events events = {.done = computer_done};
    const struct pp_sync_options o = {.box = &fake_box_ops,
                                      .box_ctx = &c->box,
                                      .computer = c->name,
                                      .full = c->full,
                                      .deletions = c->deletions};
    c->p.done = false;
    struct pp_sync *sync = pp_sync_start(c->p.mail, &o, &events, c);
    CHECK_FATAL(sync != NULL);
    if (!fake_run(c->p.net, &c->p.done, PP_HOUR)) {
        pp_sync_cancel(sync);
    }
    return c->p.done && !c->p.net->killed;
}

void computer_sync(struct computer *c)
{
    CU_ASSERT_TRUE(computer_round(c));
    CU_ASSERT_EQUAL(c->r.code, PP_OK);
}

void computer_begin(struct computer *c, const char *name, const struct computer *as)
{
    static uint64_t dice = 1000;
    *c = (struct computer){.name = name};
    person_init(&c->p, &w, "anna@x");
    c->p.net->random = dice += 7777;
    c->box.net = c->p.net;
    if (as) { /* the same key */
        person_halt(&c->p);
        pp_certificate_free(c->p.certificate);
        EVP_PKEY_free(c->p.key);
        c->p.certificate = pp_certificate_ref(as->p.certificate);
        c->p.key = as->p.key;
        EVP_PKEY_up_ref(c->p.key);
        person_boot(&c->p);
    }
}

void computers_begin(void)
{
    world_init(&w, 16);
    computer_begin(&home, "home", NULL);
    computer_begin(&office, "office", &home);
}

void computer_end(struct computer *c)
{
    person_finish(&c->p);
    fake_box_finish(&c->box);
}

void computers_end(void)
{
    computer_end(&home);
    computer_end(&office);
    world_finish(&w);
}

void computer_reboot(struct computer *c)
{
    person_halt(&c->p);
    person_boot(&c->p);
}

void computers_same(const struct computer *a, const struct computer *b)
{
    struct pp_buf x = {0}, y = {0};
    fake_box_print(&a->box, &x);
    fake_box_print(&b->box, &y);
    bool same = pp_bytes_equal(pp_buf_bytes(&x), pp_buf_bytes(&y));
    CU_ASSERT_TRUE(same);
    if (!same) {
        printf("\n%s:\n%s%s:\n%s", a->name, x.len ? (char *)x.data : "", b->name,
               y.len ? (char *)y.data : "");
    }
    pp_buf_free(&x);
    pp_buf_free(&y);
}

void computers_settle(void)
{
    for (int i = 0; i < 3; i++) {
        computer_sync(&home);
        computer_sync(&office);
    }
    computers_same(&home, &office);
}
