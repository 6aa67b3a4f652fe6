/*
 * What synchronising keeps in the durable map: this computer's place in its log, what it knows of
 * the others, each message and setting. It must not know how any of it comes about.
 */
#include <mail/sync_pass.h>

#include <base/hash.h>
#include <mail/read.h>
#include <mail/record.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define SELF_KEY "l:self"
#define ITEM_PREFIX "l:m:"
#define SETTING_PREFIX "l:s:"
#define OTHER_PREFIX "l:d:"
#define UPLOAD_PREFIX "l:u:"
#define VERSION 1

static void note(struct pp_sync *s, const char *prefix, const char *name, struct pp_buf *value)
{
    struct pp_buf key = {0};
    pp_buf_printf(&key, "%s%s", prefix, name);
    pp_mail_note(s->mail, pp_buf_bytes(&key), pp_buf_bytes(value));
    pp_buf_free(&key);
    pp_buf_wipe(value);
}

/* --- this computer ------------------------------------------------------------------------- */

void pp_sync_note_self(struct pp_sync *s)
{
    const struct pp_self *self = &s->self;
    struct pp_buf b = {0};
    pp_record_u8(&b, VERSION);
    pp_record_fixed(&b, self->device, sizeof self->device);
    pp_record_fixed(&b, self->tag, sizeof self->tag);
    pp_record_u8(&b, self->registered);
    pp_record_u64(&b, self->first);
    pp_record_u64(&b, self->next);
    pp_record_u64(&b, s->state.lamport);
    pp_record_u64(&b, (uint64_t)self->told);
    pp_record_u8(&b, self->out);
    pp_record_u64(&b, self->out_size);
    pp_record_fixed(&b, self->out_digest, sizeof self->out_digest);
    pp_record_u32(&b, self->out_changes);
    pp_record_u8(&b, self->out_snapshot);
    pp_record_bytes(&b, pp_str(s->computer));
    note(s, SELF_KEY, "", &b);
}

static int read_self(struct pp_self *self, struct pp_buf *name, struct pp_bytes value)
{
    struct pp_reader r = pp_reader(value);
    r.failed |= pp_read8(&r) != VERSION;
    pp_reads_fixed(&r, self->device, sizeof self->device);
    pp_reads_fixed(&r, self->tag, sizeof self->tag);
    self->registered = pp_read8(&r);
    self->first = pp_read64(&r);
    self->next = pp_read64(&r);
    self->lamport = pp_read64(&r);
    self->told = (int64_t)pp_read64(&r);
    self->out = pp_read8(&r);
    self->out_size = pp_read64(&r);
    pp_reads_fixed(&r, self->out_digest, sizeof self->out_digest);
    self->out_changes = pp_read32(&r);
    self->out_snapshot = pp_read8(&r);
    pp_reads_buf(&r, name);
    return r.failed ? PP_FORMAT : PP_OK;
}

void pp_sync_begin_anew(struct pp_sync *s)
{
    uint64_t lamport = s->self.lamport;
    s->self = (struct pp_self){.lamport = lamport};
    pp_mail_random(s->mail, s->self.device, sizeof s->self.device);
    memcpy(s->self.tag, s->tag[0], sizeof s->self.tag);
    pp_sync_note_self(s);
}

static int load_self(struct pp_sync *s)
{
    struct pp_buf value = {0}, name = {0};
    int rc = pp_mail_recall(s->mail, pp_str(SELF_KEY), &value);
    if (rc == PP_OK) {
        rc = read_self(&s->self, &name, pp_buf_bytes(&value));
    } else if (rc == PP_NOT_FOUND) {
        pp_sync_begin_anew(s);
        rc = PP_OK;
    }
    if (rc == PP_OK && memcmp(s->self.tag, s->tag[0], PP_SYNC_TAG) != 0) {
        pp_sync_begin_anew(s); /* another key: its log begins with all that is known */
    }
    s->state.lamport = s->self.lamport > s->state.lamport ? s->self.lamport : s->state.lamport;
    pp_buf_free(&value);
    pp_buf_free(&name);
    return rc;
}

