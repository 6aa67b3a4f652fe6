/*
 * A file from anywhere by its URL, in one blocking call; see client.h. It must not know what the
 * file is, nor any node.
 */
#include <http/client.h>

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct download {
    FILE *to;
    uint64_t left;
    const atomic_bool *stop;
};

static void global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t on_piece(char *data, size_t size, size_t n, void *ctx)
{
    struct download *d = ctx;
    size_t len = size * n;
    if (len > d->left) {
        return 0;
    }
    d->left -= len;
    return fwrite(data, 1, len, d->to);
}

/* libcurl asks about once a second, also while nothing comes. */
static int on_progress(void *ctx, curl_off_t all, curl_off_t now, curl_off_t all_up,
                       curl_off_t now_up)
{
    const struct download *d = ctx;
    (void)all, (void)now, (void)all_up, (void)now_up;
    return d->stop && atomic_load(d->stop);
}

static CURLcode run_download(const char *url, const char *path, const char *proxy,
                             struct download *d, long seconds, bool *unchanged)
{
    CURL *e = curl_easy_init();
    struct stat st;
    long unmet = 0;
    if (!e) {
        return CURLE_OUT_OF_MEMORY;
    }
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PROXY, proxy ? proxy : "");
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https,http,file");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(e, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TIMEOUT, seconds);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_piece);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, d);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, d);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    if (stat(path, &st) == 0) {
        curl_easy_setopt(e, CURLOPT_TIMECONDITION, (long)CURL_TIMECOND_IFMODSINCE);
        curl_easy_setopt(e, CURLOPT_TIMEVALUE_LARGE, (curl_off_t)st.st_mtime);
    }
    CURLcode code = curl_easy_perform(e);
    curl_easy_getinfo(e, CURLINFO_CONDITION_UNMET, &unmet);
    *unchanged = unmet != 0;
    curl_easy_cleanup(e);
    return code;
}

int pp_download(const char *url, const char *path, const char *proxy, uint64_t most, long seconds,
                const atomic_bool *stop, struct pp_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char aside[PATH_MAX];
    bool unchanged = false;
    pthread_once(&once, global_init);
    if (snprintf(aside, sizeof aside, "%s.new", path) >= (int)sizeof aside) {
        return pp_fail(error, PP_IO, "%s: the name is too long", path);
    }
    struct download d = {fopen(aside, "we"), most, stop};
    if (!d.to) {
        return pp_fail(error, PP_IO, "cannot write %s: %s", aside, strerror(errno));
    }
    CURLcode code = run_download(url, path, proxy, &d, seconds, &unchanged);
    bool written = fclose(d.to) == 0;
    if (code == CURLE_OK && unchanged) {
        utimensat(AT_FDCWD, path, NULL, 0); /* it is as new as it gets */
    }
    if (code == CURLE_OK && !unchanged && written && rename(aside, path) == 0) {
        return PP_OK;
    }
    unlink(aside);
    if (code == CURLE_OK) {
        return unchanged ? PP_OK : pp_fail(error, PP_IO, "cannot write %s", path);
    }
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        return pp_fail(error, PP_CANCELLED, "%s: stopped", url);
    }
    return pp_fail(error, code == CURLE_WRITE_ERROR ? PP_TOO_BIG : PP_UNREACHABLE,
                   "cannot get %s: %s", url,
                   code == CURLE_WRITE_ERROR ? "it is too big" : curl_easy_strerror(code));
}
