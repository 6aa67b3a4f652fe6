/*
 * invite: one file for newcomers, with the network's settings as peerpost's configuration has them
 * and the authority's certificate; see ca.h. It must not know the network.
 */
#include <ca/ca.h>

#include <base/file.h>
#include <stdio.h>

/* A value that may stand in quotes in YAML as it is. */
static bool is_plain(const char *text)
{
    size_t len = strlen(text);
    return len && len <= 200 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789.-_:[]% ") == len;
}

static int check(const struct ca_options *o, struct pp_error *error)
{
    const char *texts[] = {o->network, o->substrate};
    for (size_t i = 0; i < 2; i++) {
        if (texts[i] && !is_plain(texts[i])) {
            return pp_fail(error, PP_INVALID, "'%.100s' is no name of a network or substrate",
                           texts[i]);
        }
    }
    if (o->copies < 0 || o->copies > PP_K_MAX) {
        return pp_fail(error, PP_INVALID, "--k must be a number from 1 to %d", PP_K_MAX);
    }
    if (o->n_arguments == 0) {
        return pp_fail(error, PP_INVALID,
                       "invite takes the contacts of the network: address:port (UDP) of a few "
                       "nodes, as mail1.uni.example:4700");
    }
    for (size_t i = 0; i < o->n_arguments; i++) {
        if (!is_plain(o->arguments[i]) || !strchr(o->arguments[i], ':')) {
            return pp_fail(error, PP_INVALID,
                           "contact %zu is none: give address:port, as mail1.uni.example:4700",
                           i + 1);
        }
    }
    return PP_OK;
}

static int write_text(struct pp_buf *out, const struct ca *ca, const struct ca_options *o)
{
    pp_buf_printf(out,
                  "# An invitation to a Peerpost network. To accept it:\n"
                  "#   peerpost join THIS-FILE YOUR-ADDRESS\n"
                  "network:\n  name: \"%s\"\n  k: %lld\n"
                  "substrate:\n  plugin: \"%s\"\n"
                  "overlay:\n  contacts:\n",
                  o->network ? o->network : "peerpost", o->copies ? (long long)o->copies : 5,
                  o->substrate ? o->substrate : "chord");
    for (size_t i = 0; i < o->n_arguments; i++) {
        pp_buf_printf(out, "    - \"%s\"\n", o->arguments[i]);
    }
    return pp_certificate_pem(out, ca->root);
}

int ca_invite(const struct ca_options *o, struct pp_error *error)
{
    struct ca ca;
    struct pp_buf text = {0};
    int bad = check(o, error);
    bad = bad ? bad : ca_open(&ca, o, false, error);
    if (bad) {
        return bad;
    }
    bad = write_text(&text, &ca, o);
    if (!bad && o->out) {
        bad = pp_file_write(o->out, pp_buf_bytes(&text), 0644, error);
    } else if (!bad) {
        fwrite(text.data, 1, text.len, stdout);
    }
    if (!bad && o->out) {
        printf("%s\n", o->out);
    }
    pp_buf_free(&text);
    ca_close(&ca);
    return bad;
}