static int load_secrets(struct pp_sync *s)
{
    const struct pp_mail_options *o = pp_mail_is(s->mail);
    int rc = o->n_keys ? PP_OK : PP_DENIED;
    for (size_t i = 0; rc == PP_OK && i < o->n_keys && s->n_keys < PP_SYNC_KEYS; i++) {
        uint8_t hash[32];
        rc = pp_device_secret(s->secret[s->n_keys], o->keys[i], o->certificates[i]);
        pp_sha256(hash, pp_bytes(s->secret[s->n_keys], PP_DEVICE_SECRET));
        memcpy(s->tag[s->n_keys], hash, PP_SYNC_TAG);
        bool known = s->n_keys && pp_sync_key_of(s, s->tag[s->n_keys]) >= 0;
        s->n_keys += !known;
    }
    return rc;
}

int pp_sync_key_of(const struct pp_sync *s, const uint8_t *tag)
{
    for (size_t i = 0; i < s->n_keys; i++) {
        if (memcmp(s->tag[i], tag, PP_SYNC_TAG) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* --- messages and settings ----------------------------------------------------------------- */

void pp_sync_note_item(struct pp_sync *s, const struct pp_item *item)
{
    struct pp_buf b = {0};
    pp_item_write(&b, item);
    note(s, ITEM_PREFIX, item->name, &b);
}

void pp_sync_note_setting(struct pp_sync *s, const struct pp_setting *setting)
{
    struct pp_buf b = {0};
    pp_record_u8(&b, (uint8_t)(setting->on | setting->here << 1 | setting->dirty << 2));
    pp_record_u64(&b, setting->changed.lamport);
    pp_record_fixed(&b, setting->changed.device, PP_DEVICE_ID);
    note(s, SETTING_PREFIX, setting->key, &b);
}

struct loading {
    struct pp_sync *s;
    int rc;
};

static bool name_of(char *out, size_t cap, struct pp_bytes key, const char *prefix)
{
    size_t skip = strlen(prefix), len = key.len - skip;
    if (len >= cap || memchr(key.data, 0, key.len)) {
        return false;
    }
    memcpy(out, key.data + skip, len);
    out[len] = '\0';
    return true;
}

static int load_item(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct loading *l = ctx;
    char name[PP_ITEM_NAME_MAX + 1];
    struct pp_item *item =
        name_of(name, sizeof name, key, ITEM_PREFIX) ? pp_item_of(&l->s->state, name) : NULL;
    l->rc = item ? pp_item_read(item, value) : PP_FORMAT;
    if (item) {
        uint64_t lamport = pp_item_lamport(item);
        l->s->state.lamport = lamport > l->s->state.lamport ? lamport : l->s->state.lamport;
    }
    return l->rc;
}

static int load_setting(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct loading *l = ctx;
    char name[PP_SETTING_KEY_MAX + 1];
    struct pp_reader r = pp_reader(value);
    struct pp_setting *setting =
        name_of(name, sizeof name, key, SETTING_PREFIX) ? pp_setting_of(&l->s->state, name) : NULL;
    if (!setting) {
        return l->rc = PP_FORMAT;
    }
    uint8_t bits = pp_read8(&r);
    setting->on = bits & 1;
    setting->here = bits & 2;
    setting->dirty = bits & 4;
    setting->changed.lamport = pp_read64(&r);
    pp_reads_fixed(&r, setting->changed.device, PP_DEVICE_ID);
    uint64_t lamport = setting->changed.lamport;
    l->s->state.lamport = lamport > l->s->state.lamport ? lamport : l->s->state.lamport;
    return l->rc = r.failed ? PP_FORMAT : PP_OK;
}

/* --- the others ---------------------------------------------------------------------------- */

struct pp_other *pp_sync_other(struct pp_sync *s, const uint8_t *tag, const uint8_t *device)
{
    for (size_t i = 0; i < s->n_others; i++) {
        if (memcmp(s->others[i].device, device, PP_DEVICE_ID) == 0 &&
            memcmp(s->others[i].tag, tag, PP_SYNC_TAG) == 0) {
            return &s->others[i];
        }
    }
    struct pp_other *grown = realloc(s->others, (s->n_others + 1) * sizeof *grown);
    if (!grown) {
        return NULL;
    }
    s->others = grown;
    struct pp_other *other = &grown[s->n_others++];
    *other = (struct pp_other){0};
    memcpy(other->tag, tag, PP_SYNC_TAG);
    memcpy(other->device, device, PP_DEVICE_ID);
    return other;
}

void pp_sync_note_other(struct pp_sync *s, const struct pp_other *other)
{
    struct pp_buf b = {0}, key = {0};
    pp_buf_add_str(&key, OTHER_PREFIX);
    pp_buf_add(&key, other->tag, PP_SYNC_TAG);
    pp_buf_add(&key, other->device, PP_DEVICE_ID);
    pp_record_u64(&b, other->first);
    pp_record_u64(&b, other->next);
    pp_record_u64(&b, other->kept);
    pp_record_u64(&b, (uint64_t)other->seen);
    pp_record_bytes(&b, pp_str(other->name));
    pp_mail_note(s->mail, pp_buf_bytes(&key), pp_buf_bytes(&b));
    pp_buf_free(&key);
    pp_buf_free(&b);
}

static int read_other(struct pp_other *other, struct pp_bytes key, struct pp_bytes value)
{
    const size_t skip = sizeof OTHER_PREFIX - 1;
    struct pp_reader r = pp_reader(value);
    if (key.len != skip + PP_SYNC_TAG + PP_DEVICE_ID) {
        return PP_FORMAT;
    }
    memcpy(other->tag, key.data + skip, PP_SYNC_TAG);
    memcpy(other->device, key.data + skip + PP_SYNC_TAG, PP_DEVICE_ID);
    other->first = pp_read64(&r);
    other->next = pp_read64(&r);
    other->kept = pp_read64(&r);
    other->seen = (int64_t)pp_read64(&r);
    struct pp_bytes name = pp_reads(&r);
    snprintf(other->name, sizeof other->name, "%.*s", (int)name.len,
             name.len ? (const char *)name.data : "");
    return r.failed ? PP_FORMAT : PP_OK;
}

static int load_other(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct loading *l = ctx;
    struct pp_other read;
    l->rc = read_other(&read, key, value);
    struct pp_other *other = l->rc == PP_OK ? pp_sync_other(l->s, read.tag, read.device) : NULL;
    if (other) {
        *other = read;
    }
    return l->rc = l->rc == PP_OK && !other ? PP_NOMEM : l->rc;
}

static void directory_key(struct pp_buf *key, const struct pp_sync *s, size_t i)
{
    pp_buf_add_str(key, "l:dir:");
    pp_buf_add(key, s->tag[i], PP_SYNC_TAG);
}

void pp_sync_note_directory(struct pp_sync *s, size_t i, uint64_t next)
{
    struct pp_buf key = {0};
    uint8_t value[8];
    pp_put64(value, next);
    directory_key(&key, s, i);
    pp_mail_note(s->mail, pp_buf_bytes(&key), pp_bytes(value, sizeof value));
    pp_buf_free(&key);
}

uint64_t pp_sync_directory(struct pp_sync *s, size_t i)
{
    struct pp_buf key = {0}, value = {0};
    directory_key(&key, s, i);
    int rc = pp_mail_recall(s->mail, pp_buf_bytes(&key), &value);
    uint64_t next = rc == PP_OK && value.len == 8 ? pp_get64(value.data) : 0;
    pp_buf_free(&key);
    pp_buf_free(&value);
    return next;
}

/* --- messages being stored: "l:u:<name>" = id (16), session key (32) ------------------------ */

void pp_sync_note_upload(struct pp_sync *s, const struct pp_sync_store *store, bool over)
{
    struct pp_buf b = {0};
    if (!over) {
        pp_record_fixed(&b, store->id, sizeof store->id);
        pp_record_fixed(&b, store->key, sizeof store->key);
    }
    note(s, UPLOAD_PREFIX, store->upload->name, &b);
}

struct orphans {
    struct pp_sync *s;
    struct pp_buf keys, objects;
};

static int find_orphan(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct orphans *o = ctx;
    pp_record_bytes(&o->keys, key);
    if (value.len == 48) {
        pp_record_fixed(&o->objects, value.data, value.len);
    }
    return 0;
}

/* A round died while it stored these: they begin anew, and what lies there goes. */
static void drop_orphans(struct pp_sync *s)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    struct orphans o = {.s = s};
    net->ops->replay(net->impl, pp_str(UPLOAD_PREFIX), find_orphan, &o);
    for (size_t at = 0; at + 48 <= o.objects.len; at += 48) {
        struct pp_device_object object;
        if (pp_device_message(&object, o.objects.data + at, o.objects.data + at + 16) == PP_OK) {
            pp_delete_later(s->mail, pp_str(object.identifier), object.seed);
        }
        OPENSSL_cleanse(&object, sizeof object);
    }
    pp_mail_forget(s->mail, &o.keys);
    pp_buf_wipe(&o.objects);
}

/* --- what is over -------------------------------------------------------------------------- */

/* Deletions that everybody must have heard of by now, and octets of the last record, left in the
 * spool by a round that died after it was told. */
static void tidy(struct pp_sync *s)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    int64_t before = pp_mail_seconds(s->mail) - (int64_t)PP_DELETED_DAYS * 86400;
    struct pp_item *item, *next;
    char name[64];
    HASH_ITER(hh, s->state.items, item, next)
    {
        if (item->deleted.lamport && !pp_item_lives(item) && !item->here.there && !item->dirty &&
            item->deleted_at < before) {
            struct pp_buf none = {0};
            note(s, ITEM_PREFIX, item->name, &none);
            HASH_DEL(s->state.items, item);
            free(item);
        }
    }
    if (!s->self.out && s->self.next) {
        snprintf(name, sizeof name, "log.%llu", (unsigned long long)(s->self.next - 1));
        net->ops->blob_drop(net->impl, PP_PLACE_SPOOL, name);
    }
}

/* --- all ----------------------------------------------------------------------------------- */

int pp_sync_load(struct pp_sync *s)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    struct loading l = {s, PP_OK};
    int rc = load_secrets(s);
    rc = rc == PP_OK ? net->ops->replay(net->impl, pp_str(ITEM_PREFIX), load_item, &l) : rc;
    rc = rc == PP_OK ? net->ops->replay(net->impl, pp_str(SETTING_PREFIX), load_setting, &l) : rc;
    rc = rc == PP_OK ? net->ops->replay(net->impl, pp_str(OTHER_PREFIX), load_other, &l) : rc;
    rc = rc == PP_OK ? load_self(s) : rc;
    if (rc == PP_OK) {
        drop_orphans(s);
        tidy(s);
    }
    return rc;
}

