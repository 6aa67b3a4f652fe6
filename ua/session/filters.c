/* Lists of senders; see filters.h. It must not know what is done with a blocked sender's mail. */
#include <session/filters.h>

#include <box/addresses.h>
#include <http/client.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define LIST_MAX ((uint64_t)32 << 20)
#define SECONDS 20
#define AGAIN 3600 /* seconds after a try that failed */
#define TRIED_KEY "flist"

static bool is_blocked(void *ctx, const char *address)
{
    struct filters *f = ctx;
    return f->blocked && pp_addresses_have(f->blocked, address);
}

static bool is_listed(void *ctx, const char *address)
{
    struct filters *f = ctx;
    return f->listed && pp_addresses_have(f->listed, address);
}

static int open_list(struct pp_addresses **list, struct pp_config *config, const char *option,
                     struct pp_error *error)
{
    if (!*pp_config_text(config, option)) {
        return PP_OK;
    }
    *list = pp_addresses_open(pp_config_path(config, option));
    return *list ? PP_OK : pp_fail(error, PP_NOMEM, "out of memory");
}

int filters_open(struct filters *f, struct pp_config *config, struct pp_mail_options *o,
                 struct pp_error *error)
{
    const char *url = pp_config_text(config, "filter.blocklist_url");
    bool has_file = *pp_config_text(config, "filter.blocklist") != '\0';
    if (*url && !has_file) {
        return pp_config_fail(config, "filter.blocklist_url", error,
                              "filter.blocklist must name the file to keep it in");
    }
    *f = (struct filters){.config = config, .url = url, .idle = true};
    if (*url) {
        const char *proxy = pp_config_text(config, "anonymity.proxy");
        f->path = pp_config_path(config, "filter.blocklist");
        f->proxy = *proxy ? proxy : NULL;
    }
    int rc = open_list(&f->blocked, config, "filter.blocklist", error);
    rc = rc == PP_OK ? open_list(&f->listed, config, "filter.whitelist", error) : rc;
    o->blocked = is_blocked;
    o->listed = is_listed;
    o->lists = f;
    o->signed_only = pp_config_flag(config, "filter.signed_only");
    return rc;
}

/* --- fetching the list --------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool is_due(const struct filters *f, struct pp_mail *mail, int64_t changed)
{
    struct pp_buf value = {0};
    int64_t period = pp_config_number(f->config, "filter.blocklist_period") / (int64_t)PP_SECOND;
    int64_t now = pp_mail_seconds(mail), tried = 0;
    if (pp_mail_recall(mail, pp_str(TRIED_KEY), &value) == PP_OK && value.len == 8) {
        tried = (int64_t)pp_get64(value.data);
    }
    pp_buf_free(&value);
    return changed + period <= now && (tried > now || tried + least(period, AGAIN) <= now);
}

/* On a worker. */
static void fetch(void *ctx)
{
    struct filters *f = ctx;
    f->code = pp_download(f->url, f->path, f->proxy, LIST_MAX, SECONDS, &f->stop, &f->error);
}

static void fetched(void *ctx, bool dropped)
{
    struct filters *f = ctx;
    f->idle = true;
    if (!dropped && f->code != PP_OK && f->code != PP_CANCELLED) {
        fprintf(stderr, "peerpost: filter.blocklist_url: %s\n", f->error.text);
    }
}

static void note_try(struct pp_mail *mail)
{
    uint8_t value[8];
    pp_put64(value, (uint64_t)pp_mail_seconds(mail));
    pp_mail_note(mail, pp_str(TRIED_KEY), pp_bytes(value, sizeof value));
}

bool filters_refresh(struct filters *f, struct pp_mail *mail, struct pp_loop *loop)
{
    struct stat st;
    bool there = f->path && stat(f->path, &st) == 0;
    if (!f->path || !f->idle || !is_due(f, mail, there ? st.st_mtime : 0)) {
        return there || f->idle;
    }
    f->workers = f->workers ? f->workers : pp_workers_create(loop, 1, 1);
    if (f->workers && pp_workers_submit(f->workers, fetch, fetched, f) == PP_OK) {
        f->idle = false;
        note_try(mail);
    }
    return there || f->idle;
}

void filters_close(struct filters *f)
{
    atomic_store(&f->stop, true);
    pp_workers_destroy(f->workers);
    pp_addresses_close(f->blocked);
    pp_addresses_close(f->listed);
    *f = (struct filters){.idle = true};
}
