/* Opening bodies: the message comes back octet for octet; from what is altered nothing comes. */
#include "memory.h"

#include <sys/resource.h>

static struct identities ids;
static struct pp_certificate *alice;
static EVP_PKEY *alice_key;
static const uint8_t key[32] = {1, 2, 3};

static void check_round_trip(const void *octets, size_t len, bool sign, bool pad)
{
    struct pp_buf message = {0}, object = {0}, back = {0};
    struct pp_signer signer = {sign ? alice : NULL, sign ? alice_key : NULL};
    struct pp_opened opened;
    pp_buf_add(&message, octets, len);
    CU_ASSERT_EQUAL(memory_seal(&object, &message, &signer, key, pad), PP_OK);
    CU_ASSERT_EQUAL(memory_open(&back, &object, key, &opened), PP_OK);
    CU_ASSERT_TRUE(pp_bytes_equal(pp_buf_bytes(&message), pp_buf_bytes(&back)));
    CU_ASSERT_EQUAL(opened.is_signed, sign);
    if (sign) {
        CU_ASSERT_EQUAL(memcmp(opened.signer->keyid, alice->keyid, 32), 0);
    }
    pp_opened_finish(&opened);
    pp_buf_free(&message);
    pp_buf_free(&object);
    pp_buf_free(&back);
}

static void test_round_trips(void)
{
    static char big[300000];
    static const char odd[] = "From: a\r\n\r\n\0lone\rcr \xff\xfe\r\n";
    memset(big, 'z', sizeof big);
    for (int way = 0; way < 4; way++) {
        bool sign = way & 1, pad = way & 2;
        check_round_trip("", 0, sign, pad);
        check_round_trip("x", 1, sign, pad);
        check_round_trip(odd, sizeof odd - 1, sign, pad);
        check_round_trip("MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n", 50, sign,
                         pad);
        check_round_trip("Peerpost-Padding: x\r\n\r\n", 23, sign, pad);
        static const size_t sizes[] = {100, 4095, 4096, 65535, 65536, 65537, 131072, 300000};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            check_round_trip(big, sizes[i], sign, pad);
        }
    }
}

/* A message that looks like our own framing from outside is content like any other. */
static void test_message_that_mimics_the_framing(void)
{
    struct pp_signer signer = {alice, alice_key};
    struct pp_buf inner = {0}, object = {0}, plain = {0};
    struct pp_opened opened;
    pp_buf_add_str(&inner, "MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; "
                           "smime-type=signed-data; name=smime.p7m\r\nContent-Transfer-Encoding: "
                           "binary\r\n\r\n0");
    CU_ASSERT_EQUAL(memory_seal(&object, &inner, NULL, key, true), PP_OK);
    CU_ASSERT_EQUAL(memory_open(&plain, &object, key, &opened), PP_OK);
    CU_ASSERT_FALSE(opened.is_signed);
    CU_ASSERT_TRUE(pp_bytes_equal(pp_buf_bytes(&inner), pp_buf_bytes(&plain)));
    object.len = plain.len = 0;
    CU_ASSERT_EQUAL(memory_seal(&object, &inner, &signer, key, true), PP_OK);
    CU_ASSERT_EQUAL(memory_open(&plain, &object, key, &opened), PP_OK);
    CU_ASSERT_TRUE(opened.is_signed);
    CU_ASSERT_TRUE(pp_bytes_equal(pp_buf_bytes(&inner), pp_buf_bytes(&plain)));
    pp_opened_finish(&opened);
    pp_buf_free(&inner);
    pp_buf_free(&object);
    pp_buf_free(&plain);
}

/* Every octet of the object, changed: refused, and not one octet of message came out. */
static void test_tampering(void)
{
    struct pp_signer signer = {alice, alice_key};
    struct pp_buf message = {0}, object = {0}, back = {0};
    struct pp_opened opened;
    pp_buf_add_str(&message, "From: a@x\r\n\r\nHello\r\n");
    CU_ASSERT_EQUAL(memory_seal(&object, &message, &signer, key, false), PP_OK);
    for (size_t i = 0; i < object.len; i++) {
        object.data[i] ^= 0x40;
        int code = memory_open(&back, &object, key, &opened);
        CU_ASSERT_TRUE(code == PP_CRYPTO || code == PP_MALFORMED);
        CU_ASSERT_EQUAL(back.len, 0);
        CU_ASSERT_PTR_NULL(opened.signer);
        object.data[i] ^= 0x40;
    }
    size_t whole = object.len;
    for (object.len = 0; object.len < whole; object.len++) {
        int code = memory_open(&back, &object, key, &opened);
        CU_ASSERT_TRUE(code == PP_CRYPTO || code == PP_MALFORMED);
        CU_ASSERT_EQUAL(back.len, 0);
    }
    pp_buf_add(&object, "x", 1);
    CU_ASSERT_EQUAL(memory_open(&back, &object, key, &opened), PP_MALFORMED);
    object.len = whole;
    static const uint8_t other[32] = {1, 2, 4};
    CU_ASSERT_EQUAL(memory_open(&back, &object, other, &opened), PP_CRYPTO);
    CU_ASSERT_EQUAL(back.len, 0);
    pp_buf_free(&message);
    pp_buf_free(&object);
    pp_buf_free(&back);
}

