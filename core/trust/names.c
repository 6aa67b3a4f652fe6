/* Subject alternative names; see names.h. */
#include <trust/names.h>

#include <base/address.h>
#include <openssl/objects.h>

static struct pp_bytes string_bytes(const ASN1_STRING *s)
{
    return pp_bytes(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

/* The octets of an rfc822Name or a SmtpUTF8Mailbox. */
static bool name_address(const GENERAL_NAME *name, struct pp_bytes *out)
{
    if (name->type == GEN_EMAIL) {
        *out = string_bytes(name->d.rfc822Name);
        return true;
    }
    if (name->type != GEN_OTHERNAME ||
        OBJ_obj2nid(name->d.otherName->type_id) != NID_id_on_SmtpUTF8Mailbox ||
        name->d.otherName->value->type != V_ASN1_UTF8STRING) {
        return false;
    }
    *out = string_bytes(name->d.otherName->value->value.utf8string);
    return true;
}

int pp_names_addresses(const GENERAL_NAMES *names, struct pp_buf address[PP_ADDRESSES_MAX],
                       size_t *n)
{
    int count = sk_GENERAL_NAME_num(names);
    if (count < 1 || count > PP_ADDRESSES_MAX) {
        return PP_MALFORMED;
    }
    for (int i = 0; i < count; i++) {
        struct pp_bytes text;
        if (!name_address(sk_GENERAL_NAME_value(names, i), &text) ||
            pp_address_normal(&address[i], text) != PP_OK) {
            return PP_MALFORMED;
        }
        *n = (size_t)i + 1;
    }
    return PP_OK;
}

static void node_name(char out[2 * PP_ID_LEN + sizeof PP_NODE_DOMAIN], const struct pp_id *id)
{
    pp_hex(out, id->b, PP_ID_LEN);
    memcpy(out + 2 * (size_t)PP_ID_LEN, PP_NODE_DOMAIN, sizeof PP_NODE_DOMAIN);
}

bool pp_names_are_node(const GENERAL_NAMES *names, const struct pp_id *id)
{
    char want[2 * PP_ID_LEN + sizeof PP_NODE_DOMAIN];
    if (sk_GENERAL_NAME_num(names) != 1) {
        return false;
    }
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);
    node_name(want, id);
    return name->type == GEN_DNS && pp_bytes_is(string_bytes(name->d.dNSName), want);
}

GENERAL_NAME *pp_name_text(int type, struct pp_bytes text)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();
    if (!name || !value || !ASN1_STRING_set(value, text.data, (int)text.len)) {
        GENERAL_NAME_free(name);
        ASN1_IA5STRING_free(value);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, type, value);
    return name;
}

static GENERAL_NAME *utf8_mailbox(struct pp_bytes address)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_UTF8STRING *text = ASN1_UTF8STRING_new();
    ASN1_TYPE *value = ASN1_TYPE_new();
    ASN1_OBJECT *oid = OBJ_nid2obj(NID_id_on_SmtpUTF8Mailbox);
    if (!name || !text || !value || !ASN1_STRING_set(text, address.data, (int)address.len)) {
        goto fail;
    }
    ASN1_TYPE_set(value, V_ASN1_UTF8STRING, text);
    text = NULL;
    if (GENERAL_NAME_set0_othername(name, oid, value)) {
        return name;
    }
fail:
    GENERAL_NAME_free(name);
    ASN1_UTF8STRING_free(text);
    ASN1_TYPE_free(value);
    return NULL;
}

static GENERAL_NAME *address_name(struct pp_bytes address)
{
    for (size_t i = 0; i < address.len; i++) {
        if (address.data[i] >= 0x80) {
            return utf8_mailbox(address);
        }
    }
    return pp_name_text(GEN_EMAIL, address);
}

static bool push(GENERAL_NAMES *names, GENERAL_NAME *name)
{
    if (name && sk_GENERAL_NAME_push(names, name) > 0) {
        return true;
    }
    GENERAL_NAME_free(name);
    return false;
}

static int push_address(GENERAL_NAMES *names, const char *address, struct pp_error *error)
{
    struct pp_buf normal = {0};
    int bad = pp_address_normal(&normal, pp_str(address));
    if (bad) {
        pp_fail(error, bad, "'%.200s' is no e-mail address: give it as local@domain", address);
    } else if (!push(names, address_name(pp_buf_bytes(&normal)))) {
        bad = pp_fail(error, PP_NOMEM, "no memory for the names of a certificate");
    }
    pp_buf_free(&normal);
    return bad;
}

GENERAL_NAMES *pp_names_of_addresses(const char *const *addresses, size_t n, struct pp_error *error)
{
    if (n < 1 || n > PP_ADDRESSES_MAX) {
        pp_fail(error, PP_INVALID, "a certificate is for 1 to %d addresses, not for %zu",
                PP_ADDRESSES_MAX, n);
        return NULL;
    }
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    for (size_t i = 0; names && i < n; i++) {
        if (push_address(names, addresses[i], error) != PP_OK) {
            GENERAL_NAMES_free(names);
            return NULL;
        }
    }
    return names;
}

GENERAL_NAMES *pp_names_of_node(const struct pp_id *id)
{
    char text[2 * PP_ID_LEN + sizeof PP_NODE_DOMAIN];
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    node_name(text, id);
    if (names && push(names, pp_name_text(GEN_DNS, pp_str(text)))) {
        return names;
    }
    GENERAL_NAMES_free(names);
    return NULL;
}
