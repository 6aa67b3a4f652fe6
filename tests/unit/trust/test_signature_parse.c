/* Signature fields from hostile octets: what is refused, and that the base is what was signed. */
#include <check.h>
#include <stdio.h>
#include <trust/signature.h>

#define COVERED "(\"@method\" \"@authority\" \"@path\" \"content-digest\")"
#define NONCE ";nonce=\"AAECAwQFBgcICQoLDA0ODw\""
#define KEYID ";keyid=\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\""
#define TAIL ";alg=\"ed25519\";tag=\"peerpost\""
#define PARAMS ";created=1;expires=2" NONCE KEYID TAIL

static const struct pp_covered covered = {
    .method = {(const uint8_t *)"DELETE", 6},
    .authority = {(const uint8_t *)"a.peerpost.alt", 14},
    .path = {(const uint8_t *)"/x", 2},
    .content_digest = {(const uint8_t *)"sha-256=:AA==:", 14}};

static int parse(const char *input, const char *signature, char *base, size_t cap)
{
    struct pp_signed s;
    int code = pp_signed_parse(&s, pp_str(input), pp_str(signature), &covered, NULL);
    if (code == PP_OK && base) {
        snprintf(base, cap, "%s", (char *)s.base.data);
    }
    if (code == PP_OK) {
        pp_signed_finish(&s);
    }
    return code;
}

static void test_base_as_rfc9421_builds_it(void)
{
    char base[1000];
    CU_ASSERT_EQUAL(parse("sig=" COVERED PARAMS, "sig=:AAAA:", base, sizeof base), PP_OK);
    CU_ASSERT_STRING_EQUAL(base, "\"@method\": DELETE\n"
                                 "\"@authority\": a.peerpost.alt\n"
                                 "\"@path\": /x\n"
                                 "\"content-digest\": sha-256=:AA==:\n"
                                 "\"@signature-params\": " COVERED PARAMS);
    /* Another order is as good: the base follows it. */
    CU_ASSERT_EQUAL(parse("s1=(\"@path\" \"content-digest\" \"@authority\" \"@method\")" TAIL KEYID
                          ";expires=2" NONCE ";created=1",
                          "s1=:AAAA:", base, sizeof base),
                    PP_OK);
    CU_ASSERT_EQUAL(strncmp(base, "\"@path\": /x\n\"content-digest\"", 28), 0);
}

static void test_refused(void)
{
    static const char *const inputs[] = {
        "",
        "sig",
        "sig=",
        "sig=(",
        "sig=()" PARAMS,
        "Sig=" COVERED PARAMS,
        "sig= " COVERED PARAMS,
        " sig=" COVERED PARAMS,
        "sig=" COVERED PARAMS " ",
        "sig=" COVERED PARAMS ", b=" COVERED PARAMS,
        "sig=(\"@method\" \"@authority\" \"@path\")" PARAMS,
        "sig=(\"@method\" \"@authority\"  \"@path\" \"content-digest\")" PARAMS,
        "sig=( \"@method\" \"@authority\" \"@path\" \"content-digest\")" PARAMS,
        "sig=(\"@method\" \"@authority\" \"@path\" \"content-digest\" )" PARAMS,
        "sig=(\"@method\" \"@authority\" \"@path\" \"content-digest\" \"pragma\")" PARAMS,
        "sig=(\"@method\" \"@authority\" \"@path\" \"content-digest\" \"date\")" PARAMS,
        "sig=(\"@method\" \"@authority\" \"@path\" \"content-digest\" \"@path\")" PARAMS,
        "sig=(\"@method\";req \"@authority\" \"@path\" \"content-digest\")" PARAMS,
        "sig=(\"@Method\" \"@authority\" \"@path\" \"content-digest\")" PARAMS,
        "sig=" COVERED,
        "sig=" COVERED ";created=1;expires=2" NONCE KEYID ";alg=\"ed25519\"",
        "sig=" COVERED ";expires=2" NONCE KEYID TAIL,
        "sig=" COVERED ";created=1" NONCE KEYID TAIL,
        "sig=" COVERED ";created=1;expires=2" KEYID TAIL,
        "sig=" COVERED ";created=1;expires=2" NONCE TAIL,
        "sig=" COVERED ";created=1;expires=2" NONCE KEYID ";tag=\"peerpost\"",
        "sig=" COVERED ";created=1;expires=2" NONCE KEYID ";alg=\"hmac-sha256\";tag=\"peerpost\"",
        "sig=" COVERED ";created=1;expires=2" NONCE KEYID ";alg=\"ed25519\";tag=\"other\"",
        "sig=" COVERED PARAMS ";created=1",
        "sig=" COVERED PARAMS ";more=1",
        "sig=" COVERED ";created=\"1\";expires=2" NONCE KEYID TAIL,
        "sig=" COVERED ";created=-1;expires=2" NONCE KEYID TAIL,
        "sig=" COVERED ";created=01;expires=2" NONCE KEYID TAIL,
        "sig=" COVERED ";created=;expires=2" NONCE KEYID TAIL,
        "sig=" COVERED ";created=1000000000000000;expires=2" NONCE KEYID TAIL,
        "sig=" COVERED ";created=1;expires=2;nonce=\"AAEC\"" KEYID TAIL,
        "sig=" COVERED ";created=1;expires=2;nonce=\"AAECAwQFBgcICQoLDA0OD=\"" KEYID TAIL,
        "sig=" COVERED ";created=1;expires=2" NONCE ";keyid=\"AAEC\"" TAIL,
    };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        int code = parse(inputs[i], "sig=:AAAA:", NULL, 0);
        if (code != PP_MALFORMED) {
            fprintf(stderr, "accepted: %s\n", inputs[i]);
        }
        CU_ASSERT_EQUAL(code, PP_MALFORMED);
    }
    static const char *const signatures[] = {"",
                                             "sig",
                                             "sig=",
                                             "sig=:",
                                             "sig=::",
                                             "sig=:AAAA",
                                             "sig=AAAA",
                                             "sig2=:AAAA:",
                                             "sig=:AAA:",
                                             "sig=:A A:",
                                             "sig=:AAAA:,",
                                             "sig=:AAAA: ",
                                             "sig=:AAAA:;x",
                                             "a=:AA==:, sig=:AAAA:"};
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        CU_ASSERT_EQUAL(parse("sig=" COVERED PARAMS, signatures[i], NULL, 0), PP_MALFORMED);
    }
}

