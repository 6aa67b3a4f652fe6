/* The doctor's checks of this computer; see doctor.h. They must not know the network. */
#include <cli/doctor.h>

#include <box/files.h>
#include <box/maildir.h>
#include <box/scan.h>
#include <box/spool.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROOM ((uint64_t)16 << 20) /* octets that a day's mail may want */
#define SPOOL_SECONDS 3600

static pp_ns wall(void)
{
    return (pp_ns)time(NULL) * PP_SECOND;
}

/* --- who ----------------------------------------------------------------------------------- */

void doctor_identity(struct doctor *d)
{
    struct pp_config *config = d->cli->config;
    struct pp_error error = {0};
    struct stat st;
    const char *key = identity_key_name(config);
    if (identity_open(&d->who, config, &error) == PP_OK) {
        doctor_say(d, FINE, "key", "", "%zu key%s of %s", d->who.n_keys,
                   d->who.n_keys == 1 ? "" : "s", (const char *)d->who.address.data);
    } else if (access(pp_config_path(config, "user.certificate"), F_OK) != 0) {
        doctor_say(d, FAILURE, "enrolled",
                   access(key, F_OK) == 0
                       ? "send the request beside your key to your authority, then peerpost join "
                         "--answer FILE"
                       : "peerpost join INVITATION ADDRESS, or peerpost enrol",
                   "%s", error.text);
    } else if (stat(key, &st) == 0 && (st.st_mode & 077)) {
        doctor_say(d, FAILURE, "key", "chmod 600 that file", "%s", error.text);
    } else if (identity_is_locked(key)) {
        doctor_say(d, FAILURE, "passphrase",
                   "give the right one in PEERPOST_PASSPHRASE or by user.passphrase_command; is it "
                   "forgotten, peerpost enrol --lost makes a new key",
                   "%s", error.text);
    } else {
        struct pp_buf uri = {0};
        bool on_token = identity_key_uri(&uri, key);
        doctor_say(d, FAILURE, on_token ? "token" : "key",
                   on_token ? "plug the token in, and give its PIN in PEERPOST_PIN or by "
                              "user.passphrase_command"
                            : "",
                   "%s", error.text);
        pp_buf_free(&uri);
    }
}

void doctor_certificate(struct doctor *d)
{
    const struct pp_certificate *c = d->who.certificate;
    int rc = pp_authority_check(d->who.authority, c, PP_CERT_ADDRESS, wall());
    bool open = pp_authority_is_open(d->who.authority);
    if (rc == PP_REVOKED) {
        doctor_say(d, FAILURE, "certificate",
                   "peerpost enrol --lost asks for a new key and certificate",
                   "your certificate was revoked by your authority");
    } else if (rc == PP_EXPIRED) {
        doctor_say(d, FAILURE, "certificate",
                   c->not_before > wall() ? "set this computer's clock"
                                          : "peerpost enrol --renew asks for a new one; is this "
                                            "computer's clock right?",
                   "your certificate is not valid at this time");
    } else if (rc != PP_OK && !open) {
        doctor_say(d, FAILURE, "certificate",
                   "take trust.ca and certificate from the same authority, or join again",
                   "your certificate is not from the authority of trust.ca");
    } else if (c->not_after < wall() + 30 * PP_DAY) {
        doctor_say(d, WARNING, "certificate", "peerpost enrol --renew asks for a new one",
                   "your certificate ends in %llu days",
                   (unsigned long long)((c->not_after - wall()) / PP_DAY));
    } else {
        doctor_say(d, FINE, "certificate", "", "good for %llu days",
                   (unsigned long long)((c->not_after - wall()) / PP_DAY));
    }
    if (!open && pp_authority_is_stale(d->who.authority, wall())) {
        doctor_say(d, WARNING, "revocations",
                   "your authority should run peerpost-ca crl daily; mail goes on meanwhile",
                   "the list of revoked certificates is out of date, or none is known yet");
    }
}

/* --- where --------------------------------------------------------------------------------- */

