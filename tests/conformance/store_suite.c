/* Runs the cases of the store suite in order and prints the report; see store_suite.h. */
#include "store_kit.h"

static const struct store_case *const groups[] = {
    store_cases_open,  store_cases_object, store_cases_body,   store_cases_inbox, store_cases_batch,
    store_cases_model, store_cases_full,   store_cases_thread, store_cases_crash, store_cases_fault,
};

/* Does the store keep anything over a close? A store in memory does not, and says so. */
static void find_out(struct store_suite *s)
{
    char path[256];
    struct pp_error error = {0};
    struct pp_store *store;
    kit_path(s, path);
    store = kit_open(s, path, s->values);
    if (!store) {
        return;
    }
    s->p->close(store);
    int err = s->p->open(&store, path, s->values, NULL, 0, &error);
    s->keeps = err != PP_NOT_FOUND;
    if (err == PP_OK) {
        s->p->close(store);
    }
    if (!s->keeps && s->durable) {
        kit_breach(s, __FILE__, __LINE__, "open(no CREATE) == 0",
                   "a store keeps its data over a close");
    }
    if (!s->keeps && !s->durable) {
        fprintf(s->out, "%s keeps nothing over a close: the rules of durability do not apply\n",
                s->p->plugin.name);
    }
}

static bool run_case(struct store_suite *s, const struct store_case *c)
{
    s->broken = 0;
    fprintf(s->out, "%s\n", c->name);
    fflush(s->out);
    c->run(s);
    return s->broken == 0;
}

unsigned store_suite_run(struct store_suite *s)
{
    unsigned run = 0, failed = 0;
    s->broken = 0;
    find_out(s);
    failed += s->broken > 0;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (const struct store_case *c = groups[g]; c->name; c++) {
            if ((!s->only || strstr(c->name, s->only)) && (!s->one || !strcmp(c->name, s->one))) {
                run++;
                failed += !run_case(s, c);
            }
        }
    }
    fprintf(s->out, "%u cases, %u failed\n", run, failed);
    return run == 0 ? 1 : failed;
}

void store_suite_list(FILE *out)
{
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (const struct store_case *c = groups[g]; c->name; c++) {
            fprintf(out, "%s\n", c->name);
        }
    }
}

int store_suite_worker(struct store_suite *s, int argc, char **argv)
{
    s->keeps = true;
    if (argc > 0 && strcmp(argv[0], "crash") == 0) {
        return store_worker_crash(s, argc - 1, argv + 1);
    }
    return argc > 0 && strcmp(argv[0], "fault") == 0 ? store_worker_fault(s, argc - 1, argv + 1)
                                                     : 64;
}