static void test_bounds(void)
{
    char big[2100] = "sig=";
    memset(big + 4, 'a', sizeof big - 5);
    CU_ASSERT_EQUAL(parse(big, "sig=:AAAA:", NULL, 0), PP_TOO_BIG);
    CU_ASSERT_EQUAL(parse("sig=" COVERED PARAMS, big, NULL, 0), PP_TOO_BIG);
    memset(big, 'A', sizeof big); /* more octets than any signature has */
    memcpy(big, "sig=:", 5);
    memcpy(big + 5 + 4 * 200, ":", 2);
    CU_ASSERT_EQUAL(parse("sig=" COVERED PARAMS, big, NULL, 0), PP_MALFORMED);
}

static void test_no_line_end_through_a_value(void)
{
    struct pp_signed s;
    struct pp_covered evil = covered;
    evil.path = pp_str("/x\n\"content-digest\": y");
    CU_ASSERT_EQUAL(
        pp_signed_parse(&s, pp_str("sig=" COVERED PARAMS), pp_str("sig=:AAAA:"), &evil, NULL),
        PP_MALFORMED);
}

static void test_content_digest(void)
{
    uint8_t in[32] = {1, 2, 3}, out[32];
    struct pp_buf text = {0}, more = {0};
    pp_content_digest(&text, in);
    CU_ASSERT_EQUAL(pp_content_digest_parse(out, pp_buf_bytes(&text)), PP_OK);
    CU_ASSERT_EQUAL(memcmp(in, out, 32), 0);
    pp_buf_printf(&more, "sha-512=:AAAA:, %s ,unixsum=:AA==:", (char *)text.data);
    CU_ASSERT_EQUAL(pp_content_digest_parse(out, pp_buf_bytes(&more)), PP_OK);
    more.len = 0;
    pp_buf_printf(&more, "%s, %s", (char *)text.data, (char *)text.data);
    CU_ASSERT_EQUAL(pp_content_digest_parse(out, pp_buf_bytes(&more)), PP_MALFORMED);
    static const char *const bad[] = {
        "",           "sha-256",        "sha-256=",       "sha-256=:",
        "sha-256=::", "sha-256=:AAAA:", "sha-512=:AAAA:", "sha-256=:AAAA",
        ",",          "sha-512=:AAAA:,"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CU_ASSERT_EQUAL(pp_content_digest_parse(out, pp_str(bad[i])), PP_MALFORMED);
    }
    pp_buf_free(&text);
    pp_buf_free(&more);
}

CHECK_MAIN("signature_parse", CHECK(test_base_as_rfc9421_builds_it), CHECK(test_refused),
           CHECK(test_bounds), CHECK(test_no_line_end_through_a_value), CHECK(test_content_digest))
