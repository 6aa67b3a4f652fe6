/* Names, units and order of the figures, and the three forms; see table.h. */
#include <sim/table.h>

#include <math.h>
#include <stddef.h>

struct row {
    const char *name;  /* in CSV and JSON */
    const char *label; /* for people; a NULL name: a heading */
    size_t offset;
    int decimals;
};

#define ROW(field, label, decimals)                                                                \
    {                                                                                              \
#field, label, offsetof(struct trial_figures, field), decimals                             \
    }
#define HEADING(text)                                                                              \
    {                                                                                              \
        NULL, text, 0, 0                                                                           \
    }

static const struct row rows[] = {
    HEADING("joins"),
    ROW(joined, "all active after the last join, s", 0),
    HEADING("look-ups in quiet"),
    ROW(hops, "hops", 2),
    ROW(messages, "messages", 1),
    ROW(timeouts, "requests without a reply", 2),
    ROW(latency, "latency, mean, ms", 0),
    ROW(latency_99, "latency, 99%, ms", 0),
    ROW(exact, "the k closest exact, %", 2),
    ROW(nearest, "the closest right, %", 2),
    ROW(failed, "failed, %", 2),
    HEADING("an idle node sends a second"),
    ROW(datagrams, "datagrams", 2),
    ROW(octets, "octets", 0),
    ROW(octets_enveloped, "octets, envelope of 80 each incl.", 0),
    HEADING("memory"),
    ROW(memory, "heap a node, octets", 0),
    HEADING("deaths at once"),
    ROW(recovery, "every look-up exact after, s", 1),
    ROW(after_exact, "exact until then and a minute, %", 2),
    HEADING("churn"),
    ROW(churn_exact, "the k closest exact, %", 2),
    ROW(churn_nearest, "the closest right, %", 2),
    ROW(churn_failed, "failed, %", 2),
    ROW(churn_latency, "latency, mean, ms", 0),
    ROW(churn_datagrams, "datagrams a node a second", 2),
};
#define N_ROWS (sizeof rows / sizeof *rows)
#define LABEL_WIDTH 36
#define VALUE_WIDTH 11

static double value(const struct row *row, const struct child *c)
{
    return *(const double *)(const void *)((const char *)&c->figures + row->offset);
}

static bool measured(const struct row *row, const struct child *children, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isnan(value(row, &children[i]))) {
            return true;
        }
    }
    return false;
}

static void print_setup(FILE *out, const struct trial_setup *s)
{
    fprintf(out, "%zu nodes, seed %llu, k %u, %zu look-ups a phase, %.0f minutes idle, ", s->nodes,
            (unsigned long long)s->seed, s->k, s->lookups, (double)s->duration / 6e10);
    fprintf(out, "loss %.2f%%, %u%% die at once", (double)s->loss / 1e4, s->kill);
    if (s->churn) {
        fprintf(out, ", median session in churn %.0f s", (double)s->churn / 1e9);
    }
    fprintf(out, "%s\n", s->arranged ? ", tables arranged" : "");
}

static void print_cell(FILE *out, const struct row *row, const struct child *c)
{
    double v = value(row, c);
    if (isnan(v)) {
        fprintf(out, "%*s", VALUE_WIDTH, "-");
    } else if (isinf(v)) {
        fprintf(out, "%*s", VALUE_WIDTH, "never");
    } else {
        fprintf(out, "%*.*f", VALUE_WIDTH, row->decimals, v);
    }
}

static void print_text(FILE *out, const struct child *children, size_t n)
{
    fprintf(out, "%-*s", LABEL_WIDTH, "");
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "%*s", VALUE_WIDTH, children[i].plugin->plugin.name);
    }
    fputc('\n', out);
    for (size_t i = 0; i < N_ROWS; i++) {
        if (!rows[i].name) {
            if (i + 1 < N_ROWS && measured(&rows[i + 1], children, n)) {
                fprintf(out, "%s\n", rows[i].label);
            }
        } else if (measured(&rows[i], children, n)) {
            fprintf(out, "  %-*s", LABEL_WIDTH - 2, rows[i].label);
            for (size_t j = 0; j < n; j++) {
                print_cell(out, &rows[i], &children[j]);
            }
            fputc('\n', out);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (children[i].code) {
            fprintf(out, "%s failed: %s\n", children[i].plugin->plugin.name,
                    children[i].error.text);
        } else if (children[i].figures.first[0]) {
            fprintf(out, "%s, the first that was not right: %s\n", children[i].plugin->plugin.name,
                    children[i].figures.first);
        }
    }
}

