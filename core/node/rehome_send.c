/*
 * Where a rehoming node sends a thing: the look-up of its k closest, a PUT to each of them, and
 * what their answers mean. 429 and 503 are waited for as long as they ask; a node that does not
 * answer or is full is tried a few times, then again in the next pass.
 */
#include <node/rehome.h>

#include <base/crash.h>
#include <base/encode.h>
#include <base/hash.h>
#include <base/log.h>
#include <stdio.h>
#include <stdlib.h>

#define TRIES 6u
#define TRIES_ASKED 100u
#define RETRY_MAX 300u /* seconds */
#define ANSWER_MAX 65536

static uint64_t token_of(const struct rehome_lane *lane)
{
    return (uint64_t)(lane - lane->rehome->lane);
}

static void give_up(struct rehome_lane *lane)
{
    lane->rehome->left++;
    lane->missed = true;
    lane->skip = true;
    rehome_go_on(lane);
}

/* An object may be deleted, renewed or replaced meanwhile. */
void rehome_send_again(void *ctx)
{
    struct rehome_lane *lane = ctx;
    int code = PP_OK;
    if (lane->item.kind == PP_OBJECT) {
        struct rehome_item fresh = {.kind = PP_OBJECT, .name = lane->item.name};
        rehome_item_finish(&lane->item);
        lane->item = fresh;
        code = rehome_item_load(lane->rehome, &lane->item);
    }
    if (code == PP_OK) {
        rehome_send_look(lane);
    } else {
        lane->skip = true;
        rehome_go_on(lane);
    }
}

/* After a failure: as long as was asked for, else 1, 2, 4 .. seconds; in the end, the next pass. */
static void try_later(struct rehome_lane *lane, unsigned asked)
{
    lane->tries++;
    if (lane->tries > (asked > 0 ? TRIES_ASKED : TRIES)) {
        give_up(lane);
        return;
    }
    unsigned seconds = asked > 0 ? asked : 1u << (lane->tries - 1);
    pp_timer_set(lane->timer, pp_loop_now(lane->rehome->daemon->loop).mono + seconds * PP_SECOND);
}

/* ---- answers ---- */

static bool is_counted(struct rehome *r, int status)
{
    switch (status) {
    case 201:
    case 202:
        r->stored++;
        return true;
    case 200:
        r->known++;
        return true;
    case 404:
    case 410: /* its last owner deleted it there: it stays deleted */
        r->deleted++;
        return true;
    default:
        return false;
    }
}

static void target_judge(struct rehome_target *t)
{
    struct rehome *r = t->lane->rehome;
    t->settled = is_counted(r, t->status);
    /* 409: other octets under that name, or a newer certificate. Other refusals of what this node
     * once took will not change either. */
    if (!t->settled && t->status >= 400 && t->status < 500 && t->status != 429 &&
        t->status != 408) {
        r->refused++;
        t->settled = true;
        pp_log(t->status == 409 ? PP_LOG_DEBUG : PP_LOG_WARN, "rehome",
               "a node refuses what this one holds, with status %d", t->status);
    }
}

static void lane_answered(struct rehome_lane *lane)
{
    unsigned asked = 0;
    bool all = true;
    for (size_t i = 0; i < lane->n_targets; i++) {
        const struct rehome_target *t = &lane->target[i];
        all = all && t->settled;
        asked = !t->settled && t->retry_after > asked ? t->retry_after : asked;
    }
    pp_crash("rehome-item");
    if (all) {
        rehome_go_on(lane);
    } else {
        try_later(lane, asked);
    }
}

static void on_head(void *ctx, int status, const struct pp_field *fields, size_t n)
{
    struct rehome_target *t = ctx;
    const struct pp_field *f = pp_field_find(fields, n, "Retry-After");
    char text[12] = "";
    t->status = status;
    if (f && f->value.len < sizeof text && (status == 429 || status == 503)) {
        memcpy(text, f->value.data, f->value.len);
        unsigned long seconds = strtoul(text, NULL, 10);
        t->retry_after = seconds < RETRY_MAX ? (unsigned)seconds : RETRY_MAX;
    }
}

static size_t on_data(void *ctx, struct pp_bytes bytes)
{
    (void)ctx;
    return bytes.len;
}

static void on_ended(void *ctx, int error, const char *text)
{
    struct rehome_target *t = ctx;
    struct rehome_lane *lane = t->lane;
    t->call = NULL;
    if (error == PP_OK || t->status >= 400) {
        target_judge(t);
    } else {
        pp_log(PP_LOG_DEBUG, "rehome", "%s", text ? text : pp_error_text(error));
    }
    if (--lane->running == 0) {
        lane_answered(lane);
    }
}

/* ---- requests ---- */