/* A signature by somebody else's key: the message is there, as unsigned as any. */
static void test_signature_that_does_not_hold(void)
{
    EVP_PKEY *other;
    struct pp_buf message = {0}, object = {0}, back = {0};
    struct pp_opened opened;
    pp_key_generate(&other);
    struct pp_signer liar = {alice, other};
    pp_buf_add_str(&message, "From: a@x\r\n\r\nHello\r\n");
    CU_ASSERT_EQUAL(memory_seal(&object, &message, &liar, key, true), PP_OK);
    CU_ASSERT_EQUAL(memory_open(&back, &object, key, &opened), PP_OK);
    CU_ASSERT_FALSE(opened.is_signed);
    CU_ASSERT_PTR_NULL(opened.signer);
    CU_ASSERT_TRUE(pp_bytes_equal(pp_buf_bytes(&message), pp_buf_bytes(&back)));
    pp_opened_finish(&opened);
    EVP_PKEY_free(other);
    pp_buf_free(&message);
    pp_buf_free(&object);
    pp_buf_free(&back);
}

struct disk {
    FILE *file;
};

static int64_t disk_read(void *ctx, uint64_t offset, void *out, size_t cap)
{
    struct disk *d = ctx;
    return pread(fileno(d->file), out, cap, (off_t)offset);
}

static int disk_write(void *ctx, struct pp_bytes bytes)
{
    struct disk *d = ctx;
    return fwrite(bytes.data, 1, bytes.len, d->file) == bytes.len && fflush(d->file) == 0 ? PP_OK
                                                                                          : PP_IO;
}

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* 64 MiB through files: sealing and opening take pieces, not copies. */
static void test_big_body_in_little_memory(void)
{
    struct disk message = {tmpfile()}, object = {tmpfile()}, scratch = {tmpfile()},
                back = {tmpfile()};
    static char block[1 << 16];
    struct pp_opened opened;
    struct pp_signer signer = {alice, alice_key};
    uint8_t digest[32];
    uint64_t size;
    CHECK_FATAL(message.file && object.file && scratch.file && back.file);
    for (uint64_t at = 0; at < PP_MESSAGE_MAX; at += sizeof block) {
        memset(block, (int)(at >> 16), sizeof block);
        CU_ASSERT_EQUAL(disk_write(&message, pp_bytes(block, sizeof block)), PP_OK);
    }
    struct pp_source source = {disk_read, &message, PP_MESSAGE_MAX};
    struct pp_out out = {disk_write, &object}, to_scratch = {disk_write, &scratch},
                  to_back = {disk_write, &back};
    long before = peak_kib();
    CU_ASSERT_EQUAL(pp_seal_body(&source, &signer, key, true, &out, digest, &size, NULL), PP_OK);
    CU_ASSERT_TRUE(size <= PP_OBJECT_MAX);
    struct pp_source sealed = {disk_read, &object, size}, from_scratch = {disk_read, &scratch, 0};
    CU_ASSERT_EQUAL(pp_open_body(&sealed, key, &to_scratch, &from_scratch, &to_back, &opened, NULL),
                    PP_OK);
    CU_ASSERT_TRUE(opened.is_signed);
#ifndef __SANITIZE_ADDRESS__
    CU_ASSERT_TRUE(peak_kib() - before < 4096);
#else
    (void)before;
#endif
    CU_ASSERT_EQUAL(ftell(back.file), (long)PP_MESSAGE_MAX);
    memset(block, 255, sizeof block); /* what was written there */
    static char got[1 << 16];
    CU_ASSERT_EQUAL(disk_read(&back, 255u << 16, got, sizeof got), (int64_t)sizeof got);
    CU_ASSERT_EQUAL(memcmp(got, block, sizeof got), 0);
    pp_opened_finish(&opened);
    fclose(message.file);
    fclose(object.file);
    fclose(scratch.file);
    fclose(back.file);
}

static void test_begin(void)
{
    identities_init(&ids);
    alice = identities_user(&ids, "a@x", &alice_key);
}

static void test_end(void)
{
    pp_certificate_free(alice);
    EVP_PKEY_free(alice_key);
    identities_finish(&ids);
}

CHECK_MAIN("open_body", CHECK(test_begin), CHECK(test_round_trips),
           CHECK(test_message_that_mimics_the_framing), CHECK(test_tampering),
           CHECK(test_signature_that_does_not_hold), CHECK(test_big_body_in_little_memory),
           CHECK(test_end))
