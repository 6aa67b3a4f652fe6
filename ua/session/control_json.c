/* What goes over the control socket, as JSON and back; see control.h. */
#include <session/control.h>

#include <base/encode.h>
#include <stdio.h>

json_t *control_octets(struct pp_bytes octets)
{
    struct pp_buf text = {0};
    json_t *string = pp_base64(&text, octets) == PP_OK
                         ? json_stringn_nocheck(text.len ? (const char *)text.data : "", text.len)
                         : NULL;
    pp_buf_wipe(&text);
    return string;
}

int control_to_octets(struct pp_buf *out, const json_t *object, const char *member)
{
    const json_t *string = json_object_get(object, member);
    return string
               ? pp_unbase64(out, pp_bytes(json_string_value(string), json_string_length(string)))
               : PP_OK;
}

static json_t *text(const char *s)
{
    return control_octets(pp_str(s ? s : ""));
}

static void to_text(char *out, size_t cap, const json_t *object, const char *member)
{
    struct pp_buf octets = {0};
    bool good = control_to_octets(&octets, object, member) == PP_OK && octets.len;
    snprintf(out, cap, "%s", good ? (const char *)octets.data : "");
    pp_buf_free(&octets);
}

static unsigned number(const json_t *object, const char *member)
{
    json_int_t n = json_integer_value(json_object_get(object, member));
    return n < 0 || n > INT32_MAX ? 0 : (unsigned)n;
}

static bool flag(const json_t *object, const char *member)
{
    return json_is_true(json_object_get(object, member));
}

/* --- letters ------------------------------------------------------------------------------- */

json_t *control_letter(const struct pp_letter_info *info)
{
    const struct pp_notification *n = info->notification;
    json_t *object = json_pack("{si so so so}", "end", (int)info->end, "file", text(info->file),
                               "signature", text(info->signature), "why", text(info->why));
    if (object && n) {
        json_object_set_new(object, "from", control_octets(pp_buf_bytes(&n->from)));
        json_object_set_new(object, "subject", control_octets(pp_buf_bytes(&n->subject)));
        json_object_set_new(object, "date", control_octets(pp_buf_bytes(&n->date)));
    }
    return object;
}

int control_to_letter(struct control_letter *l, const json_t *object)
{
    *l = (struct control_letter){0};
    unsigned end = number(object, "end");
    int rc = end <= PP_LETTER_CHAT ? PP_OK : PP_MALFORMED;
    l->info.end = (enum pp_letter_end)end;
    static const char *const names[] = {"file", "signature", "why"};
    const char **const at[] = {&l->info.file, &l->info.signature, &l->info.why};
    for (size_t i = 0; i < 3; i++) {
        rc = rc == PP_OK ? control_to_octets(&l->text[i], object, names[i]) : rc;
        *at[i] = l->text[i].len ? (const char *)l->text[i].data : "";
    }
    if (json_object_get(object, "from")) {
        rc = rc == PP_OK ? control_to_octets(&l->notification.from, object, "from") : rc;
        rc = rc == PP_OK ? control_to_octets(&l->notification.subject, object, "subject") : rc;
        rc = rc == PP_OK ? control_to_octets(&l->notification.date, object, "date") : rc;
        l->info.notification = &l->notification;
    }
    return rc;
}

void control_letter_finish(struct control_letter *l)
{
    for (size_t i = 0; i < 3; i++) {
        pp_buf_free(&l->text[i]);
    }
    pp_notification_finish(&l->notification);
}

/* --- lines of a chat ----------------------------------------------------------------------- */

json_t *control_line(const struct pp_line_info *info, const char *file)
{
    return json_pack("{si so so sI si si so so}", "state", (int)info->state, "id", text(info->id),
                     "text", control_octets(info->text), "moment", (json_int_t)info->moment,
                     "copies", (int)info->copies, "wanted", (int)info->wanted, "why",
                     text(info->why), "file", text(file));
}

