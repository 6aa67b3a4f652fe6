/* Problem documents; see problem.h. */
#include <node/problem.h>

static const struct problem {
    int status;
    const char *slug, *title;
} problems[] = {
#define X(name, status, slug, title) {status, slug, title},
    PP_PROBLEMS(X)
#undef X
};

int pp_problem_status(enum pp_problem problem)
{
    return problems[problem].status;
}

int pp_json_string(struct pp_buf *out, struct pp_bytes text)
{
    pp_buf_add(out, "\"", 1);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '"' || c == '\\') {
            pp_buf_printf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            pp_buf_printf(out, "\\u%04x", c);
        } else {
            pp_buf_add(out, &c, 1);
        }
    }
    return pp_buf_add(out, "\"", 1);
}

int pp_problem_write(struct pp_buf *out, enum pp_problem problem, const char *detail)
{
    const struct problem *p = &problems[problem];
    pp_buf_printf(out, "{\"type\":\"" PP_PROBLEM_BASE "%s\",\"title\":\"%s\",\"status\":%d,",
                  p->slug, p->title, p->status);
    pp_buf_add_str(out, "\"detail\":");
    pp_json_string(out, pp_str(detail));
    return pp_buf_add_str(out, "}\n");
}