static void print_csv(FILE *out, const struct trial_setup *s, const struct child *children,
                      size_t n)
{
    fputs("substrate,version,nodes,seed,k,lookups,seconds,loss_ppm,kill,churn_seconds", out);
    for (size_t i = 0; i < N_ROWS; i++) {
        if (rows[i].name) {
            fprintf(out, ",%s", rows[i].name);
        }
    }
    fputs(",failure\n", out);
    for (size_t j = 0; j < n; j++) {
        const struct child *c = &children[j];
        fprintf(out, "%s,%s,%zu,%llu,%u,%zu,%llu,%u,%u,%llu", c->plugin->plugin.name,
                c->plugin->plugin.version, s->nodes, (unsigned long long)s->seed, s->k, s->lookups,
                (unsigned long long)(s->duration / PP_SECOND), s->loss, s->kill,
                (unsigned long long)(s->churn / PP_SECOND));
        for (size_t i = 0; i < N_ROWS; i++) {
            if (!rows[i].name) {
                continue;
            }
            double v = value(&rows[i], c);
            fputc(',', out);
            if (!isnan(v)) {
                fprintf(out, "%.*f", rows[i].decimals, v); /* "inf": never */
            }
        }
        fputs(",\"", out);
        for (const char *p = c->code ? c->error.text : ""; *p; p++) {
            fputs(*p == '"' ? "\"\"" : (char[]){*p, '\0'}, out);
        }
        fputs("\"\n", out);
    }
}

static void print_json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            fprintf(out, "\\%c", *text);
        } else if ((unsigned char)*text < ' ') {
            fprintf(out, "\\u%04x", *text);
        } else {
            fputc(*text, out);
        }
    }
    fputc('"', out);
}

static void print_json(FILE *out, const struct trial_setup *s, const struct child *children,
                       size_t n)
{
    fprintf(out,
            "{\"nodes\": %zu, \"seed\": %llu, \"k\": %u, \"lookups\": %zu, \"seconds\": %llu, "
            "\"loss_ppm\": %u, \"kill\": %u, \"churn_seconds\": %llu, \"arranged\": %s,\n"
            " \"substrates\": [",
            s->nodes, (unsigned long long)s->seed, s->k, s->lookups,
            (unsigned long long)(s->duration / PP_SECOND), s->loss, s->kill,
            (unsigned long long)(s->churn / PP_SECOND), s->arranged ? "true" : "false");
    for (size_t j = 0; j < n; j++) {
        const struct child *c = &children[j];
        fprintf(out, "%s\n  {\"substrate\": \"%s\", \"version\": \"%s\"", j ? "," : "",
                c->plugin->plugin.name, c->plugin->plugin.version);
        for (size_t i = 0; i < N_ROWS; i++) {
            double v = rows[i].name ? value(&rows[i], c) : NAN;
            if (isnan(v)) {
                continue;
            }
            fprintf(out, ", \"%s\": ", rows[i].name);
            if (isinf(v)) {
                fputs("null", out); /* never */
            } else {
                fprintf(out, "%.*f", rows[i].decimals, v);
            }
        }
        if (c->code) {
            fputs(", \"failure\": ", out);
            print_json_text(out, c->error.text);
        }
        fputc('}', out);
    }
    fputs("\n]}\n", out);
}

void table_print(FILE *out, enum table_form form, const struct trial_setup *setup,
                 const struct child *children, size_t n)
{
    switch (form) {
    case TABLE_TEXT:
        print_setup(out, setup);
        print_text(out, children, n);
        break;
    case TABLE_CSV:
        print_csv(out, setup, children, n);
        break;
    case TABLE_JSON:
        print_json(out, setup, children, n);
        break;
    }
}
