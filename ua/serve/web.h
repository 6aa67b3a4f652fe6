/*
 * Shared by the web_*.c files of `peerpost serve`: one visit (a request with its answer), what
 * makes pages, what they need of the whole. Everything but web.c works on a worker, one visit
 * after another, and touches only files.
 */
#ifndef PP_SERVE_WEB_H
#define PP_SERVE_WEB_H

#include <http/server.h>
#include <serve/parts.h>

#define WEB_BODY_MAX ((uint64_t)66 << 20) /* octets of a form with its files */
#define WEB_TOKEN 33                      /* 32 digits */

struct web;

struct web_visit {
    struct web *web;
    struct web_visit *next;
    struct pp_exchange *x;           /* NULL: the visitor has gone */
    bool post, known, working;       /* known: logged in; working: on the worker */
    struct pp_buf path, query, type; /* decoded path; raw query; Content-Type of a form */
    int form;                        /* descriptor of the form's octets, -1: none */
    uint64_t form_size;
    /* the answer */
    int status;
    const char *content_type; /* static */
    const char *policy;       /* static; NULL: the pages' */
    char location[256];       /* of a redirect */
    char disposition[300];
    char cookie[160];
    struct pp_buf out;
    size_t sent;
    bool events;      /* an event stream: stays open */
    char spooled[80]; /* a message that was spooled: the queue is to be stirred */
};

/* The files of ua/serve/web, each ended by NUL. */
extern const char web_page_html[], web_style_css[], web_script_js[];

struct pp_config *web_config(const struct web *web);
const char *web_address(const struct web *web);
struct serve *web_serve(const struct web *web);
const char *web_form_token(const struct web *web); /* that every form must bring */
const char *web_spool(const struct web *web);
const char *web_blobs(const struct web *web);

/* --- web_page.c: pieces of pages ------------------------------------------------------------- */

/* Text for a page: markup escaped, bad UTF-8 and control characters replaced. */
void web_text(struct pp_buf *out, const char *text);
/* For a query. */
void web_query(struct pp_buf *out, const char *text);
/* The visit's answer becomes the page around `body`. */
void web_page(struct web_visit *v, const char *title, const struct pp_buf *body);
void web_error(struct web_visit *v, int status, const char *sentence);
void web_redirect(struct web_visit *v, const char *to);
/* A parameter of the query, decoded; false: it is not there. */
bool web_parameter(const struct web_visit *v, const char *name, struct pp_buf *value);
void web_date(struct pp_buf *out, int64_t seconds);
void web_token_field(struct pp_buf *out, const struct web *web);

/* --- what the visits are answered with ------------------------------------------------------- */

void web_list(struct web_visit *v);    /* web_list.c: /, /junk */
void web_message(struct web_visit *v); /* web_message.c: /message, /part, /html */
void web_remove(struct web_visit *v);  /* web_message.c: /delete */
void web_write(struct web_visit *v);   /* web_write.c: /write, /send */
void web_queue(struct web_visit *v);   /* web_queue.c: /queue, on the loop's thread */
/* The path of a message by its name (what its file is called, without flags); false: none. */
bool web_find(struct web_visit *v, bool junk, const char *name, char path[4096]);

#endif
