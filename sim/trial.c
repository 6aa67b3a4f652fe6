/* The phases of a trial, in order; see trial.h. */
#include <sim/trial.h>

#include <sim/tally.h>

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENVELOPE 80 /* octets that core puts around each datagram */
#define JOIN_GAP (200 * PP_MS)
#define FAST_FROM 1000 /* a network of this size takes joins at a rate that grows with it */
#define FORM_LIMIT (20 * PP_MINUTE)
#define QUIET (2 * PP_MINUTE)
#define STABLE_SPAN (1 * PP_MINUTE)
#define WINDOW PP_MINUTE /* free of bad answers for so long: recovered */
#define RECOVERY_LIMIT (10 * PP_MINUTE)

struct trial {
    const struct trial_setup *setup;
    struct trial_figures *figures;
    struct player player;
    trial_progress_fn *progress;
    void *ctx;
    const char *doing;
    struct pp_error *error;
};

static void tell(void *ctx, unsigned percent)
{
    struct trial *t = ctx;
    if (t->progress) {
        t->progress(t->ctx, t->doing, percent);
    }
}

static void begin(struct trial *t, const char *doing)
{
    t->doing = doing;
    tell(t, 0);
}

static double share(size_t part, size_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : NAN;
}

static double mean(uint64_t sum, size_t n)
{
    return n ? (double)sum / (double)n : NAN;
}

static double seconds(pp_ns ns)
{
    return (double)ns / (double)PP_SECOND;
}

static int form(struct trial *t)
{
    if (player_settle(&t->player, FORM_LIMIT)) {
        return PP_OK;
    }
    size_t waiting = 0, n = pp_world_count(t->player.world);
    for (size_t i = 0; i < n; i++) {
        waiting += !pp_world_active(t->player.world, i);
    }
    return pp_fail(t->error, PP_TIMEOUT,
                   "%zu of %zu nodes are still not active after %.0f virtual minutes of joining",
                   waiting, n, seconds(FORM_LIMIT) / 60);
}

static int join_in_turn(struct trial *t)
{
    struct pp_world *w = t->player.world;
    size_t n = t->setup->nodes;
    for (size_t i = 0; i < n; i++) {
        struct pp_id id = load_id(t->setup->seed, i);
        size_t node = pp_world_add_at(w, PP_MEMBER, &id), contact = i;
        if (i == 0) {
            pp_world_found(w, node);
        } else {
            contact = load_contact(t->setup->seed, i);
            pp_world_meet(w, node, &contact, 1);
        }
        player_run(&t->player, i < FAST_FROM ? JOIN_GAP : JOIN_GAP * FAST_FROM / i);
        if (i % 50 == 0) {
            tell(t, (unsigned)(i * 100 / n));
        }
    }
    pp_ns last = pp_world_now(w);
    int code = form(t);
    t->figures->joined = seconds(pp_world_now(w) - last);
    return code;
}

static int join(struct trial *t)
{
    begin(t, "joining");
    if (!t->setup->arranged) {
        return join_in_turn(t);
    }
    for (size_t i = 0; i < t->setup->nodes; i++) {
        struct pp_id id = load_id(t->setup->seed, i);
        pp_world_add_at(t->player.world, PP_MEMBER, &id);
    }
    pp_world_arrange(t->player.world);
    return PP_OK;
}

static int play(struct trial *t, struct load_plan *plan, pp_ns duration, struct tally *tally)
{
    load_sort(plan);
    bool all = player_play(&t->player, plan, duration, tally);
    load_finish(plan);
    return all ? PP_OK : pp_fail(t->error, PP_TIMEOUT, "%zu look-ups never came back", tally->open);
}

static int ask_in_quiet(struct trial *t)
{
    const struct trial_setup *s = t->setup;
    struct trial_figures *f = t->figures;
    struct load_plan plan = {0};
    struct tally tally = {0};
    begin(t, "quiet");
    player_run(&t->player, QUIET);
    begin(t, "look-ups");
    load_lookups(&plan, s->seed, "look-ups", s->nodes, s->lookups, STABLE_SPAN);
    int code = play(t, &plan, STABLE_SPAN, &tally);
    size_t answered = tally.asked - tally.failed;
    f->hops = mean(tally.hops, answered);
    f->messages = mean(tally.messages, answered);
    f->timeouts = mean(tally.timeouts, answered);
    f->latency = mean(tally.elapsed, answered) / (double)PP_MS;
    f->latency_99 = (double)tally_quantile(&tally, 990) / (double)PP_MS;
    f->exact = share(tally.exact, tally.asked);
    f->nearest = share(tally.nearest, tally.asked);
    f->failed = share(tally.failed, tally.asked);
    snprintf(f->first, sizeof f->first, "%s", tally.first);
    tally_finish(&tally);
    return code;
}

static void stay_idle(struct trial *t)
{
    struct pp_world *w = t->player.world;
    struct trial_figures *f = t->figures;
    struct pp_world_counts before = pp_world_counts(w);
    begin(t, "idle");
    for (unsigned i = 0; i < 20; i++) {
        player_run(&t->player, t->setup->duration / 20);
        tell(t, i * 5);
    }
    struct pp_world_counts after = pp_world_counts(w);
    double node_seconds = seconds(t->setup->duration / 20 * 20) * (double)t->setup->nodes;
    f->datagrams = (double)(after.sent - before.sent) / node_seconds;
    f->octets = (double)(after.octets - before.octets) / node_seconds;
    f->octets_enveloped = f->octets + ENVELOPE * f->datagrams;
}