struct each {
    int (*fn)(void *ctx, const struct pp_device_info *info);
    void *ctx;
};

static int each_other(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct each *e = ctx;
    struct pp_other other;
    if (read_other(&other, key, value) != PP_OK) {
        return 0;
    }
    struct pp_device_info info = {.name = other.name, .records = other.next, .seen = other.seen};
    memcpy(info.device, other.device, PP_DEVICE_ID);
    return e->fn(e->ctx, &info);
}

int pp_devices_each(struct pp_mail *mail, int (*fn)(void *ctx, const struct pp_device_info *info),
                    void *ctx)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct each e = {fn, ctx};
    struct pp_self self;
    struct pp_buf value = {0}, name = {0};
    int rc = 0;
    if (pp_mail_recall(mail, pp_str(SELF_KEY), &value) == PP_OK &&
        read_self(&self, &name, pp_buf_bytes(&value)) == PP_OK) {
        struct pp_device_info info = {.name = name.len ? (const char *)name.data : "",
                                      .here = true,
                                      .records = self.next,
                                      .seen = self.told};
        memcpy(info.device, self.device, PP_DEVICE_ID);
        rc = fn(ctx, &info);
    }
    pp_buf_free(&value);
    pp_buf_free(&name);
    return rc ? rc : net->ops->replay(net->impl, pp_str(OTHER_PREFIX), each_other, &e);
}
