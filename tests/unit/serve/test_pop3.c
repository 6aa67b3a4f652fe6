/* POP3 as RFC 1939, 2449, 3206 and 5034 have it, over a mailbox in memory. */
#include "pop3_fake.h"

#include "check.h"

#define LOGIN "USER alice\r\nPASS se cret\r\n"
#define GREETING "+OK Peerpost\r\n"
#define IN GREETING "+OK and the password?\r\n+OK 3 messages\r\n"

static struct pop3_fake f;

/* The session's replies are these. */
static bool talk(const char *lines, const char *replies)
{
    pop3_fake_close(&f);
    pop3_fake_open(&f, SIZE_MAX);
    pop3_fake_feed(&f, pp_str(lines), SIZE_MAX);
    bool same = strcmp((const char *)f.out.data, replies) == 0;
    if (!same) {
        printf("\n%s----\n%s", lines, (const char *)f.out.data);
    }
    return same;
}

static bool says(const char *lines, const char *reply)
{
    pop3_fake_close(&f);
    pop3_fake_open(&f, SIZE_MAX);
    pop3_fake_feed(&f, pp_str(lines), SIZE_MAX);
    return strstr((const char *)f.out.data, reply) != NULL;
}

static void test_logs_in(void)
{
    CU_ASSERT(talk(LOGIN, IN));
    CU_ASSERT(talk("auth plain AGFsaWNlAHNlIGNyZXQ=\r\n", GREETING "+OK 3 messages\r\n"));
    CU_ASSERT(talk("AUTH PLAIN\r\nAGFsaWNlAHNlIGNyZXQ=\r\n", GREETING "+ \r\n+OK 3 messages\r\n"));
    CU_ASSERT(talk("AUTH PLAIN\r\n*\r\n", GREETING "+ \r\n-ERR as you like\r\n"));
    CU_ASSERT(talk("AUTH\r\n", GREETING "+OK\r\nPLAIN\r\n.\r\n"));
    CU_ASSERT(says("AUTH CRAM-MD5\r\n", "-ERR"));
    CU_ASSERT(says("AUTH PLAIN AAAA\r\n", "-ERR"));
    CU_ASSERT(says("PASS x\r\n", "-ERR USER"));
    CU_ASSERT(says("USER\r\n", "-ERR"));
    CU_ASSERT(says("STAT\r\n", "-ERR not now"));
    CU_ASSERT(says(LOGIN "USER alice\r\n", "-ERR not now"));
    CU_ASSERT(says("FETCH\r\n", "-ERR there is no such command"));
}

static void test_wrong_passwords_are_bounded(void)
{
    CU_ASSERT(says("USER alice\r\nPASS wrong\r\n", "-ERR [AUTH]"));
    CU_ASSERT(says("USER alice\r\nPASS secret\r\n" LOGIN, "+OK 3"));
    CU_ASSERT_FALSE(says(
        "USER alice\r\nPASS a\r\nUSER alice\r\nPASS b\r\nUSER alice\r\nPASS c\r\n" LOGIN, "+OK 3"));
    CU_ASSERT_EQUAL(f.pop3.state, POP3_OVER);
    CU_ASSERT_EQUAL(f.waits, POP3_TRIES_MAX);
}

static void test_says_what_it_can(void)
{
    static const char *const can[] = {"TOP",        "USER",       "UIDL",
                                      "PIPELINING", "RESP-CODES", "SASL PLAIN"};
    for (size_t i = 0; i < sizeof can / sizeof *can; i++) {
        char line[40];
        snprintf(line, sizeof line, "\r\n%s\r\n", can[i]);
        CU_ASSERT(says("CAPA\r\n", line));
        CU_ASSERT(says(LOGIN "CAPA\r\n", line));
    }
    CU_ASSERT(says("CAPA\r\n", "\r\n.\r\n"));
}

static void test_a_mailbox_in_use(void)
{
    pop3_fake_close(&f);
    pop3_fake_open(&f, SIZE_MAX);
    f.open_code = PP_BUSY;
    pop3_fake_feed(&f, pp_str(LOGIN "STAT\r\n"), SIZE_MAX);
    CU_ASSERT_PTR_NOT_NULL(strstr((const char *)f.out.data, "-ERR [IN-USE]"));
    CU_ASSERT_PTR_NOT_NULL(strstr((const char *)f.out.data, "-ERR not now"));
}

static void test_lists(void)
{
    CU_ASSERT(talk(LOGIN "STAT\r\nLIST\r\nLIST 2\r\nUIDL\r\nUIDL 3\r\n",
                   IN "+OK 3 88\r\n+OK\r\n1 40\r\n2 32\r\n3 16\r\n.\r\n+OK 2 32\r\n"
                      "+OK\r\n1 u1\r\n2 u2\r\n3 u3\r\n.\r\n+OK 3 u3\r\n"));
    static const char *const bad[] = {"0", "4", "-1", "1x", "99999999999", "1 2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[80];
        snprintf(line, sizeof line, LOGIN "LIST %s\r\n", bad[i]);
        CU_ASSERT(says(line, "-ERR there is no such message"));
    }
}

static void test_retrieves(void)
{
    CU_ASSERT(talk(LOGIN "RETR 1\r\nRETR 2\r\nRETR 3\r\nRETR 4\r\nRETR\r\n",
                   IN "+OK\r\nSubject: one\r\n\r\nHello.\r\n..dot\r\n...\r\nfour\r\n.\r\n"
                      "+OK\r\nSubject: two\r\n\r\nno end of line\r\n.\r\n"
                      "+OK\r\nSubject: three\r\n.\r\n"
                      "-ERR there is no such message\r\n-ERR there is no such message\r\n"));
}

