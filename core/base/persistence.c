/* The arithmetic of copies; see persistence.h. */
#include <base/persistence.h>

#include <math.h>

double pp_up_share(uint64_t good, uint64_t asked)
{
    return ((double)good + 1) / ((double)asked + 2);
}

/* By logarithms of 1+x: at p near 1 and n in the thousands the plain powers lose their digits. */
double pp_success(double p, unsigned k, double n)
{
    return exp(n * log1p(-pow(1 - p, k)));
}

unsigned pp_copies_needed(double p, double target, double n, unsigned most)
{
    for (unsigned k = 1; k <= most; k++) {
        if (pp_success(p, k, n) >= target) {
            return k;
        }
    }
    return 0;
}
