/* Lists of senders; see filters.h. It must not know what is done with a blocked sender's mail. */
#include <session/filters.h>

#include <box/addresses.h>
#include <http/client.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define LIST_MAX ((uint64_t)32 << 20)
#define SECONDS 20

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

/* The list again when it is older than its period. What cannot be had now is said; the old list
 * serves on. */
static void refresh(struct pp_config *config, const char *url, const char *path)
{
    struct pp_error error = {0};
    struct stat st;
    int64_t period = pp_config_number(config, "filter.blocklist_period") / (int64_t)PP_SECOND;
    if (stat(path, &st) == 0 && st.st_mtime + period > time(NULL)) {
        return;
    }
    const char *proxy = pp_config_text(config, "anonymity.proxy");
    if (pp_download(url, path, *proxy ? proxy : NULL, LIST_MAX, SECONDS, &error) != PP_OK) {
        fprintf(stderr, "peerpost: filter.blocklist_url: %s\n", error.text);
    }
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
    if (*url) {
        refresh(config, url, pp_config_path(config, "filter.blocklist"));
    }
    int rc = open_list(&f->blocked, config, "filter.blocklist", error);
    rc = rc == PP_OK ? open_list(&f->listed, config, "filter.whitelist", error) : rc;
    o->blocked = is_blocked;
    o->listed = is_listed;
    o->lists = f;
    o->signed_only = pp_config_flag(config, "filter.signed_only");
    return rc;
}

void filters_close(struct filters *f)
{
    pp_addresses_close(f->blocked);
    pp_addresses_close(f->listed);
    *f = (struct filters){0};
}