static void test_tops(void)
{
    CU_ASSERT(talk(LOGIN "TOP 1 0\r\nTOP 1 2\r\nTOP 1 99\r\nTOP 3 1\r\nTOP 1\r\nTOP 1 x\r\n",
                   IN "+OK\r\nSubject: one\r\n\r\n.\r\n"
                      "+OK\r\nSubject: one\r\n\r\nHello.\r\n..dot\r\n.\r\n"
                      "+OK\r\nSubject: one\r\n\r\nHello.\r\n..dot\r\n...\r\nfour\r\n.\r\n"
                      "+OK\r\nSubject: three\r\n.\r\n"
                      "-ERR TOP MESSAGE LINES\r\n-ERR TOP MESSAGE LINES\r\n"));
}

/* LIST's size is exactly what RETR sends, dots not doubled. */
static void test_sizes_are_exact(void)
{
    static const char *const texts[] = {"",   "a",      "a\n",     "a\r\n",  "a\r",      "\n\n",
                                        "\r", "a\rb\n", "a\n\r\n", "\r\r\n", "a\nb\r\n", "a\r\r"};
    static const uint64_t sizes[] = {0, 3, 3, 3, 3, 4, 2, 5, 5, 3, 6, 4};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t cut = 0; cut <= strlen(texts[i]); cut++) {
            struct pop3_measure m = {0};
            pop3_measure_add(&m, pp_bytes(texts[i], cut));
            pop3_measure_add(&m, pp_str(texts[i] + cut));
            CU_ASSERT_EQUAL(pop3_measure_end(&m), sizes[i]);
        }
    }
}

static void test_deletes_at_quit_only(void)
{
    CU_ASSERT(talk(LOGIN "DELE 2\r\nDELE 2\r\nRETR 2\r\nSTAT\r\nLIST\r\nQUIT\r\n",
                   IN "+OK gone at QUIT\r\n-ERR there is no such message\r\n"
                      "-ERR there is no such message\r\n+OK 2 56\r\n+OK\r\n1 40\r\n3 16\r\n.\r\n"
                      "+OK good bye\r\n"));
    CU_ASSERT_STRING_EQUAL((const char *)f.removed.data, "u2 ");
    CU_ASSERT(says(LOGIN "DELE 1\r\nRSET\r\nQUIT\r\n", "+OK good bye"));
    CU_ASSERT_EQUAL(f.removed.len, 0);
    CU_ASSERT(says(LOGIN "DELE 1\r\n", "gone"));
    CU_ASSERT_EQUAL(f.removed.len, 0);
    CU_ASSERT(talk("QUIT\r\n", GREETING "+OK good bye\r\n"));
}

static void test_what_fails_is_said(void)
{
    pop3_fake_close(&f);
    pop3_fake_open(&f, SIZE_MAX);
    f.remove_code = PP_IO;
    f.begin_code = PP_NOT_FOUND;
    pop3_fake_feed(&f, pp_str(LOGIN "RETR 1\r\nDELE 1\r\nQUIT\r\n"), SIZE_MAX);
    CU_ASSERT_PTR_NOT_NULL(strstr((const char *)f.out.data, "-ERR [SYS/TEMP] the message is gone"));
    CU_ASSERT_PTR_NOT_NULL(strstr((const char *)f.out.data, "-ERR [SYS/TEMP] some deleted"));
    /* A disk that fails in the midst: cut, without the dot that would make it look whole. */
    pop3_fake_close(&f);
    pop3_fake_open(&f, 0);
    pop3_fake_feed(&f, pp_str(LOGIN "RETR 1\r\nNOOP\r\n"), SIZE_MAX);
    CU_ASSERT_EQUAL(f.pop3.state, POP3_OVER);
    CU_ASSERT_STRING_EQUAL((const char *)f.out.data, IN "+OK\r\n");
}

static void test_long_lines_and_nonsense_end_it(void)
{
    struct pp_buf lines = {0};
    for (int i = 0; i <= POP3_LINE_MAX; i++) {
        pp_buf_add_str(&lines, "x");
    }
    CU_ASSERT(says((const char *)lines.data, "-ERR that line is too long"));
    CU_ASSERT_EQUAL(f.pop3.state, POP3_OVER);
    lines.len = 0;
    for (int i = 0; i < 2 * POP3_NONSENSE_MAX; i++) {
        pp_buf_add_str(&lines, "GET /\r\n");
    }
    says((const char *)lines.data, "");
    CU_ASSERT_EQUAL(f.pop3.state, POP3_OVER);
    pp_buf_free(&lines);
}

static void test_pieces_change_nothing(void)
{
    static const char session[] = LOGIN "LIST\r\nRETR 1\r\nTOP 2 1\r\nDELE 3\r\nQUIT\r\n";
    struct pp_buf out = {0};
    says(session, "");
    pp_buf_add(&out, f.out.data, f.out.len);
    for (size_t step = 1; step < sizeof session; step++) {
        pop3_fake_close(&f);
        pop3_fake_open(&f, step % 7 + 1);
        pop3_fake_feed(&f, pp_str(session), step);
        CU_ASSERT(pp_bytes_equal(pp_buf_bytes(&f.out), pp_buf_bytes(&out)));
    }
    pp_buf_free(&out);
    pop3_fake_close(&f);
    f = (struct pop3_fake){0};
}

CHECK_MAIN("pop3", CHECK(test_logs_in), CHECK(test_wrong_passwords_are_bounded),
           CHECK(test_says_what_it_can), CHECK(test_a_mailbox_in_use), CHECK(test_lists),
           CHECK(test_retrieves), CHECK(test_tops), CHECK(test_sizes_are_exact),
           CHECK(test_deletes_at_quit_only), CHECK(test_what_fails_is_said),
           CHECK(test_long_lines_and_nonsense_end_it), CHECK(test_pieces_change_nothing))
