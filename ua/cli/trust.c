/*
 * peerpost trust: which key each address is known by; the user says yes to a new one. It must not
 * know how certificates are found.
 */
#include <cli/cli.h>

#include <base/address.h>
#include <mail/directory.h>
#include <mail/pins.h>
#include <session/session.h>
#include <stdio.h>
#include <time.h>

#define PATIENCE (30 * PP_SECOND)

struct listing {
    struct cli *cli;
    struct pp_mail *mail;
    size_t n;
};

static const char *state_of(struct listing *l, struct pp_bytes address,
                            const struct pp_certificate *c, char seen_text[33])
{
    struct pp_authority *authority = pp_mail_is(l->mail)->authority;
    struct pp_certificate *seen = NULL;
    bool other = pp_directory_seen(l->mail, address, &seen) == PP_OK &&
                 memcmp(seen->spki_hash, c->spki_hash, 32) != 0 &&
                 seen->not_before >= c->not_before;
    if (other) {
        pp_pin_text(seen_text, seen);
    }
    pp_certificate_free(seen);
    return other                                          ? "held"
           : pp_authority_revoked(authority, c)           ? "revoked"
           : c->not_after < (pp_ns)time(NULL) * PP_SECOND ? "expired"
                                                          : "known";
}

static int print_one(void *ctx, struct pp_bytes address, struct pp_certificate *c)
{
    struct listing *l = ctx;
    char key[33], seen[33] = "", name[256];
    snprintf(name, sizeof name, "%.*s", (int)address.len, (const char *)address.data);
    pp_pin_text(key, c);
    const char *state = state_of(l, address, c, seen);
    if (l->cli->json) {
        printf("%s{\"address\":", l->n ? "," : "");
        cli_print_json(name);
        printf(",\"key\":\"%s\",\"state\":\"%s\",\"shown\":\"%s\"}", key, state, seen);
    } else {
        printf("%-8s %s  ", state, key);
        cli_print_safe(name);
        printf("%s%s\n", *seen ? "  shows another key: " : "", seen);
    }
    l->n++;
    return 0;
}

static int list(struct cli *cli, struct pp_mail *mail)
{
    struct listing l = {cli, mail, 0};
    printf("%s", cli->json ? "[" : "");
    pp_pin_each(mail, print_one, &l);
    printf("%s", cli->json ? "]\n" : "");
    return EX_OK;
}

static int decide(struct pp_mail *mail, const char *verb, struct pp_bytes address)
{
    struct pp_certificate *c = NULL;
    char key[33];
    const char *name = (const char *)address.data;
    if (strcmp(verb, "forget") == 0) {
        if (pp_pin_forget(mail, address) != PP_OK) {
            return cli_fails(EX_NOUSER, "no key of %s is known", name);
        }
        printf("the next key that %s shows is taken\n", name);
        return EX_OK;
    }
    if (pp_directory_seen(mail, address, &c) != PP_OK) {
        return cli_fails(EX_NOUSER, "no key of %s was seen yet: peerpost lookup %s", name, name);
    }
    pp_pin_set(mail, address, c);
    pp_pin_text(key, c);
    printf("%s has the key %s now; what was held goes out with the next queue run\n", name, key);
    pp_certificate_free(c);
    return EX_OK;
}

int cli_trust(struct cli *cli, int argc, char **argv)
{
    struct session *session = NULL;
    struct pp_error error = {0};
    struct pp_buf address = {0};
    const char *verb = NULL, *whose = NULL;
    for (int i = 1; i < argc; i++) {
        if (cli_flag(argv, i, "--json")) {
            cli->json = true;
        } else if (argv[i][0] == '-' || whose) {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        } else if (!verb) {
            verb = argv[i];
        } else {
            whose = argv[i];
        }
    }
    bool lists = !verb || strcmp(verb, "list") == 0;
    if (!lists && strcmp(verb, "accept") != 0 && strcmp(verb, "forget") != 0) {
        return cli_usage(cli, "unknown argument %s", verb);
    }
    if (!lists && (!whose || pp_address_normal(&address, pp_str(whose)) != PP_OK)) {
        return cli_usage(cli, whose ? "%s is no e-mail address" : "whose?%s", whose ? whose : "");
    }
    int rc = cli_session(&session, cli, PATIENCE, &error), code;
    if (rc != PP_OK) {
        code = cli_fail(&error);
    } else {
        code = lists ? list(cli, session_mail(session))
                     : decide(session_mail(session), verb, pp_buf_bytes(&address));
    }
    session_close(session);
    pp_buf_free(&address);
    return code;
}
