/*
 * peerpost sign: the options with which curl makes a signed request to a node. It must not know
 * what the request is for.
 */
#include <cli/cli.h>

#include <session/session.h>

#include <base/encode.h>
#include <base/hash.h>
#include <ctype.h>
#include <stdio.h>
#include <time.h>
#include <trust/signature.h>

#define LIFE 300

struct wish {
    const char *method, *pragma, *confirm;
    char authority[128];
    const char *path;
};

/* https://<40 hex>.peerpost.alt/path */
static bool parse_url(struct wish *w, const char *url)
{
    static const char scheme[] = "https://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) {
        return false;
    }
    url += sizeof scheme - 1;
    const char *slash = strchr(url, '/');
    size_t len = slash ? (size_t)(slash - url) : 0;
    if (len < 40 || len >= sizeof w->authority || strpbrk(slash, "?'\"\\ ")) {
        return false;
    }
    memcpy(w->authority, url, len);
    w->authority[len] = '\0';
    w->path = slash;
    return true;
}

/* A word for the shell, in single quotes. */
static void quoted(const char *word)
{
    putchar('\'');
    for (const char *p = word; *p; p++) {
        printf(*p == '\'' ? "'\\%c'" : "%c", *p);
    }
    putchar('\'');
}

static void field(const char *name, const char *value)
{
    struct pp_buf line = {0};
    pp_buf_printf(&line, "%s: %s", name, value);
    printf(" -H ");
    quoted(line.len ? (const char *)line.data : "");
    pp_buf_free(&line);
}

static int print_signed(const struct identity *who, const struct wish *w, struct pp_error *error)
{
    uint8_t empty[32], nonce[16];
    struct pp_buf digest = {0}, input = {0}, signature = {0}, der = {0}, certificate = {0};
    pp_sha256(empty, pp_bytes(NULL, 0));
    pp_content_digest(&digest, empty);
    pp_random(nonce, sizeof nonce);
    int64_t now = (int64_t)time(NULL);
    struct pp_covered covered = {
        .method = pp_str(w->method),
        .authority = pp_str(w->authority),
        .path = pp_str(w->path),
        .content_digest = pp_buf_bytes(&digest),
        .pragma = w->pragma ? pp_str(w->pragma) : pp_bytes(NULL, 0),
        .confirm = w->confirm ? pp_str(w->confirm) : pp_bytes(NULL, 0),
    };
    int rc = pp_sign_request(&input, &signature, who->key, who->certificate->keyid, &covered, now,
                             now + LIFE, nonce);
    pp_base64(&der, pp_buf_bytes(&who->certificate->der));
    pp_buf_printf(&certificate, ":%s:", der.len ? (const char *)der.data : "");
    if (rc == PP_OK && !certificate.failed) {
        printf("-X ");
        quoted(w->method);
        if (w->pragma) {
            field("Pragma", w->pragma);
        }
        if (w->confirm) {
            field("Peerpost-Confirm", w->confirm);
        }
        field("Peerpost-Certificate", (const char *)certificate.data);
        field("Content-Digest", (const char *)digest.data);
        field("Signature-Input", (const char *)input.data);
        field("Signature", (const char *)signature.data);
        printf(" 'https://%s", w->authority);
        printf("%s'\n", w->path);
    } else {
        pp_fail(error, rc ? rc : PP_NOMEM, "cannot sign: %s", pp_error_text(rc ? rc : PP_NOMEM));
    }
    pp_buf_free(&digest);
    pp_buf_free(&input);
    pp_buf_free(&signature);
    pp_buf_free(&der);
    pp_buf_free(&certificate);
    return rc;
}

int cli_sign(struct cli *cli, int argc, char **argv)
{
    struct wish w = {0};
    struct identity who = {0};
    struct pp_error error = {0};
    const char *url = NULL, *value;
    for (int i = 1; i < argc; i++) {
        if ((value = cli_value(argc, argv, &i, "--pragma"))) {
            w.pragma = value;
        } else if ((value = cli_value(argc, argv, &i, "--confirm"))) {
            w.confirm = value;
        } else if (argv[i][0] == '-' || url) {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        } else if (!w.method) {
            w.method = argv[i];
        } else {
            url = argv[i];
        }
    }
    if (!url || !parse_url(&w, url)) {
        return cli_usage(cli, "wanted are a method and a URL like "
                              "https://<node's id>.peerpost.alt/<identifier>");
    }
    int rc = identity_open(&who, cli->config, &error);
    rc = rc == PP_OK ? print_signed(&who, &w, &error) : rc;
    identity_finish(&who);
    return rc == PP_OK ? EX_OK : cli_fail(&error);
}
