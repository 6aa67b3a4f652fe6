/*
 * A user at work; see session.h. It must not know what is done in the session.
 */
#include <session/session.h>

#include <session/control.h>
#include <session/filters.h>

#include <base/address.h>
#include <base/file.h>
#include <box/files.h>
#include <box/maildir.h>
#include <config/loader.h>
#include <limits.h>
#include <mail/read.h>
#include <mail/revocations.h>
#include <mail/send.h>
#include <mail/sent.h>
#include <net_live.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CONTACTS_MAX 256
#define LIST_PATIENCE (2 * PP_SECOND)

struct session {
    struct identity who;
    struct pp_loop *loop;
    bool own_loop;
    struct control *lender; /* a serve that gave the journal away until this closes */
    struct pp_loaded *loaded;
    struct pp_net_impl *net;
    struct pp_mail *mail;
    struct filters filters;
    struct pp_config *config;
    struct pp_revocations *list; /* being asked for */
    bool listed;
};

/* A name in the state folder; kept for the process's life. */
static const char *in_state(struct pp_config *config, char out[PATH_MAX], const char *name)
{
    snprintf(out, PATH_MAX, "%s/%s", pp_config_path(config, "user.state"), name);
    return out;
}

const char *session_spool(struct pp_config *config)
{
    static _Thread_local char path[PATH_MAX];
    return in_state(config, path, "spool");
}

const char *session_maildir(struct pp_config *config)
{
    return pp_config_path(config, "user.maildir");
}

const char *session_junk(struct pp_config *config)
{
    static _Thread_local char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/.Junk", session_maildir(config));
    return path;
}

const char *session_chat(struct pp_config *config)
{
    static _Thread_local char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/.Chat", session_maildir(config));
    return path;
}

const char *session_quarantine(struct pp_config *config)
{
    static _Thread_local char path[PATH_MAX];
    return in_state(config, path, "quarantine");
}

const char *session_virus(struct pp_config *config)
{
    static _Thread_local char at[PATH_MAX + 8];
    const char *text = pp_config_text(config, "filter.virus");
    if (strncmp(text, "unix:", 5) != 0) {
        return text;
    }
    snprintf(at, sizeof at, "unix:%s", pp_config_resolve(config, text + 5));
    return at;
}

/* A path option that may be empty. */
static const char *optional_path(struct pp_config *config, const char *name)
{
    return *pp_config_text(config, name) ? pp_config_path(config, name) : NULL;
}

static const char *optional_text(struct pp_config *config, const char *name)
{
    const char *text = pp_config_text(config, name);
    return *text ? text : NULL;
}

/* Warns when the own certificate is bad or soon to be; goes on: others decide. */
static void check_certificate(const struct identity *who)
{
    pp_ns now = (pp_ns)time(NULL) * PP_SECOND;
    int rc = pp_authority_check(who->authority, who->certificate, PP_CERT_ADDRESS, now);
    if (rc != PP_OK && now > who->certificate->not_before) {
        fprintf(stderr,
                "peerpost: your certificate is %s: ask your authority for a new one "
                "(peerpost enrol --renew)\n",
                pp_error_text(rc));
    } else if (who->certificate->not_after < now + 30 * PP_DAY) {
        fprintf(stderr,
                "peerpost: your certificate ends in %llu days: renew it in time "
                "(peerpost enrol --renew)\n",
                (unsigned long long)((who->certificate->not_after - now) / PP_DAY));
    }
}

/* --- the session --------------------------------------------------------------------------- */

static int make_folders(struct pp_config *config, struct pp_error *error)
{
    static const char *const names[] = {"spool", "blobs", "quarantine", "signed"};
    char path[PATH_MAX];
    int rc = pp_maildir_make(session_maildir(config), error);
    rc = rc == PP_OK ? pp_maildir_make(session_junk(config), error) : rc;
    rc = rc == PP_OK ? pp_maildir_make(session_chat(config), error) : rc;
    for (size_t i = 0; rc == PP_OK && i < sizeof names / sizeof *names; i++) {
        rc = pp_box_make_folder(in_state(config, path, names[i]), error);
    }
    return rc;
}

