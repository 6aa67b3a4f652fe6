/* One good copy of an object; see retrieve.h. It must not know what the object is. */
#include <mail/retrieve.h>

#include <base/crash.h>
#include <stdio.h>

static const struct pp_mailnet *net_of(const struct pp_retrieve *r)
{
    return &pp_mail_is(r->mail)->net;
}

static void stream_end(struct pp_retrieve *r, struct pp_retrieve_stream *stream)
{
    const struct pp_mailnet *net = net_of(r);
    if (stream->blob) {
        net->ops->blob_free(net->impl, stream->blob);
    }
    pp_hash_destroy(stream->hash);
    *stream = (struct pp_retrieve_stream){0};
}

void pp_retrieve_finish(struct pp_retrieve *r)
{
    if (!r->mail) {
        return;
    }
    const struct pp_mailnet *net = net_of(r);
    pp_spread_finish(&r->spread);
    for (size_t i = 0; i < PP_RETRIEVE_STREAMS; i++) {
        stream_end(r, &r->streams[i]);
    }
    if (r->body) {
        net->ops->blob_free(net->impl, r->body);
    }
    pp_buf_free(&r->identifier);
    *r = (struct pp_retrieve){0};
}

static struct pp_retrieve_stream *stream_of(struct pp_retrieve *r, const struct pp_target *t)
{
    for (size_t i = 0; i < PP_RETRIEVE_STREAMS; i++) {
        if (r->streams[i].target == t) {
            return &r->streams[i];
        }
    }
    return NULL;
}

static int request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_retrieve *r = s->ctx;
    const struct pp_mailnet *net = net_of(r);
    struct pp_retrieve_stream *stream = stream_of(r, t);
    stream = stream ? stream : stream_of(r, NULL);
    if (!stream) {
        return PP_BUSY;
    }
    stream_end(r, stream);
    stream->target = t;
    stream->blob = net->ops->blob_new(net->impl);
    stream->hash = pp_hash_create();
    ask->request.method = "GET";
    ask->request.identifier = pp_buf_bytes(&r->identifier);
    ask->request.times.total += r->size / 16384 * PP_SECOND;
    return stream->blob && stream->hash ? PP_OK : PP_NOMEM;
}

static size_t data(struct pp_spread *s, struct pp_target *t, struct pp_bytes bytes)
{
    struct pp_retrieve *r = s->ctx;
    const struct pp_mailnet *net = net_of(r);
    struct pp_retrieve_stream *stream = stream_of(r, t);
    if (!stream || stream->size + bytes.len > r->size) {
        pp_mail_blame(s->mail, &t->peer, "gives more octets than were sent");
        snprintf(t->text, sizeof t->text, "gives more octets than were sent");
        return 0;
    }
    stream->size += bytes.len;
    pp_hash_add(stream->hash, bytes);
    if (net->ops->blob_write(net->impl, stream->blob, bytes) != PP_OK) {
        snprintf(t->text, sizeof t->text, "no room here for its answer");
        return 0;
    }
    return bytes.len;
}

static bool is_right(const struct pp_retrieve *r, struct pp_retrieve_stream *stream)
{
    uint8_t digest[32];
    if (stream->size != r->size) {
        return false;
    }
    pp_hash_digest(stream->hash, digest);
    return memcmp(digest, r->digest, sizeof digest) == 0 || pp_mutant("fetch-ignore-digest");
}

static enum pp_verdict judge(struct pp_spread *s, struct pp_target *t)
{
    struct pp_retrieve *r = s->ctx;
    struct pp_retrieve_stream *stream = stream_of(r, t);
    enum pp_verdict verdict = PP_VERDICT_BAD;
    if (!t->error && t->status == 200 && stream) {
        if (is_right(r, stream)) {
            r->body = r->body ? r->body : stream->blob;
            stream->blob = r->body == stream->blob ? NULL : stream->blob;
            verdict = PP_VERDICT_DONE;
        } else {
            pp_mail_blame(s->mail, &t->peer, "gives other octets than were sent");
            snprintf(t->text, sizeof t->text, "gives other octets than were sent");
        }
    } else if (!t->error && (t->status == 404 || t->status == 410)) {
        verdict = PP_VERDICT_MISSING;
    }
    if (stream) {
        stream_end(r, stream);
    }
    return verdict;
}

static void done(struct pp_spread *s)
{
    struct pp_retrieve *r = s->ctx;
    char why[160];
    if (!r->body) {
        pp_spread_why(s, why, sizeof why);
        snprintf(r->why, sizeof r->why,
                 "no good copy of its body: %u of the %u nodes asked lack it, %u failed (%s)",
                 s->missing, s->asked, s->bad, why);
    }
    r->done(r);
}

static const struct pp_spread_kind kind = {
    .request = request, .data = data, .judge = judge, .done = done, .widens = true, .late = true};

int pp_retrieve_start(struct pp_retrieve *r, struct pp_mail *mail, struct pp_bytes identifier,
                      uint64_t size, const uint8_t digest[32], pp_retrieved_fn *fn, void *ctx)
{
    struct pp_id key = pp_place_of(identifier);
    unsigned ops = pp_mail_is(mail)->ops_fetch;
    *r = (struct pp_retrieve){.mail = mail, .size = size, .done = fn, .ctx = ctx};
    memcpy(r->digest, digest, sizeof r->digest);
    pp_buf_add(&r->identifier, identifier.data, identifier.len);
    if (r->identifier.failed) {
        pp_retrieve_finish(r);
        return PP_NOMEM;
    }
    pp_spread_init(&r->spread, mail, &kind, r, &key);
    r->spread.ops = ops ? ops : 1;
    r->spread.answer_max = size;
    pp_spread_start(&r->spread);
    return PP_OK;
}