static size_t heap(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* Deaths, and with them what an instance held. */
static size_t kill_some(struct trial *t)
{
    bool *dies = load_victims(t->setup->seed, t->setup->nodes, t->setup->kill);
    size_t before = heap(), dead = 0;
    for (size_t i = 0; i < t->setup->nodes; i++) {
        if (dies[i]) {
            pp_world_kill(t->player.world, i);
            dead++;
        }
    }
    size_t after = heap();
    free(dies);
    t->figures->memory = dead && before > after ? (double)(before - after) / (double)dead : NAN;
    return dead;
}

static int recover(struct trial *t)
{
    const struct trial_setup *s = t->setup;
    struct tally tally = {0};
    int code = PP_OK;
    begin(t, "recovery");
    if (kill_some(t) == 0) {
        return PP_OK;
    }
    pp_ns death = pp_world_now(t->player.world), window = death;
    bool clean = false;
    for (unsigned i = 0; !code && !clean && window - death < RECOVERY_LIMIT; i++) {
        struct load_plan plan = {0};
        char purpose[32];
        window = pp_world_now(t->player.world);
        snprintf(purpose, sizeof purpose, "after deaths %u", i);
        load_lookups(&plan, s->seed, purpose, s->nodes, s->lookups, WINDOW);
        code = play(t, &plan, WINDOW, &tally);
        clean = tally.last_bad < window;
    }
    t->figures->recovery = !clean ? INFINITY : tally.last_bad ? seconds(tally.last_bad - death) : 0;
    t->figures->after_exact = share(tally.exact, tally.asked);
    tally_finish(&tally);
    return code;
}

static int all_return(struct trial *t)
{
    begin(t, "return");
    for (size_t i = 0; i < t->setup->nodes; i++) {
        if (!pp_world_alive(t->player.world, i)) {
            player_return(&t->player, i);
            player_run(&t->player, JOIN_GAP / 4);
        }
    }
    int code = form(t);
    player_run(&t->player, QUIET);
    return code;
}

static uint64_t alive_seconds(const struct load_plan *plan, size_t nodes, pp_ns duration)
{
    uint64_t all = nodes * duration;
    for (size_t i = 0; i < plan->n; i++) {
        pp_ns left = duration - plan->events[i].at;
        all -= plan->events[i].kind == LOAD_DOWN ? left : 0;
        all += plan->events[i].kind == LOAD_UP ? left : 0;
    }
    return all / PP_SECOND;
}

static int live_through_churn(struct trial *t)
{
    const struct trial_setup *s = t->setup;
    struct trial_figures *f = t->figures;
    struct load_plan plan = {0};
    struct tally tally = {0};
    begin(t, "churn");
    load_churn(&plan, s->seed, s->nodes, s->churn, s->duration);
    double node_seconds = (double)alive_seconds(&plan, s->nodes, s->duration);
    load_lookups(&plan, s->seed, "look-ups in churn", s->nodes, s->lookups, s->duration);
    struct pp_world_counts before = pp_world_counts(t->player.world);
    int code = play(t, &plan, s->duration, &tally);
    struct pp_world_counts after = pp_world_counts(t->player.world);
    f->churn_exact = share(tally.exact, tally.asked);
    f->churn_nearest = share(tally.nearest, tally.asked);
    f->churn_failed = share(tally.failed, tally.asked);
    f->churn_latency = mean(tally.elapsed, tally.asked - tally.failed) / (double)PP_MS;
    f->churn_datagrams = (double)(after.sent - before.sent) / node_seconds;
    if (!f->first[0]) {
        snprintf(f->first, sizeof f->first, "%s", tally.first);
    }
    tally_finish(&tally);
    return code;
}

static int phases(struct trial *t)
{
    int code = join(t);
    if (!code) {
        code = ask_in_quiet(t);
    }
    if (!code) {
        stay_idle(t);
        code = recover(t);
    }
    if (!code && t->setup->churn) {
        code = all_return(t);
        if (!code) {
            code = live_through_churn(t);
        }
    }
    return code;
}

static void nothing_yet(struct trial_figures *f)
{
    *f = (struct trial_figures){
        NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN,
        NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, "",
    };
}

int trial_run(const struct pp_substrate *plugin, const struct trial_setup *setup,
              const char *const *settings, trial_progress_fn *progress, void *ctx,
              struct trial_figures *figures, struct pp_error *error)
{
    nothing_yet(figures);
    union pp_value *values = pp_world_values(&plugin->plugin, settings);
    if (!values) {
        return pp_fail(error, PP_INVALID,
                       "a setting names no option of %s, or a value out of its range: see "
                       "`peerpostd --plugin-help %s`",
                       plugin->plugin.name, plugin->plugin.name);
    }
    struct pp_prng world_seed;
    pp_prng_stream(&world_seed, setup->seed, "world", 0);
    struct pp_world_options options = {
        .plugin = plugin, .values = values, .seed = pp_prng_next(&world_seed), .loss = setup->loss};
    struct trial t = {
        .setup = setup, .figures = figures, .progress = progress, .ctx = ctx, .error = error};
    t.player.world = pp_world_create(&options);
    t.player.k = setup->k;
    t.player.progress = tell;
    t.player.ctx = &t;
    pp_prng_stream(&t.player.help, setup->seed, "help", 0);
    int code = phases(&t);
    pp_world_destroy(t.player.world);
    free(values);
    return code;
}