static size_t list_of(struct pp_config *config, const char *name, const char *out[CONTACTS_MAX])
{
    size_t n = 0;
    for (const char *c; n < CONTACTS_MAX; n++) {
        c = pp_config_item(config, name, n);
        if (!c) {
            break;
        }
        out[n] = c;
    }
    return n;
}

static int load_plugin(struct session *s, struct pp_config *config, struct pp_overlay_options *o,
                       struct pp_error *error)
{
    int rc = pp_load_substrate(&s->loaded, &o->plugin, optional_path(config, "plugins.dir"),
                               pp_config_plugin_name(config, "substrate.plugin"), error);
    return rc == PP_OK ? pp_config_plugin(config, "substrate", &o->plugin->plugin,
                                          &o->plugin_options, error)
                       : rc;
}

/* Opens the live network; waits for another process of the user that holds the journal. */
/* A serve of the user that has the journal gives it away. */
static void borrow(struct session *s, struct pp_config *config)
{
    if (!s->lender && control_open(&s->lender, config) == PP_OK &&
        control_borrow(s->lender) != PP_OK) {
        control_close(s->lender);
        s->lender = NULL;
    }
}

static int open_net(struct session *s, struct pp_config *config,
                    const struct pp_net_live_options *o, pp_ns patience, void (*waiting)(void),
                    struct pp_error *error)
{
    const struct timespec pause = {0, 50000000};
    for (pp_ns waited = 0;; waited += 50 * PP_MS) {
        int rc = pp_net_live_open(&s->net, s->loop, o, error);
        if (rc != PP_BUSY || waited >= patience) {
            return rc;
        }
        borrow(s, config);
        if (waiting && !s->lender) {
            waiting();
        }
        nanosleep(&pause, NULL);
    }
}

static int connect_net(struct session *s, struct pp_config *config, pp_ns patience,
                       void (*waiting)(void), struct pp_error *error)
{
    char peers[PATH_MAX], journal[PATH_MAX], tickets[PATH_MAX], spool[PATH_MAX];
    char quarantine[PATH_MAX], blobs[PATH_MAX], signed_mail[PATH_MAX];
    const char *list[CONTACTS_MAX];
    struct pp_net_live_options o = {
        .overlay = {.network_name = pp_config_text(config, "network.name"),
                    .k = (unsigned)pp_config_number(config, "network.k"),
                    .contacts = list,
                    .n_contacts = list_of(config, "overlay.contacts", list),
                    .peers_file = in_state(config, peers, "peers")},
        .authority = s->who.authority,
        .bind = optional_text(config, "net.bind"),
        .connections = (unsigned)pp_config_number(config, "net.connections"),
        .tls = pp_config_flag(config, "http.tls"),
        .ticket_file = in_state(config, tickets, "tickets"),
        .journal = in_state(config, journal, "journal"),
        .spool = in_state(config, spool, "spool"),
        .quarantine = in_state(config, quarantine, "quarantine"),
        .blobs = in_state(config, blobs, "blobs"),
        .signed_mail = in_state(config, signed_mail, "signed"),
        .maildir = session_maildir(config),
        .junk = session_junk(config),
        .chat = session_chat(config),
        .virus = *session_virus(config) ? session_virus(config) : NULL,
        .spam = optional_text(config, "filter.spam"),
    };
    o.proxy = optional_text(config, "anonymity.proxy");
    const char *gateways[CONTACTS_MAX];
    if (o.proxy) {
        o.n_gateways = list_of(config, "anonymity.gateways", gateways);
        o.gateways = gateways;
        return open_net(s, config, &o, patience, waiting, error);
    }
    int rc = load_plugin(s, config, &o.overlay, error);
    return rc == PP_OK ? open_net(s, config, &o, patience, waiting, error) : rc;
}

