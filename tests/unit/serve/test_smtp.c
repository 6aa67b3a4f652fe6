/* Submission as RFC 5321, 6409 and 4954 have it, over a world in memory. */
#include "smtp_fake.h"

#include "check.h"
#include <stdio.h>

#define AUTH "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n" /* alice, secret */
#define HELLO "EHLO me\r\n" AUTH
#define ENVELOPE "MAIL FROM:<alice@a.example>\r\nRCPT TO:<bob@b.example>\r\n"

static struct smtp_fake f;

static const char *talk(const char *lines)
{
    smtp_fake_close(&f);
    smtp_fake_open(&f, 1000);
    smtp_fake_feed(&f, pp_str(lines), SIZE_MAX);
    return (const char *)f.out.data;
}

/* The last reply begins with these digits and enhanced code. */
static bool last_is(const char *reply)
{
    const char *all = (const char *)f.out.data, *line = all;
    for (const char *p = all; *p; p++) {
        if (p[0] == '\n' && p[1] && p > all && !(p[4] == '-')) {
            line = p + 1;
        }
    }
    return strncmp(line, reply, strlen(reply)) == 0;
}

static bool taken_is(const char *text)
{
    return f.taken.len && strcmp((const char *)f.taken.data, text) == 0;
}

static void test_greets_and_says_what_it_can(void)
{
    const char *out = talk("EHLO me\r\n");
    CU_ASSERT(strncmp(out, "220 ", 4) == 0);
    static const char *const can[] = {"PIPELINING", "SIZE 1000",           "8BITMIME",
                                      "SMTPUTF8",   "ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN"};
    for (size_t i = 0; i < sizeof can / sizeof *can; i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(out, can[i]));
    }
    CU_ASSERT_PTR_NULL(strstr(out, "250-HELP"));
    talk("HELO me\r\n");
    CU_ASSERT(last_is("250 localhost"));
    talk("EHLO\r\n");
    CU_ASSERT(last_is("501 5.5.4"));
}

static void test_small_talk(void)
{
    talk("noop x\r\n");
    CU_ASSERT(last_is("250 2.0.0"));
    talk("vrfy bob\r\n");
    CU_ASSERT(last_is("252 2.1.5"));
    talk("help\r\n");
    CU_ASSERT(last_is("214"));
    talk("expn all\r\n");
    CU_ASSERT(last_is("502 5.5.1"));
    talk("nonsense\r\n");
    CU_ASSERT(last_is("500 5.5.1"));
    talk("\r\n");
    CU_ASSERT(last_is("500 5.5.1"));
    talk("quit\r\nNOOP\r\n");
    CU_ASSERT(last_is("221 2.0.0"));
    CU_ASSERT_EQUAL(f.smtp.state, SMTP_OVER);
}

static void test_nonsense_is_bounded(void)
{
    struct pp_buf lines = {0};
    for (int i = 0; i < 2 * SMTP_NONSENSE_MAX; i++) {
        pp_buf_add_str(&lines, "GET / HTTP/1.1\r\n");
    }
    talk((const char *)lines.data);
    CU_ASSERT(last_is("421 4.7.0"));
    CU_ASSERT_EQUAL(f.smtp.state, SMTP_OVER);
    pp_buf_free(&lines);
}

static void test_logs_in(void)
{
    talk(HELLO);
    CU_ASSERT(last_is("235 2.7.0"));
    talk("EHLO me\r\nAUTH PLAIN\r\nAGFsaWNlAHNlY3JldA==\r\n");
    CU_ASSERT(last_is("235 2.7.0"));
    CU_ASSERT_PTR_NOT_NULL(strstr((const char *)f.out.data, "\r\n334 \r\n"));
    talk("EHLO me\r\nAUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\n");
    CU_ASSERT(last_is("235 2.7.0"));
    talk("EHLO me\r\nauth login YWxpY2U=\r\nc2VjcmV0\r\n");
    CU_ASSERT(last_is("235 2.7.0"));
    talk(HELLO AUTH);
    CU_ASSERT(last_is("503 5.5.1"));
    talk(AUTH);
    CU_ASSERT(last_is("503 5.5.1"));
}

