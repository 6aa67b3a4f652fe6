/*
 * A small certificate authority for tests: a root for the domains "x" and ".x", users and nodes.
 * Valid from one hour before IDENTITIES_NOW for 90 days. Its files lie in a folder of their own.
 */
#ifndef IDENTITIES_H
#define IDENTITIES_H

#include <base/file.h>
#include <check.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <trust/authority.h>
#include <trust/issue.h>
#include <unistd.h>

#define IDENTITIES_NOW 1800000000 /* seconds: 2027-01-15 */
#define IDENTITIES_WALL ((pp_ns)IDENTITIES_NOW * PP_SECOND)

struct identities {
    EVP_PKEY *root_key;
    struct pp_certificate *root;
    struct pp_issuer issuer;
    struct pp_validity validity;
    char folder[40], ca_file[64], crl_file[64];
};

static inline void identities_init(struct identities *i)
{
    static const char *const domains[] = {"x", ".x"};
    struct pp_buf pem = {0};
    *i = (struct identities){.validity = {IDENTITIES_NOW - 3600, IDENTITIES_NOW + 90 * 86400}};
    snprintf(i->folder, sizeof i->folder, "/tmp/peerpost-ids.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(i->folder));
    snprintf(i->ca_file, sizeof i->ca_file, "%s/root.pem", i->folder);
    snprintf(i->crl_file, sizeof i->crl_file, "%s/crl.pem", i->folder);
    CU_ASSERT_EQUAL_FATAL(pp_key_generate(&i->root_key), PP_OK);
    CU_ASSERT_EQUAL_FATAL(
        pp_issue_root(&i->root, i->root_key, "Test root", domains, 2, &i->validity, NULL), PP_OK);
    i->issuer = (struct pp_issuer){i->root, i->root_key, NULL};
    CU_ASSERT_EQUAL_FATAL(pp_certificate_pem(&pem, i->root), PP_OK);
    CU_ASSERT_EQUAL_FATAL(pp_file_write(i->ca_file, pp_buf_bytes(&pem), 0644, NULL), PP_OK);
    pp_buf_free(&pem);
}

static inline void identities_finish(struct identities *i)
{
    pp_certificate_free(i->root);
    EVP_PKEY_free(i->root_key);
    unlink(i->ca_file);
    unlink(i->crl_file);
    rmdir(i->folder);
}

/* A fresh key and certificate for one address. */
static inline struct pp_certificate *identities_user(struct identities *i, const char *address,
                                                     EVP_PKEY **key)
{
    struct pp_certificate *c = NULL;
    CU_ASSERT_EQUAL_FATAL(pp_key_generate(key), PP_OK);
    CU_ASSERT_EQUAL_FATAL(pp_issue_address(&c, &i->issuer, *key, &address, 1, &i->validity, NULL),
                          PP_OK);
    return c;
}

static inline struct pp_certificate *identities_node(struct identities *i, EVP_PKEY **key)
{
    struct pp_certificate *c = NULL;
    CU_ASSERT_EQUAL_FATAL(pp_key_generate(key), PP_OK);
    CU_ASSERT_EQUAL_FATAL(pp_issue_node(&c, &i->issuer, *key, &i->validity, NULL), PP_OK);
    return c;
}

/* Writes crl_file: a list, valid a week from IDENTITIES_NOW, that revokes c (NULL: nobody). */
static inline void identities_revoke(struct identities *i, const struct pp_certificate *c,
                                     uint64_t number)
{
    uint8_t serial[32];
    struct pp_buf pem = {0};
    struct pp_revocation revoked = {pp_bytes(serial, 0), IDENTITIES_NOW};
    struct pp_validity week = {IDENTITIES_NOW, IDENTITIES_NOW + 7 * 86400};
    if (c) {
        revoked.serial.len = pp_certificate_serial(c, serial, sizeof serial);
        CU_ASSERT_TRUE_FATAL(revoked.serial.len > 0);
    }
    CU_ASSERT_EQUAL_FATAL(pp_issue_crl(&pem, &i->issuer, &revoked, c ? 1 : 0, number, &week, NULL),
                          PP_OK);
    CU_ASSERT_EQUAL_FATAL(pp_file_write(i->crl_file, pp_buf_bytes(&pem), 0644, NULL), PP_OK);
    pp_buf_free(&pem);
}

#endif
