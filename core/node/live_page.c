/*
 * Pages: small answers that are made whole, for /.well-known/peerpost/ and the administrator. Knows
 * what a page is, not which there are.
 */
#include <node/live_internal.h>

#include <stdlib.h>

void live_page_begin(struct pp_live_page *page, struct pp_exchange *x,
                     const struct pp_request_head *head)
{
    *page = (struct pp_live_page){.exchange = x,
                                  .method = head->method,
                                  .path = head->path,
                                  .query = head->query,
                                  .has_query = head->has_query};
}

void live_page_pull(struct pp_live_page *page)
{
    struct pp_exchange *x = page->exchange;
    if (!x || !page->answered) {
        return;
    }
    struct pp_bytes rest = pp_bytes(page->body.data + page->sent, page->body.len - page->sent);
    if (rest.len > 0) {
        page->sent += pp_exchange_emit(x, &rest, 1);
    }
    if (page->sent == page->body.len) {
        pp_exchange_finish(x);
    }
}

static void page_answer(struct pp_live_page *page, int status, const char *type, const char *allow)
{
    struct pp_field fields[3] = {{pp_str("Content-Type"), pp_str(type)}};
    size_t n = 1;
    if (!page->exchange || page->answered) {
        return;
    }
    if (status == 503 || status == 429) {
        fields[n++] = (struct pp_field){pp_str("Retry-After"), pp_str("5")};
    }
    if (allow) {
        fields[n++] = (struct pp_field){pp_str("Allow"), pp_str(allow)};
    }
    page->answered = true;
    page->sent = 0;
    pp_exchange_answer(page->exchange, status, fields, n, (int64_t)page->body.len);
    live_page_pull(page);
}

void pp_live_page_answer(struct pp_live_page *page, int status, const char *type)
{
    page_answer(page, status, type, NULL);
}

void live_page_refuse(struct pp_live_page *page, enum pp_problem problem, const char *detail)
{
    page->body.len = 0;
    pp_problem_write(&page->body, problem, detail);
    page_answer(page, pp_problem_status(problem), "application/problem+json",
                problem == PP_PROBLEM_METHOD ? "GET, HEAD, PUT, DELETE" : NULL);
}

void pp_live_page_problem(struct pp_live_page *page, enum pp_code code, const char *detail)
{
    static const struct {
        int status;
        enum pp_problem problem;
    } by_status[] = {{400, PP_PROBLEM_MALFORMED},
                     {404, PP_PROBLEM_NOT_FOUND},
                     {405, PP_PROBLEM_METHOD},
                     {429, PP_PROBLEM_RATE},
                     {503, PP_PROBLEM_BUSY}};
    enum pp_problem problem = code == PP_INVALID ? PP_PROBLEM_METHOD : PP_PROBLEM_INTERNAL;
    for (size_t i = 0; i < sizeof by_status / sizeof *by_status && code != PP_INVALID; i++) {
        if (by_status[i].status == pp_error_status(code)) {
            problem = by_status[i].problem;
        }
    }
    live_page_refuse(page, problem, detail);
}

void live_page_finish(struct pp_live_page *page)
{
    pp_buf_free(&page->body);
}

static void pages_begin(void *ctx, struct pp_exchange *x, const struct pp_request_head *head)
{
    struct pp_pages *pages = ctx;
    struct pp_live_page *page = calloc(1, sizeof *page);
    pp_exchange_set(x, page);
    if (!page) {
        pp_exchange_answer(x, 503, NULL, 0, 0);
        pp_exchange_finish(x);
        return;
    }
    live_page_begin(page, x, head);
    pages->page(pages->ctx, page);
    page->method = page->path = page->query = pp_bytes(NULL, 0);
}

static size_t pages_body(void *ctx, struct pp_exchange *x, struct pp_bytes bytes)
{
    (void)ctx, (void)x;
    return bytes.len;
}

static void pages_end(void *ctx, struct pp_exchange *x)
{
    (void)ctx, (void)x;
}

static void pages_pull(void *ctx, struct pp_exchange *x)
{
    (void)ctx;
    if (pp_exchange_get(x)) {
        live_page_pull(pp_exchange_get(x));
    }
}

static void pages_gone(void *ctx, struct pp_exchange *x, bool whole)
{
    struct pp_pages *pages = ctx;
    struct pp_live_page *page = pp_exchange_get(x);
    (void)whole;
    if (!page) {
        return;
    }
    page->exchange = NULL;
    if (!page->answered) {
        pages->page_gone(pages->ctx, page);
    }
    live_page_finish(page);
    free(page);
}

const struct pp_handler pp_pages_handler = {.begin = pages_begin,
                                            .body = pages_body,
                                            .end = pages_end,
                                            .pull = pages_pull,
                                            .gone = pages_gone};