/* Can a file of that many octets be made there? errno otherwise. */
static int try_room(const char *folder, uint64_t octets)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/.doctor-%ld", folder, (long)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    int code = octets ? posix_fallocate(fd, 0, (off_t)octets) : 0;
    close(fd);
    unlink(path);
    return code == EOPNOTSUPP ? 0 : code;
}

static void check_folder(struct doctor *d, const char *name, const char *folder)
{
    int code = try_room(folder, ROOM);
    if (code == ENOSPC || code == EDQUOT) {
        doctor_say(d, FAILURE, "disk", "make room: nothing is lost, mail waits where it is",
                   "the disk of %s is full", folder);
    } else if (code) {
        doctor_say(d, FAILURE, name, "make the folder yours: chown it, chmod 700",
                   "nothing can be written into %s: %s", folder, strerror(code));
    } else {
        doctor_say(d, FINE, name, "", "%s", folder);
    }
}

void doctor_folders(struct doctor *d)
{
    struct pp_error error = {0};
    char path[PATH_MAX];
    struct pp_config *config = d->cli->config;
    if (pp_maildir_make(session_maildir(config), &error) != PP_OK) {
        doctor_say(d, FAILURE, "maildir", "name a folder of yours in user.maildir", "%s",
                   error.text);
    } else {
        snprintf(path, sizeof path, "%s/tmp", session_maildir(config));
        check_folder(d, "maildir", path);
    }
    if (pp_box_make_folder(session_spool(config), &error) != PP_OK) {
        doctor_say(d, FAILURE, "state", "name a folder of yours in user.state", "%s", error.text);
    } else {
        check_folder(d, "state", session_spool(config));
    }
}

struct waiting {
    const char *folder;
    size_t n;
    time_t oldest;
};

static int count_old(void *ctx, const char *name)
{
    struct waiting *w = ctx;
    char path[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", w->folder, name);
    if (!strchr(name, '.') && stat(path, &st) == 0 && st.st_mtime + SPOOL_SECONDS < time(NULL)) {
        w->oldest = !w->n || st.st_mtime < w->oldest ? st.st_mtime : w->oldest;
        w->n++;
    }
    return 0;
}

void doctor_spool(struct doctor *d)
{
    struct waiting w = {session_spool(d->cli->config), 0, 0};
    pp_spool_each(w.folder, count_old, &w);
    if (w.n) {
        doctor_say(
            d, WARNING, "spool", "peerpost queue list says why; peerpost queue run tries again now",
            "%zu message%s wait%s for over an hour, the oldest for %lld hours", w.n,
            w.n == 1 ? "" : "s", w.n == 1 ? "s" : "", (long long)((time(NULL) - w.oldest) / 3600));
    }
}

/* --- helpers ------------------------------------------------------------------------------- */

static void check_server(struct doctor *d, const char *name, const char *address, const char *cure)
{
    char text[PP_SCAN_TEXT] = "";
    int fd = pp_scan_connect(address, text);
    if (fd < 0) {
        doctor_say(d, FAILURE, name, cure, "nothing answers at %s", address);
        return;
    }
    close(fd);
    doctor_say(d, FINE, name, "", "%s", address);
}

void doctor_helpers(struct doctor *d)
{
    const char *proxy = pp_config_text(d->cli->config, "anonymity.proxy");
    const char *virus = session_virus(d->cli->config);
    const char *spam = pp_config_text(d->cli->config, "filter.spam");
    if (*proxy) {
        const char *at = strstr(proxy, "://");
        check_server(d, "proxy", at ? at + 3 : proxy,
                     "start the proxy (for Tor: systemctl start tor); nothing goes past it");
    }
    if (*virus) {
        check_server(d, "virus", virus,
                     "start clamd, or take filter.virus out; mail is held meanwhile");
    }
    if (strncmp(spam, "rspamd:", 7) == 0) {
        check_server(d, "spam", spam + 7,
                     "start rspamd, or take filter.spam out; mail is held meanwhile");
    }
}
