/*
 * Answers: the one place where a status is counted, a problem document written and an answer ended.
 * Knows no primitive.
 */
#include <node/internal.h>

#include <stdio.h>

static void answer_count(struct node_exchange *x, int status)
{
    if (status >= 100 && status < 600) {
        x->node->counts.answered[x->r->primitive][status / 100]++;
    }
}

void node_answer(struct node_exchange *x, int status, const struct pp_answer_field *fields,
                 size_t n, int64_t length)
{
    if (x->dropped || x->answered) {
        return;
    }
    x->answered = true;
    answer_count(x, status);
    x->node->host->answer(x->r, status, fields, n, length);
}

void node_finish(struct node_exchange *x)
{
    if (!x->finished) {
        x->finished = true;
        if (!x->dropped) {
            x->node->host->finish(x->r);
        }
    }
}

void node_cut(struct node_exchange *x)
{
    if (!x->finished) {
        x->finished = true;
        if (!x->dropped) {
            x->node->host->cut(x->r);
        }
    }
}

void node_answer_empty(struct node_exchange *x, int status)
{
    node_answer(x, status, NULL, 0, 0);
    node_finish(x);
}

void node_pull_refusal(struct node_exchange *x)
{
    if (x->finished || x->dropped) {
        return;
    }
    struct pp_spans spans = {.n = 1, .fd = -1};
    spans.span[0] = pp_bytes(x->text.data + x->text_sent, x->text.len - x->text_sent);
    if (x->r->primitive != PP_STATUS && spans.span[0].len > 0) {
        x->text_sent += x->node->host->emit(x->r, &spans);
        if (x->text_sent < x->text.len) {
            return;
        }
    }
    node_finish(x);
}

/* extra: fields beside the content type. */
static void answer_problem(struct node_exchange *x, enum pp_problem problem, const char *detail,
                           const struct pp_answer_field *extra, size_t n_extra)
{
    if (x->answered || x->dropped) {
        return;
    }
    struct pp_answer_field fields[4] = {{"Content-Type", "application/problem+json"}};
    size_t n = 1;
    for (size_t i = 0; i < n_extra; i++) {
        fields[n++] = extra[i];
    }
    int status = pp_problem_status(problem);
    if (status == 401) {
        fields[n++] = (struct pp_answer_field){"WWW-Authenticate", "Signature"};
    }
    x->refused = true;
    if (pp_problem_write(&x->text, problem, detail) != PP_OK) {
        x->text.len = 0;
    }
    node_answer(x, status, fields, n, (int64_t)x->text.len);
    node_pull_refusal(x);
}

void node_refuse(struct node_exchange *x, enum pp_problem problem, const char *format, ...)
{
    char detail[400];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    answer_problem(x, problem, detail, NULL, 0);
}

void node_refuse_for(struct node_exchange *x, enum pp_problem problem, pp_ns wait,
                     const char *detail)
{
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%llu",
             (unsigned long long)((wait + PP_SECOND - 1) / PP_SECOND));
    struct pp_answer_field retry = {"Retry-After", seconds};
    x->node->counts.refused_rate++;
    answer_problem(x, problem, detail, &retry, 1);
}

void node_refuse_work(struct node_exchange *x, unsigned bits, const char *detail)
{
    char value[16];
    snprintf(value, sizeof value, "d=%u", bits);
    struct pp_answer_field work = {"Peerpost-Work", value};
    x->node->counts.refused_work++;
    answer_problem(x, PP_PROBLEM_WORK_WANTED, detail, &work, 1);
}

void node_refuse_code(struct node_exchange *x, int code)
{
    if (code == PP_FULL) {
        x->node->counts.refused_full++;
        node_refuse(x, PP_PROBLEM_STORE_FULL,
                    "The store of this node has no room and nothing that it may remove; store at "
                    "another of the k nodes.");
    } else if (code == PP_NOMEM || code == PP_BUSY) {
        node_refuse_for(x, PP_PROBLEM_BUSY, PP_SECOND,
                        "Out of memory for this request; try again.");
    } else {
        node_refuse(x, PP_PROBLEM_INTERNAL, "The node's store failed (%s); use another node.",
                    pp_error_text(code));
    }
}
