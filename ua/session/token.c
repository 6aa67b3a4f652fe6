/*
 * Keys on PKCS#11 tokens, by libp11; see token.h. One module and login a process, kept until it
 * ends: whoever opens the keys anew, on whatever thread, gets those that are there.
 */
#include <session/token.h>

#include <session/identity.h>
#include <session/token_uri.h>

#include <libp11.h>
#include <pthread.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define KEYS_MAX 32

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what is open */
static struct {
    PKCS11_CTX *context; /* of `module` */
    char *module;
    PKCS11_SLOT *slots;
    unsigned n_slots;
    bool refused; /* the PIN */
    struct {
        char *uri;
        EVP_PKEY *key;
    } keys[KEYS_MAX];
    size_t n_keys;
} open_now;

static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "no reason is given";
}

/* Before the libraries behind it end. */
static void close_all(void)
{
    for (size_t i = 0; i < open_now.n_keys; i++) {
        EVP_PKEY_free(open_now.keys[i].key);
        free(open_now.keys[i].uri);
    }
    open_now.n_keys = 0;
    if (open_now.slots) {
        PKCS11_release_all_slots(open_now.context, open_now.slots, open_now.n_slots);
        open_now.slots = NULL;
    }
    if (open_now.module) {
        PKCS11_CTX_unload(open_now.context);
        PKCS11_CTX_free(open_now.context);
        free(open_now.module);
        open_now.module = NULL;
    }
}

static int open_module(const char *module, struct pp_error *error)
{
    if (open_now.module) {
        return strcmp(open_now.module, module) == 0
                   ? PP_OK
                   : pp_fail(error, PP_CONFIG,
                             "your keys are on tokens of two modules, %s and %s: name one that "
                             "knows both (p11-kit-proxy.so)",
                             open_now.module, module);
    }
    open_now.context = PKCS11_CTX_new();
    if (!open_now.context || PKCS11_CTX_load(open_now.context, module) != 0) {
        int rc =
            pp_fail(error, PP_CONFIG, "cannot load the PKCS#11 module %s (user.token_module): %s",
                    module, reason());
        PKCS11_CTX_free(open_now.context);
        return rc;
    }
    open_now.module = strdup(module);
    atexit(close_all);
    return open_now.module ? PP_OK : pp_fail(error, PP_NOMEM, "out of memory");
}

/* --- the token ----------------------------------------------------------------------------- */

static bool fits(const struct pp_buf *wanted, const char *is)
{
    return !wanted->len || (is && pp_bytes_is(pp_buf_bytes(wanted), is));
}

static PKCS11_SLOT *find_token(const struct token_uri *uri, unsigned *n)
{
    PKCS11_SLOT *found = NULL;
    *n = 0;
    for (unsigned i = 0; i < open_now.n_slots; i++) {
        PKCS11_TOKEN *t = open_now.slots[i].token;
        if (t && t->initialized && fits(&uri->token, t->label) && fits(&uri->serial, t->serialnr) &&
            fits(&uri->manufacturer, t->manufacturer) && fits(&uri->model, t->model)) {
            found = &open_now.slots[i];
            ++*n;
        }
    }
    return found;
}

static int choose_token(PKCS11_SLOT **out, const struct token_uri *uri, struct pp_error *error)
{
    unsigned n = 0;
    *out = open_now.slots ? find_token(uri, &n) : NULL;
    if (!*out && !open_now.n_keys) { /* looked for anew, as long as no key refers to the slots */
        if (open_now.slots) {
            PKCS11_release_all_slots(open_now.context, open_now.slots, open_now.n_slots);
            open_now.slots = NULL;
        }
        if (PKCS11_enumerate_slots(open_now.context, &open_now.slots, &open_now.n_slots) != 0) {
            open_now.slots = NULL;
            return pp_fail(error, PP_CONFIG, "the PKCS#11 module %s tells no slots: %s",
                           open_now.module, reason());
        }
        *out = find_token(uri, &n);
    }
    if (n == 1) {
        return PP_OK;
    }
    return n ? pp_fail(error, PP_CONFIG,
                       "the PKCS#11 URI of your key fits %u tokens: add serial=, as pkcs11-tool "
                       "--list-slots shows it",
                       n)
             : pp_fail(error, PP_NOT_FOUND,
                       "the token \"%s\" with your key is not there: plug it in (pkcs11-tool "
                       "--module %s --list-slots shows what is)",
                       uri->token.len ? (const char *)uri->token.data : "(any)", open_now.module);
}

/* --- the PIN ------------------------------------------------------------------------------- */

static int log_in_with(PKCS11_SLOT *slot, const char *pin, struct pp_error *error)
{
    if (PKCS11_login(slot, 0, pin) == 0) {
        return PP_OK;
    }
    open_now.refused = true;
    return pp_fail(error, PP_DENIED, "the token \"%s\" refuses the PIN: %s", slot->token->label,
                   reason());
}