static void test_bad_logins(void)
{
    talk("EHLO me\r\nAUTH PLAIN AGFsaWNlAHdyb25n\r\n");
    CU_ASSERT(last_is("535 5.7.8"));
    talk("EHLO me\r\nAUTH CRAM-MD5\r\n");
    CU_ASSERT(last_is("504 5.5.4"));
    talk("EHLO me\r\nAUTH PLAIN !!!\r\n");
    CU_ASSERT(last_is("501 5.5.2"));
    talk("EHLO me\r\nAUTH PLAIN =\r\n");
    CU_ASSERT(last_is("501 5.5.2"));
    talk("EHLO me\r\nAUTH LOGIN\r\n*\r\n");
    CU_ASSERT(last_is("501 5.7.0"));
    talk("EHLO me\r\nAUTH LOGIN\r\nYWxpY2U=\r\n!\r\n");
    CU_ASSERT(last_is("501 5.5.2"));
    /* bob's authority is not for alice's password */
    talk("EHLO me\r\nAUTH PLAIN Ym9iAGFsaWNlAHNlY3JldA==\r\n");
    CU_ASSERT(last_is("501 5.5.2"));
}

static void test_wrong_passwords_are_bounded(void)
{
    talk("EHLO me\r\nAUTH PLAIN AGFsaWNlAHdyb25n\r\nAUTH PLAIN AGFsaWNlAHdyb25n\r\n"
         "AUTH PLAIN AGFsaWNlAHdyb25n\r\n" AUTH);
    CU_ASSERT(last_is("421 4.7.0"));
    CU_ASSERT_EQUAL(f.waits, SMTP_TRIES_MAX);
    CU_ASSERT_FALSE(f.smtp.known);
}

static void test_nothing_goes_without_a_login(void)
{
    talk("MAIL FROM:<alice@a.example>\r\n");
    CU_ASSERT(last_is("503 5.5.1"));
    talk("EHLO me\r\n" ENVELOPE "DATA\r\n");
    CU_ASSERT(last_is("503 5.5.1"));
    CU_ASSERT_PTR_NOT_NULL(strstr((const char *)f.out.data, "530 5.7.0"));
}

static void test_sends(void)
{
    talk(HELLO ENVELOPE "RCPT TO:<BOB@B.example>\r\nRCPT TO: <carol@c.example>\r\nDATA\r\n"
                        "Subject: x\r\n\r\n..dot\r\n...\r\n. \r\nlast\r\n.\r\nNOOP\r\n");
    CU_ASSERT(last_is("250 2.0.0 Here"));
    CU_ASSERT_PTR_NOT_NULL(strstr((const char *)f.out.data, "250 2.0.0 Safe in the queue as name"));
    CU_ASSERT(taken_is("to bob@b.example carol@c.example\n"
                       "Subject: x\r\n\r\n.dot\r\n..\r\n \r\nlast\r\n\n"));
}

static void test_an_empty_message(void)
{
    talk(HELLO ENVELOPE "DATA\r\n.\r\n");
    CU_ASSERT(taken_is("to bob@b.example\n\n"));
}

static void test_ends_at_crlf_dot_crlf_alone(void)
{
    static const char *const smuggled[] = {"\n.\n", "\n.\r\n", "\r\n.\n",
                                           "\r.\r", "\r\n.\r", "\r.\r\n"};
    for (size_t i = 0; i < sizeof smuggled / sizeof *smuggled; i++) {
        char lines[300];
        snprintf(lines, sizeof lines, "%sDATA\r\nx%sMAIL FROM:<a@b>\r\n.\r\n", HELLO ENVELOPE,
                 smuggled[i]);
        talk(lines);
        CU_ASSERT(last_is("250 2.0.0 Safe"));
        CU_ASSERT_PTR_NOT_NULL(strstr((const char *)f.taken.data, "MAIL FROM:<a@b>"));
    }
}

