/* Private keys: made, kept in closed files, read back; see certificate.h. */
#include <trust/certificate.h>

#include <base/file.h>
#include <base/hash.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <unistd.h>

#define KEY_FILE_MAX (16u << 10)
/* scrypt: 16 MiB of work, what OpenSSL itself reads back within its default bound. */
#define SCRYPT_N 16384
#define SCRYPT_R 8
#define SCRYPT_P 1

int pp_key_generate(EVP_PKEY **key)
{
    *key = EVP_EC_gen("P-256");
    return *key ? PP_OK : PP_CRYPTO;
}

int pp_key_hash(EVP_PKEY *key, uint8_t hash[32])
{
    uint8_t *spki = NULL;
    int len = i2d_PUBKEY(key, &spki);
    if (len <= 0) {
        return PP_CRYPTO;
    }
    pp_sha256(hash, pp_bytes(spki, (size_t)len));
    OPENSSL_free(spki);
    return PP_OK;
}

struct pp_id pp_key_id(EVP_PKEY *key)
{
    uint8_t hash[32];
    struct pp_id id = {{0}};
    if (pp_key_hash(key, hash) == PP_OK) {
        memcpy(id.b, hash, PP_ID_LEN);
    }
    return id;
}

struct asked {
    const char *passphrase;
    bool was_asked;
};

/* OpenSSL's own callback would ask the terminal: a daemon has none. */
static int give_passphrase(char *out, int cap, int writing, void *ctx)
{
    struct asked *asked = ctx;
    (void)writing;
    asked->was_asked = true;
    size_t len = asked->passphrase ? strlen(asked->passphrase) : 0;
    if (!asked->passphrase || cap < 0 || len > (size_t)cap) {
        return -1;
    }
    memcpy(out, asked->passphrase, len);
    return (int)len;
}

static int read_private(struct pp_buf *text, const char *path, struct pp_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return pp_fail(error, errno == ENOENT ? PP_NOT_FOUND : PP_IO,
                       "cannot open the private key %s: %s", path, strerror(errno));
    }
    int bad = pp_file_is_private(fd, path, error);
    if (!bad && pp_buf_reserve(text, KEY_FILE_MAX) != PP_OK) {
        bad = pp_fail(error, PP_NOMEM, "no memory to read %s", path);
    }
    ssize_t n = 1;
    while (!bad && n > 0) {
        n = read(fd, text->data + text->len, KEY_FILE_MAX - text->len);
        if (n < 0) {
            bad = pp_fail(error, PP_IO, "cannot read %s: %s", path, strerror(errno));
        } else {
            text->len += (size_t)n;
        }
    }
    close(fd);
    return bad;
}

int pp_key_load(EVP_PKEY **key, const char *path, const char *passphrase, struct pp_error *error)
{
    struct pp_buf text = {0};
    struct asked asked = {passphrase, false};
    *key = NULL;
    int bad = read_private(&text, path, error);
    if (!bad) {
        BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
        *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked) : NULL;
        BIO_free(bio);
        if (!*key && asked.was_asked) {
            bad = pp_fail(error, PP_DENIED, "the private key %s is encrypted: %s", path,
                          passphrase ? "the passphrase given does not open it"
                                     : "give its passphrase");
        } else if (!*key) {
            bad = pp_fail(error, PP_MALFORMED, "%s holds no private key in PEM", path);
        }
        ERR_clear_error();
    }
    pp_buf_wipe(&text);
    return bad;
}

static bool write_encrypted(BIO *bio, EVP_PKEY *key, const char *passphrase)
{
    bool written = false;
    PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
    X509_ALGOR *scheme =
        PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
    X509_SIG *sealed = NULL;
    if (plain && scheme) {
        sealed = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), plain, scheme);
    }
    if (sealed) {
        scheme = NULL; /* sealed's now */
        written = PEM_write_bio_PKCS8(bio, sealed) == 1;
    }
    X509_ALGOR_free(scheme);
    X509_SIG_free(sealed);
    PKCS8_PRIV_KEY_INFO_free(plain);
    return written;
}

int pp_key_pem(struct pp_buf *pem, EVP_PKEY *key, const char *passphrase, struct pp_error *error)
{
    char *text;
    BIO *bio = BIO_new(BIO_s_secmem());
    bool made = bio && (passphrase ? write_encrypted(bio, key, passphrase)
                                   : PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
                                                                   NULL) == 1);
    long len = made ? BIO_get_mem_data(bio, &text) : 0;
    int bad = made ? pp_buf_add(pem, text, (size_t)len) : PP_CRYPTO;
    if (bad) {
        pp_fail(error, bad, "cannot encode the private key: %s", pp_error_text(bad));
    }
    BIO_free(bio);
    ERR_clear_error();
    return bad;
}

int pp_key_save(EVP_PKEY *key, const char *path, const char *passphrase, struct pp_error *error)
{
    struct pp_buf pem = {0};
    int bad = pp_key_pem(&pem, key, passphrase, error);
    bad = bad ? bad : pp_file_write(path, pp_buf_bytes(&pem), 0600, error);
    pp_buf_wipe(&pem);
    return bad;
}