static int64_t on_read(void *ctx, uint64_t offset, void *out, size_t cap)
{
    struct rehome_target *t = ctx;
    return rehome_item_read(t->lane->rehome, &t->lane->item, offset, out, cap);
}

static void start_call(struct rehome_target *t, const char *target)
{
    static const struct pp_client_events events = {on_head, on_data, on_ended};
    const struct rehome_item *item = &t->lane->item;
    char life[48], copies[48], type[100];
    const char *fields[4] = {life};
    size_t n = 1;
    snprintf(life, sizeof life, "Peerpost-Life: %llu", (unsigned long long)item->life);
    if (item->kind == PP_INBOX) {
        fields[n++] = "Pragma: append-inbox";
    } else {
        snprintf(type, sizeof type, "Content-Type: multipart/form-data; boundary=%s",
                 item->boundary);
        fields[n++] = type;
    }
    if (item->copies > 0) {
        snprintf(copies, sizeof copies, "Peerpost-Copies: %u", item->copies);
        fields[n++] = copies;
    }
    struct pp_client_request q = {
        .peer = &t->peer,
        .method = "PUT",
        .target = target,
        .fields = fields,
        .n_fields = n,
        .length = (int64_t)(item->before.len + item->size + item->after.len),
        .read = on_read,
        .answer_max = ANSWER_MAX,
        .connect_time = 10 * PP_SECOND,
        .stall_time = 30 * PP_SECOND,
        .total_time = 30 * PP_MINUTE,
    };
    t->status = 0;
    t->retry_after = 0;
    t->call = pp_client_start(t->lane->rehome->client, &q, &events, t);
}

void rehome_send_item(struct rehome_lane *lane)
{
    struct pp_buf target = {0};
    pp_buf_add_str(&target, "/");
    pp_percent(&target, pp_buf_bytes(&lane->item.identifier));
    lane->running = 0;
    for (size_t i = 0; i < lane->n_targets && !target.failed; i++) {
        if (!lane->target[i].settled) {
            start_call(&lane->target[i], (const char *)target.data);
            lane->running += lane->target[i].call != NULL;
        }
    }
    pp_buf_free(&target);
    if (lane->running == 0) { /* all settled, or no memory */
        lane_answered(lane);
    }
}

/* ---- look-ups ---- */

/* Targets that did their part in an earlier try stay settled. */
static void take_targets(struct rehome_lane *lane, const struct pp_result *result)
{
    struct rehome_target old[PP_K_MAX];
    size_t n_old = lane->n_targets;
    memcpy(old, lane->target, n_old * sizeof *old);
    lane->n_targets = 0;
    lane->places = 0;
    for (size_t i = 0; i < result->n_peers && i < PP_K_MAX; i++) {
        const struct pp_peer *p = &result->peers[i];
        lane->places += pp_get64(p->id.b) * 0x9e3779b97f4a7c15u; /* in any order */
        if (pp_id_equal(&p->id, &lane->rehome->daemon->node.self)) {
            continue;
        }
        struct rehome_target *t = &lane->target[lane->n_targets++];
        *t = (struct rehome_target){.peer = *p, .lane = lane};
        for (size_t j = 0; j < n_old; j++) {
            t->settled = t->settled || (old[j].settled && pp_id_equal(&old[j].peer.id, &p->id));
        }
    }
}

static void on_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    struct rehome_lane *lane = &((struct rehome *)ctx)->lane[token];
    lane->looking = false;
    if (result->code != PP_OK || result->n_peers == 0) {
        try_later(lane, 0);
        return;
    }
    take_targets(lane, result);
    if (lane->n_targets == 0 || rehome_is_where_it_was(lane)) {
        lane->skip = true; /* it is due here alone, or all of it went there already */
        rehome_go_on(lane);
    } else {
        rehome_send_item(lane);
    }
}

void rehome_send_look(struct rehome_lane *lane)
{
    struct daemon *d = lane->rehome->daemon;
    struct pp_id key = pp_name_key(&lane->item.name);
    unsigned k = lane->item.copies > d->node.k ? lane->item.copies : d->node.k;
    if (pp_overlay_lookup(d->overlay, &key, k, 1, token_of(lane), on_found, lane->rehome) !=
        PP_OK) {
        try_later(lane, 1); /* many are under way */
        return;
    }
    lane->looking = true;
}

void rehome_send_cancel(struct rehome_lane *lane)
{
    if (lane->looking) {
        pp_overlay_cancel(lane->rehome->daemon->overlay, token_of(lane), lane->rehome);
    }
    for (size_t i = 0; i < lane->n_targets; i++) {
        if (lane->target[i].call) {
            pp_call_cancel(lane->target[i].call);
        }
    }
    pp_timer_set(lane->timer, PP_NEVER);
}