int control_to_line(struct control_line *l, const json_t *object)
{
    static const char *const names[] = {"id", "text", "why", "file"};
    *l = (struct control_line){0};
    unsigned state = number(object, "state");
    json_int_t moment = json_integer_value(json_object_get(object, "moment"));
    int rc = object && state <= PP_LINE_FAILED && moment >= 0 ? PP_OK : PP_MALFORMED;
    for (size_t i = 0; rc == PP_OK && i < 4; i++) {
        rc = control_to_octets(&l->text[i], object, names[i]);
    }
    l->info = (struct pp_line_info){.state = (enum pp_line_state)state,
                                    .id = l->text[0].len ? (const char *)l->text[0].data : "",
                                    .text = pp_buf_bytes(&l->text[1]),
                                    .why = l->text[2].len ? (const char *)l->text[2].data : "",
                                    .moment = (uint64_t)moment,
                                    .copies = number(object, "copies"),
                                    .wanted = number(object, "wanted")};
    l->file = l->text[3].len ? (const char *)l->text[3].data : "";
    return rc;
}

void control_line_finish(struct control_line *l)
{
    for (size_t i = 0; i < 4; i++) {
        pp_buf_wipe(&l->text[i]);
    }
}

/* --- results ------------------------------------------------------------------------------- */

/* The counts of a read's result, by name. */
static const struct count {
    const char *name;
    size_t at;
} counts[] = {
#define COUNT(member)                                                                              \
    {                                                                                              \
#member, offsetof(struct pp_read_result, member)                                           \
    }
    COUNT(k),   COUNT(silent), COUNT(fresh), COUNT(delivered),   COUNT(later),    COUNT(lost),
    COUNT(bad), COUNT(known),  COUNT(junk),  COUNT(quarantined), COUNT(released), COUNT(chat),
#undef COUNT
};

json_t *control_read_result(const struct pp_read_result *r)
{
    json_t *object =
        json_pack("{si sb so}", "code", r->code, "complete", r->complete, "why", text(r->why));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        unsigned n;
        memcpy(&n, (const char *)r + counts[i].at, sizeof n);
        json_object_set_new(object, counts[i].name, json_integer((json_int_t)n));
    }
    return object;
}

void control_to_read_result(struct pp_read_result *r, const json_t *object)
{
    *r = (struct pp_read_result){
        .code = (int)json_integer_value(json_object_get(object, "code")),
        .complete = flag(object, "complete"),
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        unsigned n = number(object, counts[i].name);
        memcpy((char *)r + counts[i].at, &n, sizeof n);
    }
    to_text(r->why, sizeof r->why, object, "why");
}

json_t *control_progress(const struct pp_job_progress *p)
{
    return json_pack("{si si si si si sb sb}", "copies", (int)p->copies, "wanted", (int)p->wanted,
                     "unknown", (int)p->unknown, "held", (int)p->held, "waiting", (int)p->waiting,
                     "sent", p->sent, "complete", p->complete);
}

void control_to_progress(struct pp_job_progress *p, const json_t *object)
{
    *p = (struct pp_job_progress){
        .copies = number(object, "copies"),
        .wanted = number(object, "wanted"),
        .unknown = number(object, "unknown"),
        .held = number(object, "held"),
        .waiting = number(object, "waiting"),
        .sent = flag(object, "sent"),
        .complete = flag(object, "complete"),
    };
}

json_t *control_runner_result(const struct runner_result *r)
{
    return json_pack("{ss si sb so so}", "name", r->name, "code", r->code, "finished", r->finished,
                     "progress", control_progress(&r->progress), "why", text(r->why));
}

void control_to_runner_result(struct runner_result *r, const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    *r = (struct runner_result){
        .code = (int)json_integer_value(json_object_get(object, "code")),
        .finished = flag(object, "finished"),
    };
    snprintf(r->name, sizeof r->name, "%s", name ? name : "");
    control_to_progress(&r->progress, json_object_get(object, "progress"));
    to_text(r->why, sizeof r->why, object, "why");
}