/* copies.bodies, .target, .operations */
static int set_copies(struct pp_mail_options *o, struct pp_config *config, struct pp_error *error)
{
    const char *bodies = pp_config_text(config, "copies.bodies"), *target;
    char *end;
    o->copies_adaptive = strcmp(bodies, "adaptive") == 0;
    if (!o->copies_adaptive && strcmp(bodies, "fixed") != 0) {
        return pp_config_fail(config, "copies.bodies", error, "%s is neither fixed nor adaptive",
                              bodies);
    }
    target = pp_config_text(config, "copies.target");
    o->copies_target = strtod(target, &end);
    o->copies_operations = (unsigned)pp_config_number(config, "copies.operations");
    return !*target || *end || !(o->copies_target > 0 && o->copies_target < 1)
               ? pp_config_fail(config, "copies.target", error,
                                "%s is no number between 0 and 1, such as 0.999", target)
               : PP_OK;
}

struct settling {
    struct session *session;
    const char *maildir;
};

static void settle_one(void *ctx, const char *name)
{
    const struct settling *at = ctx;
    static const char kinds[] = "mo"; /* of mail; of short messages */
    for (const char *kind = kinds; *kind; kind++) {
        struct pp_buf key = {0}, mark = {0};
        pp_buf_printf(&key, "%c:%s", *kind, name);
        if (pp_mail_recall(at->session->mail, pp_buf_bytes(&key), &mark) == PP_OK) {
            pp_maildir_settle(at->maildir, name);
        }
        pp_buf_free(&key);
        pp_buf_free(&mark);
    }
}

/* Links in tmp/ of mail that is marked: left when a process died just after the mark. */
static void settle(struct session *s, const char *maildir)
{
    struct settling at = {s, maildir};
    pp_maildir_held(maildir, settle_one, &at);
}

static int make_mail(struct session *s, struct pp_config *config, struct pp_error *error)
{
    struct pp_mail_options o;
    pp_mail_options_default(&o);
    o.net = pp_net_live_mailnet(s->net);
    o.address = pp_buf_bytes(&s->who.address);
    o.certificates = s->who.certificates;
    o.keys = s->who.keys;
    o.n_keys = s->who.n_keys;
    o.rollover = pp_buf_bytes(&s->who.rollover);
    o.tag = pp_config_text(config, "address.tag");
    o.authority = s->who.authority;
    o.k = (unsigned)pp_config_number(config, "network.k");
    o.ops_store = (unsigned)pp_config_number(config, "ops.store");
    o.ops_append = (unsigned)pp_config_number(config, "ops.append");
    o.ops_fetch = (unsigned)pp_config_number(config, "ops.fetch");
    o.ops_read_inbox = (unsigned)pp_config_number(config, "ops.read_inbox");
    o.ops_connections = (unsigned)pp_config_number(config, "ops.connections");
    o.timeout = (pp_ns)pp_config_number(config, "net.timeout");
    o.max_age = (pp_ns)pp_config_number(config, "queue.max_age");
    o.keep_signed = pp_config_flag(config, "deliver.keep_signed");
    o.keep_sent = pp_config_flag(config, "devices.sync");
    o.anonymous = *pp_config_text(config, "anonymity.proxy") != '\0';
    o.delay = (pp_ns)pp_config_number(config, "anonymity.delay");
    int rc = set_copies(&o, config, error);
    rc = rc == PP_OK ? filters_open(&s->filters, config, &o, error) : rc;
    if (rc != PP_OK) {
        return rc;
    }
    s->mail = pp_mail_create(&o);
    if (!s->mail) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    settle(s, session_maildir(config));
    settle(s, session_junk(config));
    settle(s, session_chat(config));
    pp_send_sweep(s->mail);
    pp_sent_sweep(s->mail);
    pp_read_sweep(s->mail);
    return PP_OK;
}

