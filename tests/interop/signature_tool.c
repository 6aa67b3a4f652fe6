/*
 * Signs and verifies one request from the command line, for tests against other implementations:
 *   signature_tool sign   KEY.pem METHOD AUTHORITY PATH DIGEST PRAGMA CREATED
 *   signature_tool verify PUBLIC.pem METHOD AUTHORITY PATH DIGEST PRAGMA    < the two field values
 * PRAGMA "-": the request has none. Expires 300 s after CREATED; keyid and nonce are fixed.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <trust/signature.h>

static const uint8_t keyid[32] = {1, 2, 3}, nonce[16] = {4, 5, 6};

static EVP_PKEY *load(const char *path, bool is_private)
{
    FILE *f = fopen(path, "r");
    EVP_PKEY *key = NULL;
    if (f) {
        key = is_private ? PEM_read_PrivateKey(f, NULL, NULL, NULL)
                         : PEM_read_PUBKEY(f, NULL, NULL, NULL);
        fclose(f);
    }
    return key;
}

static int sign(EVP_PKEY *key, const struct pp_covered *covered, const char *created)
{
    struct pp_buf input = {0}, signature = {0};
    int64_t when = strtoll(created, NULL, 10);
    int bad = pp_sign_request(&input, &signature, key, keyid, covered, when, when + 300, nonce);
    if (!bad) {
        printf("%s\n%s\n", (char *)input.data, (char *)signature.data);
    }
    pp_buf_free(&input);
    pp_buf_free(&signature);
    return bad;
}

static int verify(EVP_PKEY *key, const struct pp_covered *covered)
{
    char input[4096], signature[4096];
    struct pp_signed s;
    struct pp_error error = {0};
    if (!fgets(input, sizeof input, stdin) || !fgets(signature, sizeof signature, stdin)) {
        return PP_INVALID;
    }
    input[strcspn(input, "\n")] = 0;
    signature[strcspn(signature, "\n")] = 0;
    int bad = pp_signed_parse(&s, pp_str(input), pp_str(signature), covered, &error);
    if (bad) {
        fprintf(stderr, "%s\n", error.text);
        return bad;
    }
    bad = pp_signed_verify(&s, key);
    pp_signed_finish(&s);
    return bad;
}

int main(int argc, char **argv)
{
    bool signs = argc == 9 && strcmp(argv[1], "sign") == 0;
    if (!signs && !(argc == 8 && strcmp(argv[1], "verify") == 0)) {
        return 64;
    }
    struct pp_covered covered = {.method = pp_str(argv[3]),
                                 .authority = pp_str(argv[4]),
                                 .path = pp_str(argv[5]),
                                 .content_digest = pp_str(argv[6])};
    if (strcmp(argv[7], "-") != 0) {
        covered.pragma = pp_str(argv[7]);
    }
    EVP_PKEY *key = load(argv[2], signs);
    if (!key) {
        return 66;
    }
    int bad = signs ? sign(key, &covered, argv[8]) : verify(key, &covered);
    EVP_PKEY_free(key);
    return bad ? 1 : 0;
}
