/* Lists of addresses: forms of a line, domains and their subdomains, a file that changes. */
#include <box/addresses.h>

#include <check.h>
#include <stdio.h>
#include <unistd.h>

static char path[100];

static void write_list(const char *text)
{
    snprintf(path, sizeof path, "/tmp/pp-addresses-%d", (int)getpid());
    FILE *f = fopen(path, "w");
    CHECK_FATAL(f != NULL);
    fputs(text, f);
    fclose(f);
}

static void test_forms(void)
{
    write_list(
        "# known\nMallory@Bad.example\n@worse.example  \n *@worst.example # all\nplain.org\n\n");
    struct pp_addresses *list = pp_addresses_open(path);
    CU_ASSERT_TRUE(pp_addresses_have(list, "mallory@bad.example"));
    CU_ASSERT_FALSE(pp_addresses_have(list, "alice@bad.example"));
    CU_ASSERT_TRUE(pp_addresses_have(list, "x@worse.example"));
    CU_ASSERT_TRUE(pp_addresses_have(list, "x@worst.example"));
    CU_ASSERT_TRUE(pp_addresses_have(list, "x@sub.plain.org"));
    CU_ASSERT_FALSE(pp_addresses_have(list, "x@notplain.org"));
    CU_ASSERT_FALSE(pp_addresses_have(list, "x@org"));
    CU_ASSERT_FALSE(pp_addresses_have(list, ""));
    pp_addresses_close(list);
    unlink(path);
}

static void test_changes(void)
{
    write_list("a@x\n");
    struct pp_addresses *list = pp_addresses_open(path);
    CU_ASSERT_TRUE(pp_addresses_have(list, "a@x"));
    write_list("b@x\nc@x\n");
    CU_ASSERT_FALSE(pp_addresses_have(list, "a@x"));
    CU_ASSERT_TRUE(pp_addresses_have(list, "c@x"));
    unlink(path);
    CU_ASSERT_FALSE(pp_addresses_have(list, "c@x"));
    pp_addresses_close(list);
}

CHECK_MAIN("addresses", CHECK(test_forms), CHECK(test_changes))