static int log_in(PKCS11_SLOT *slot, struct pp_config *config, struct pp_error *error)
{
    const PKCS11_TOKEN *t = slot->token;
    const char *pin = NULL;
    char prompt[80];
    int is_in = 0;
    if (!t->loginRequired || (PKCS11_is_logged_in(slot, 0, &is_in) == 0 && is_in)) {
        return PP_OK;
    }
    if (t->userPinLocked || t->userPinFinalTry || open_now.refused) {
        return pp_fail(error, PP_DENIED, "the token \"%s\" %s", t->label,
                       t->userPinLocked ? "has locked itself after wrong PINs: unlock it with the "
                                          "program that came with it"
                       : t->userPinFinalTry
                           ? "has one try left for its PIN: make sure of it with pkcs11-tool "
                             "--login first"
                           : "refused the PIN before: it is not tried again, lest it locks itself");
    }
    if (t->secureLogin) {
        return log_in_with(slot, NULL, error); /* typed at the reader */
    }
    snprintf(prompt, sizeof prompt, "PIN of the token \"%.40s\"", t->label);
    int rc = identity_pin(&pin, config, prompt, error);
    return rc == PP_OK ? log_in_with(slot, pin, error) : rc;
}

/* --- the key ------------------------------------------------------------------------------- */

static bool is_wanted(const PKCS11_KEY *key, const struct token_uri *uri)
{
    struct pp_bytes id = pp_bytes(key->id, key->id_len);
    return fits(&uri->object, key->label) &&
           (!uri->id.len || pp_bytes_equal(id, pp_buf_bytes(&uri->id)));
}

static int find_key(EVP_PKEY **out, PKCS11_SLOT *slot, const struct token_uri *uri,
                    struct pp_error *error)
{
    PKCS11_KEY *keys = NULL, *found = NULL;
    unsigned n = 0, fitting = 0;
    int rc = PKCS11_enumerate_keys(slot->token, &keys, &n);
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        if (is_wanted(&keys[i], uri)) {
            found = &keys[i];
            fitting++;
        }
    }
    if (fitting != 1) {
        return pp_fail(error, fitting ? PP_CONFIG : PP_NOT_FOUND,
                       fitting
                           ? "the PKCS#11 URI of your key fits several keys on the token \"%s\": "
                             "add id="
                           : "the token \"%s\" has no such private key: pkcs11-tool --login "
                             "--list-objects shows what it has",
                       slot->token->label);
    }
    *out = PKCS11_get_private_key(found);
    return *out ? PP_OK
                : pp_fail(error, PP_CRYPTO,
                          "the token \"%s\" does not tell the public half of your key: store it "
                          "there too (%s)",
                          slot->token->label, reason());
}

static int load(EVP_PKEY **key, struct pp_config *config, const char *text, struct pp_error *error)
{
    struct token_uri uri;
    PKCS11_SLOT *slot = NULL;
    int rc = token_uri_read(&uri, text, error);
    if (rc != PP_OK) {
        return rc;
    }
    rc = open_module(uri.module.len ? (const char *)uri.module.data
                                    : pp_config_text(config, "user.token_module"),
                     error);
    rc = rc == PP_OK ? choose_token(&slot, &uri, error) : rc;
    rc = rc == PP_OK ? log_in(slot, config, error) : rc;
    rc = rc == PP_OK ? find_key(key, slot, &uri, error) : rc;
    token_uri_finish(&uri);
    ERR_clear_error();
    return rc;
}

/* One that is open already, and a reference to it. */
static bool find_open(EVP_PKEY **key, const char *uri)
{
    for (size_t i = 0; i < open_now.n_keys; i++) {
        if (strcmp(open_now.keys[i].uri, uri) == 0) {
            *key = open_now.keys[i].key;
            return EVP_PKEY_up_ref(*key) == 1;
        }
    }
    return false;
}

static int load_and_keep(EVP_PKEY **key, struct pp_config *config, const char *uri,
                         struct pp_error *error)
{
    if (open_now.n_keys == KEYS_MAX) {
        return pp_fail(error, PP_CONFIG, "more than %d keys on tokens", KEYS_MAX);
    }
    int rc = load(key, config, uri, error);
    char *kept = rc == PP_OK ? strdup(uri) : NULL;
    if (kept) {
        EVP_PKEY_up_ref(*key);
        open_now.keys[open_now.n_keys].uri = kept;
        open_now.keys[open_now.n_keys++].key = *key;
    }
    return rc;
}

int token_load_key(EVP_PKEY **key, struct pp_config *config, const char *uri,
                   struct pp_error *error)
{
    *key = NULL;
    pthread_mutex_lock(&lock);
    int rc = find_open(key, uri) ? PP_OK : load_and_keep(key, config, uri, error);
    pthread_mutex_unlock(&lock);
    return rc;
}

bool token_holds(const EVP_PKEY *key)
{
    bool holds = false;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < open_now.n_keys; i++) {
        holds |= open_now.keys[i].key == key;
    }
    pthread_mutex_unlock(&lock);
    return holds;
}
