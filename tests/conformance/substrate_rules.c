/* Tells which rule broke; see substrate_rules.h. Knows no case and no plugin. */
#include "substrate_rules.h"

#include <stdarg.h>
#include <unistd.h>

static const struct {
    const char *header, *part, *words;
} rules[] = {
#define X(name, header, part, words) [RULE_##name] = {header, part, words},
    SUBSTRATE_RULES(X)
#undef X
};

static FILE *output;

void rule_output(FILE *out)
{
    output = out;
}

void rule_broken(enum substrate_rule rule, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fprintf(output, "    rule: \"%s\" (<peerpost/%s>, %s)\n    seen: ", rules[rule].words,
            rules[rule].header, rules[rule].part);
    vfprintf(output, format, ap);
    fputc('\n', output);
    va_end(ap);
    fflush(output);
    _exit(1);
}

void rule_list(FILE *out)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        fprintf(out, "%s\t%s\t%s\n", rules[i].header, rules[i].part, rules[i].words);
    }
}
