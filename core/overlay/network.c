/* The network's identity in words and as a hash; see network.h. */
#include <overlay/network.h>

#include <base/hash.h>
#include <inttypes.h>
#include <stdio.h>

static void add_option(struct pp_buf *out, const char *plugin, const struct pp_option *option,
                       const union pp_value *value)
{
    pp_buf_printf(out, "substrate.%s.%s=", plugin, option->name);
    switch (option->type) {
    case PP_OPT_INT:
    case PP_OPT_OCTETS:
    case PP_OPT_TIME:
        pp_buf_printf(out, "%" PRId64, value->number);
        break;
    case PP_OPT_BOOL:
        pp_buf_add_str(out, value->flag ? "true" : "false");
        break;
    case PP_OPT_STRING:
    case PP_OPT_LIST:
        for (const char *c = value->text ? value->text : ""; *c; c++) {
            pp_buf_add(out, *c == '\n' ? "," : c, 1);
        }
        break;
    }
    pp_buf_add_str(out, "\n");
}

int pp_network_init(struct pp_network *network, const struct pp_substrate *plugin,
                    const union pp_value *options, const char *name, unsigned k)
{
    memset(network, 0, sizeof *network);
    struct pp_buf *out = &network->text;
    pp_buf_printf(out, "network.name=%s\nnetwork.k=%u\n", name ? name : "", k);
    pp_buf_printf(out, "substrate.plugin=%s\n", plugin->plugin.name);
    pp_buf_printf(out, "substrate.%s wire format=%" PRIu32 "\n", plugin->plugin.name, plugin->wire);
    for (size_t i = 0; i < plugin->plugin.n_options; i++) {
        if (plugin->plugin.options[i].scope == PP_SCOPE_NETWORK) {
            add_option(out, plugin->plugin.name, &plugin->plugin.options[i], &options[i]);
        }
    }
    if (out->failed) {
        pp_network_finish(network);
        return PP_NOMEM;
    }
    uint8_t digest[32];
    pp_sha256(digest, pp_buf_bytes(out));
    memcpy(network->hash, digest, sizeof network->hash);
    return PP_OK;
}

void pp_network_finish(struct pp_network *network)
{
    pp_buf_free(&network->text);
}

struct pp_bytes pp_network_text(const struct pp_network *network)
{
    size_t len = network->text.len;
    return pp_bytes(network->text.data, len < PP_NETWORK_TEXT_MAX ? len : PP_NETWORK_TEXT_MAX);
}

/* Cuts the next line off; its name is before '=', its value after. */
static bool next_line(struct pp_bytes *text, struct pp_bytes *name, struct pp_bytes *value)
{
    if (text->len == 0) {
        return false;
    }
    const uint8_t *end = memchr(text->data, '\n', text->len);
    size_t len = end ? (size_t)(end - text->data) : text->len;
    const uint8_t *equals = memchr(text->data, '=', len);
    size_t name_len = equals ? (size_t)(equals - text->data) : len;
    *name = pp_bytes(text->data, name_len);
    *value = equals ? pp_bytes(equals + 1, len - name_len - 1) : pp_bytes(NULL, 0);
    size_t used = end ? len + 1 : len;
    *text = pp_bytes(text->data + used, text->len - used);
    return true;
}

static bool find_line(struct pp_bytes text, struct pp_bytes wanted, struct pp_bytes *value)
{
    struct pp_bytes name;
    while (next_line(&text, &name, value)) {
        if (pp_bytes_equal(name, wanted)) {
            return true;
        }
    }
    return false;
}

/* Hostile octets in a sentence: printable ASCII, at most 40 of them. */
static void printable(char out[48], struct pp_bytes in)
{
    size_t n = in.len < 40 ? in.len : 40;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = in.data[i];
        out[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
    out[n] = '\0';
    if (in.len > n) {
        memcpy(out + n, "...", 4);
    }
}

void pp_network_difference(const struct pp_network *network, const char *peer,
                           struct pp_bytes theirs, char *out, size_t cap)
{
    struct pp_bytes ours = pp_network_text(network), name, value, other;
    while (next_line(&ours, &name, &value)) {
        char what[48], here[48], there[48];
        bool found = find_line(theirs, name, &other);
        if (found && pp_bytes_equal(value, other)) {
            continue;
        }
        printable(what, name);
        printable(here, value);
        printable(there, found ? other : pp_str("(not set)"));
        snprintf(out, cap,
                 "node %s belongs to another network: its %s is \"%s\", ours is \"%s\"; make the "
                 "two equal or remove it from overlay.contacts",
                 peer, what, there, here);
        return;
    }
    snprintf(out, cap,
             "node %s belongs to another network: an option of scope network that we do not know "
             "differs; compare the two configurations and program versions",
             peer);
}
