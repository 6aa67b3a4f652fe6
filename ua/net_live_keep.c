/*
 * Where blobs of the live pp_net are kept: the spool and the quarantine as plain files, mail in
 * Maildirs. The syncs happen on workers, several at once; the act hears when all is durable.
 */
#include <net_live_internal.h>

#include <base/crash.h>
#include <box/folders.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct pp_live_keep {
    struct pp_live_keep *next;
    struct pp_net_impl *net;
    struct pp_act *act; /* NULL: nobody listens any more */
    uint64_t token;
    struct pp_blob *blob;
    const char *folder;
    bool maildir, sent;
    char name[NAME_MAX + 1];
    int code;
};

static const char *folder_of(const struct pp_net_impl *net, enum pp_place place, bool *maildir)
{
    *maildir = place == PP_PLACE_NEW || place == PP_PLACE_JUNK || place == PP_PLACE_CHAT;
    switch (place) {
    case PP_PLACE_SPOOL:
        return net->spool;
    case PP_PLACE_NEW:
        return net->maildir;
    case PP_PLACE_QUARANTINE:
        return net->quarantine;
    case PP_PLACE_JUNK:
        return net->junk;
    case PP_PLACE_SIGNED:
        return net->signed_mail;
    case PP_PLACE_CHAT:
        return net->chat;
    case PP_PLACE_SENT:
        return net->maildir;
    }
    return NULL;
}

/* Names come from hashes and counters, but a wrong one must never leave the folder. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= NAME_MAX && name[0] != '.' && !strchr(name, '/');
}

static bool make_path(char out[PATH_MAX], const char *folder, const char *sub, const char *name)
{
    int n = snprintf(out, PATH_MAX, "%s%s/%s", folder, sub, name);
    return n > 0 && n < PATH_MAX;
}

static int64_t read_blob(void *ctx, uint64_t offset, void *out, size_t cap)
{
    return pp_live_blob_read(NULL, ctx, offset, out, cap);
}

/* On a worker. */
static void keep(void *ctx)
{
    struct pp_live_keep *k = ctx;
    char path[PATH_MAX];
    const struct pp_folder_file sent = {".Sent", k->name, "S", false};
    if (k->sent) {
        k->code = pp_folders_put(k->folder, &sent, read_blob, k->blob);
    } else if (k->maildir) {
        k->code = pp_maildir_keep(k->folder, k->name, read_blob, k->blob);
    } else if (make_path(path, k->folder, "", k->name)) {
        k->code = pp_live_blob_link(k->blob, k->folder, path);
        pp_crash("blob-kept");
    }
}

static void kept(void *ctx, bool dropped)
{
    struct pp_live_keep *k = ctx, **at = &k->net->keeps;
    while (*at != k) {
        at = &(*at)->next;
    }
    *at = k->next;
    if (!dropped) {
        pp_live_tell(k->net, PP_LIVE_KEPT, k->act, k->token, k->code, NULL);
    }
    pp_live_blob_free(k->net, k->blob);
    free(k);
}

void pp_live_keep(struct pp_net_impl *net, struct pp_act *act, struct pp_blob *b,
                  enum pp_place place, const char *name, uint64_t token)
{
    bool maildir;
    const char *folder = folder_of(net, place, &maildir);
    struct pp_live_keep *k = folder && is_name(name) ? calloc(1, sizeof *k) : NULL;
    if (!k) {
        pp_live_tell(net, PP_LIVE_KEPT, act, token, PP_IO, NULL);
        return;
    }
    *k = (struct pp_live_keep){.next = net->keeps,
                               .net = net,
                               .act = act,
                               .token = token,
                               .blob = pp_live_blob_ref(b),
                               .folder = folder,
                               .maildir = maildir,
                               .sent = place == PP_PLACE_SENT,
                               .code = PP_IO};
    snprintf(k->name, sizeof k->name, "%s", name);
    net->keeps = k;
    if (pp_workers_submit(net->workers, keep, kept, k) != PP_OK) {
        keep(k); /* too many at once: this one here and now */
        kept(k, false);
    }
}

void pp_live_keep_deafen(struct pp_net_impl *net, const struct pp_act *act, const uint64_t *token)
{
    for (struct pp_live_keep *k = net->keeps; k; k = k->next) {
        if ((!act || k->act == act) && (!token || k->token == *token)) {
            k->act = NULL;
        }
    }
}

struct pp_blob *pp_live_open(struct pp_net_impl *net, enum pp_place place, const char *name)
{
    bool maildir;
    char path[PATH_MAX];
    const char *folder = folder_of(net, place, &maildir);
    if (!folder || !is_name(name) || !make_path(path, folder, maildir ? "/new" : "", name)) {
        return NULL;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? NULL : pp_live_blob_from(fd);
}

void pp_live_drop(struct pp_net_impl *net, enum pp_place place, const char *name)
{
    bool maildir;
    char path[PATH_MAX];
    const char *folder = folder_of(net, place, &maildir);
    if (!folder || !is_name(name)) {
        return;
    }
    if (maildir) {
        pp_maildir_settle(folder, name);
    } else if (make_path(path, folder, "", name)) {
        unlink(path);
    }
}