int session_open_on(struct session **out, struct pp_config *config, struct pp_loop *loop,
                    pp_ns patience, void (*waiting)(void), struct pp_error *error)
{
    struct session *s = calloc(1, sizeof *s);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL); /* a node that hangs up: an error of its request, no more */
    int rc = s ? identity_open(&s->who, config, error) : pp_fail(error, PP_NOMEM, "out of memory");
    if (rc == PP_OK) {
        s->config = config;
        check_certificate(&s->who);
        s->own_loop = !loop;
        s->loop = loop ? loop : pp_loop_create();
        rc = s->loop ? PP_OK : pp_fail(error, PP_NOMEM, "cannot make an event loop");
    }
    rc = rc == PP_OK ? make_folders(config, error) : rc;
    rc = rc == PP_OK ? connect_net(s, config, patience, waiting, error) : rc;
    rc = rc == PP_OK ? make_mail(s, config, error) : rc;
    if (rc != PP_OK) {
        session_close(s);
        return rc;
    }
    *out = s;
    return PP_OK;
}

/* --- the revocation list ------------------------------------------------------------------- */

/* Kept beside the journal, so that the next run begins with it. */
static void on_list(void *ctx, bool taken)
{
    struct session *s = ctx;
    char path[PATH_MAX];
    struct pp_error error = {0};
    s->list = NULL;
    s->listed = true;
    if (taken && pp_file_write(in_state(s->config, path, "crl"), pp_authority_crl(s->who.authority),
                               0644, &error) != PP_OK) {
        fprintf(stderr, "peerpost: the new revocation list is not kept: %s\n", error.text);
    }
}

void session_refresh(struct session *s, pp_ns patience)
{
    pp_ns every = (pp_ns)pp_config_number(s->config, "crl.refresh");
    if (s->list || pp_authority_is_open(s->who.authority) || !pp_revocations_due(s->mail, every)) {
        return;
    }
    s->listed = false;
    s->list = pp_revocations_start(s->mail, on_list, s);
    if (s->list && patience) {
        session_run(s, &s->listed, patience); /* later is early enough for the rest */
    }
}

void session_refresh_lists(struct session *s, pp_ns patience)
{
    if (!filters_refresh(&s->filters, s->mail, s->loop) && patience) {
        session_await_lists(s, patience);
    }
}

void session_await_lists(struct session *s, pp_ns patience)
{
    session_run(s, &s->filters.idle, patience);
}

int session_open(struct session **out, struct pp_config *config, pp_ns patience,
                 void (*waiting)(void), struct pp_error *error)
{
    int rc = session_open_on(out, config, NULL, patience, waiting, error);
    if (rc == PP_OK) {
        session_refresh(*out, LIST_PATIENCE);
    }
    return rc;
}

void session_close(struct session *s)
{
    if (!s) {
        return;
    }
    pp_revocations_cancel(s->list);
    pp_mail_destroy(s->mail);
    filters_close(&s->filters);
    if (s->net) {
        pp_net_live_close(s->net);
    }
    if (s->own_loop && s->loop) {
        pp_loop_destroy(s->loop);
    }
    if (s->loaded) {
        pp_unload(s->loaded);
    }
    identity_finish(&s->who);
    control_close(s->lender); /* after the journal */
    free(s);
}

struct pp_mail *session_mail(struct session *s)
{
    return s->mail;
}

struct pp_loop *session_loop(struct session *s)
{
    return s->loop;
}

static void on_time(void *ctx)
{
    *(bool *)ctx = true;
}

bool session_run(struct session *s, const bool *flag, pp_ns time)
{
    bool over = false;
    struct pp_timer *timer = pp_timer_create(s->loop, on_time, &over);
    if (timer && time != PP_NEVER) {
        pp_timer_set(timer, pp_loop_now(s->loop).mono + time);
    }
    while (!*flag && !over) {
        pp_loop_turn(s->loop, true);
    }
    pp_timer_destroy(timer);
    return *flag;
}

const char *session_trouble(struct session *s)
{
    struct pp_overlay *overlay = pp_net_live_overlay(s->net);
    return overlay ? pp_overlay_mismatch(overlay) : NULL;
}