static void test_envelopes(void)
{
    static const struct {
        const char *line, *reply;
    } cases[] = {
        {"MAIL FROM:<mallory@a.example>\r\n", "553 5.7.1"},
        {"MAIL FROM:<>\r\n", "553 5.7.1"},
        {"MAIL FROM:alice@a.example\r\n", "501 5.5.4"},
        {"MAIL FROM:<alice@a.example\r\n", "501 5.5.4"},
        {"MAIL FROM:<alice@a.example>x\r\n", "501 5.5.4"},
        {"MAIL TO:<alice@a.example>\r\n", "501 5.5.4"},
        {"MAIL\r\n", "501 5.5.4"},
        {"MAIL FROM:<alice@a.example> SIZE=1000 BODY=8BITMIME SMTPUTF8 AUTH=<>\r\n", "250 2.1.0"},
        {"mail from:<Alice@a.example> body=7bit\r\n", "250 2.1.0"},
        {"MAIL FROM:<alice@a.example> SIZE=1001\r\n", "552 5.3.4"},
        {"MAIL FROM:<alice@a.example> SIZE=99999999999999999999\r\n", "501 5.5.4"},
        {"MAIL FROM:<alice@a.example> SIZE=\r\n", "501 5.5.4"},
        {"MAIL FROM:<alice@a.example> BODY=BINARYMIME\r\n", "555 5.5.4"},
        {"MAIL FROM:<alice@a.example> RET=HDRS\r\n", "555 5.5.4"},
        {ENVELOPE "MAIL FROM:<alice@a.example>\r\n", "503 5.5.1"},
        {"RCPT TO:<bob@b.example>\r\n", "503 5.5.1"},
        {ENVELOPE "RCPT TO:<bob>\r\n", "553 5.1.3"},
        {ENVELOPE "RCPT TO:<>\r\n", "553 5.1.3"},
        {ENVELOPE "RCPT TO:<@relay.example,@x:carol@c.example>\r\n", "250 2.1.5"},
        {ENVELOPE "RCPT TO:<\"a > b\"@c.example>\r\n", "250 2.1.5"},
        {ENVELOPE "RCPT TO:<\"a\\\" > b\"@c.example>\r\n", "250 2.1.5"},
        {ENVELOPE "RCPT TO:<m\xc3\xbcller@b\xc3\xbc"
                  "cher.example>\r\n",
         "250 2.1.5"},
        {ENVELOPE "RCPT TO:<bob@b.example> NOTIFY=NEVER\r\n", "555 5.5.4"},
        {ENVELOPE "DATA now\r\n", "501 5.5.4"},
        {"MAIL FROM:<alice@a.example>\r\nDATA\r\n", "554 5.5.1"},
        {ENVELOPE "RSET\r\nDATA\r\n", "503 5.5.1"},
        {"RSET x\r\n", "501 5.5.4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char lines[400];
        snprintf(lines, sizeof lines, "%s%s", HELLO, cases[i].line);
        talk(lines);
        if (!last_is(cases[i].reply)) {
            printf("\n%swanted %s\n%s\n", cases[i].line, cases[i].reply, (const char *)f.out.data);
        }
        CU_ASSERT(last_is(cases[i].reply));
    }
}

static void test_recipients_are_bounded(void)
{
    struct pp_buf lines = {0};
    pp_buf_add_str(&lines, HELLO "MAIL FROM:<alice@a.example>\r\n");
    for (int i = 0; i <= SMTP_RECIPIENTS_MAX; i++) {
        pp_buf_printf(&lines, "RCPT TO:<r%d@b.example>\r\n", i);
    }
    talk((const char *)lines.data);
    CU_ASSERT(last_is("452 4.5.3"));
    CU_ASSERT_EQUAL(f.smtp.n_recipients, SMTP_RECIPIENTS_MAX);
    pp_buf_free(&lines);
}

static void test_size_is_bounded(void)
{
    struct pp_buf lines = {0};
    pp_buf_add_str(&lines, HELLO ENVELOPE "DATA\r\n");
    for (int i = 0; i < 100000; i++) {
        pp_buf_add_str(&lines, "0123456789\r\n");
    }
    pp_buf_add_str(&lines, ".\r\nNOOP\r\n");
    talk((const char *)lines.data);
    CU_ASSERT(last_is("250 2.0.0 Here"));
    CU_ASSERT_PTR_NOT_NULL(strstr((const char *)f.out.data, "\r\n552 5.3.4"));
    CU_ASSERT_EQUAL(f.taken.len, 0);
    CU_ASSERT(f.message.len <= 1000 + 16384);
    pp_buf_free(&lines);
}

static void test_long_lines(void)
{
    struct pp_buf lines = {0};
    for (int i = 0; i < 3 * SMTP_LINE_MAX; i++) {
        pp_buf_add_str(&lines, "x");
    }
    pp_buf_add_str(&lines, "\r\nNOOP\r\n");
    const char *out = talk((const char *)lines.data);
    CU_ASSERT(last_is("250 2.0.0"));
    const char *first = strstr(out, "500 5.5.6");
    CU_ASSERT(first && !strstr(first + 1, "500 5.5.6"));
    pp_buf_free(&lines);
}

/* A disk that is full, before, in the midst or at the end: said, and the session goes on. */
static void test_failing_disks(void)
{
    for (int i = 0; i < 4; i++) {
        smtp_fake_close(&f);
        smtp_fake_open(&f, 1000);
        f.begin_code = i == 0 ? PP_FULL : 0;
        f.add_code = i == 1 ? PP_FULL : 0;
        f.take_code = i == 2 ? PP_IO : i == 3 ? PP_MALFORMED : 0;
        smtp_fake_feed(&f, pp_str(HELLO ENVELOPE "DATA\r\n"), SIZE_MAX);
        if (i > 0) {
            smtp_fake_feed(&f, pp_str("x\r\n.\r\n"), SIZE_MAX);
        }
        CU_ASSERT(last_is(i < 2 ? "452 4.3.1" : i == 2 ? "451 4.3.0 no??room" : "554 5.6.0"));
        CU_ASSERT_EQUAL(f.smtp.state, SMTP_COMMAND);
    }
}

static void test_pieces_change_nothing(void)
{
    static const char session[] =
        HELLO ENVELOPE "DATA\r\na\r\n..b\r\n.\r\n" ENVELOPE "DATA\r\nc\r\n.\r\nQUIT\r\n";
    struct pp_buf out = {0}, taken = {0};
    talk(session);
    pp_buf_add(&out, f.out.data, f.out.len);
    pp_buf_add(&taken, f.taken.data, f.taken.len);
    for (size_t step = 1; step < sizeof session; step++) {
        smtp_fake_close(&f);
        smtp_fake_open(&f, 1000);
        smtp_fake_feed(&f, pp_str(session), step);
        CU_ASSERT(pp_bytes_equal(pp_buf_bytes(&f.out), pp_buf_bytes(&out)));
        CU_ASSERT(pp_bytes_equal(pp_buf_bytes(&f.taken), pp_buf_bytes(&taken)));
    }
    pp_buf_free(&out);
    pp_buf_free(&taken);
}

static void test_a_silent_client_is_told(void)
{
    talk("EHLO me\r\n");
    smtp_late(&f.smtp);
    CU_ASSERT(last_is("421 4.4.2"));
    CU_ASSERT_EQUAL(f.smtp.state, SMTP_OVER);
    smtp_fake_close(&f);
    f = (struct smtp_fake){0};
}

CHECK_MAIN("smtp", CHECK(test_greets_and_says_what_it_can), CHECK(test_small_talk),
           CHECK(test_nonsense_is_bounded), CHECK(test_logs_in), CHECK(test_bad_logins),
           CHECK(test_wrong_passwords_are_bounded), CHECK(test_nothing_goes_without_a_login),
           CHECK(test_sends), CHECK(test_an_empty_message), CHECK(test_ends_at_crlf_dot_crlf_alone),
           CHECK(test_envelopes), CHECK(test_recipients_are_bounded), CHECK(test_size_is_bounded),
           CHECK(test_long_lines), CHECK(test_failing_disks), CHECK(test_pieces_change_nothing),
           CHECK(test_a_silent_client_is_told))
