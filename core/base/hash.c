/* SHA-256 and randomness through OpenSSL; see hash.h. */
#include <base/hash.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>

/* A digest that fails means a broken library: nothing that stands on it may go on. */
static void must(int ok)
{
    if (ok != 1) {
        abort();
    }
}

void pp_sha256(uint8_t out[32], struct pp_bytes in)
{
    must(
        EVP_Digest(in.data ? in.data : (const uint8_t *)"", in.len, out, NULL, EVP_sha256(), NULL));
}

struct pp_name pp_name_of(struct pp_bytes identifier)
{
    struct pp_name name;
    pp_sha256(name.b, identifier);
    return name;
}

struct pp_id pp_place_of(struct pp_bytes identifier)
{
    struct pp_name name = pp_name_of(identifier);
    return pp_name_key(&name);
}

struct pp_id pp_id_of_key(struct pp_bytes spki_der)
{
    return pp_place_of(spki_der); /* the same hash, cut to the same length */
}

struct pp_hash {
    EVP_MD_CTX *context;
};

struct pp_hash *pp_hash_create(void)
{
    struct pp_hash *h = malloc(sizeof *h);
    if (!h) {
        return NULL;
    }
    h->context = EVP_MD_CTX_new();
    if (!h->context) {
        free(h);
        return NULL;
    }
    pp_hash_reset(h);
    return h;
}

void pp_hash_add(struct pp_hash *h, struct pp_bytes in)
{
    must(EVP_DigestUpdate(h->context, in.data, in.len));
}

void pp_hash_digest(struct pp_hash *h, uint8_t out[32])
{
    must(EVP_DigestFinal_ex(h->context, out, NULL));
}

void pp_hash_reset(struct pp_hash *h)
{
    must(EVP_DigestInit_ex(h->context, EVP_sha256(), NULL));
}

void pp_hash_destroy(struct pp_hash *h)
{
    if (h) {
        EVP_MD_CTX_free(h->context);
        free(h);
    }
}

void pp_random(void *out, size_t len)
{
    must(RAND_bytes(out, (int)len));
}

unsigned pp_leading_zeros(const uint8_t hash[32])
{
    unsigned n = 0;
    while (n < 256 && !(hash[n / 8] & (0x80 >> n % 8))) {
        n++;
    }
    return n;
}
