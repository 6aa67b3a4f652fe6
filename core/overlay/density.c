/* How thinly ids may lie; see density.h. */
#include <overlay/density.h>

#include <stdlib.h>
#include <string.h>

/* The mean of k exponential gaps of mean 1 is Gamma(k, 1/k). */
double pp_density_gamma(unsigned k)
{
    static const double gamma[] = {4.605, 3.319, 2.802, 2.511, 2.321, 2.185, 2.082, 2.000,
                                   1.934, 1.878, 1.831, 1.791, 1.755, 1.724, 1.696, 1.671,
                                   1.649, 1.628, 1.610, 1.592, 1.576, 1.562, 1.548, 1.535,
                                   1.523, 1.512, 1.501, 1.491, 1.482, 1.473, 1.465, 1.457};
    unsigned last = sizeof gamma / sizeof *gamma;
    return gamma[k < 1 ? 0 : k > last ? last - 1 : k - 1];
}

/* Its median is a little less than its mean (Choi 1994). */
static double median_of(unsigned k)
{
    return 1 - 1 / (3.0 * k) + 0.0247 / ((double)k * k);
}

void pp_density_note(struct pp_density *density, unsigned k, uint64_t spacing)
{
    if (k >= PP_DENSITY_K && spacing > 0) {
        double scaled = (double)spacing / median_of(k);
        density->gaps[density->n++ % PP_DENSITY_GAPS] =
            scaled < 1.8e19 ? (uint64_t)scaled : UINT64_MAX;
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The median of the scaled spacings: what a few lies that were not noticed cannot move far. */
uint64_t pp_density_gap(const struct pp_density *density)
{
    uint64_t sorted[PP_DENSITY_GAPS];
    unsigned n = density->n < PP_DENSITY_GAPS ? density->n : PP_DENSITY_GAPS;
    if (n < PP_DENSITY_MIN) {
        return 0;
    }
    memcpy(sorted, density->gaps, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    return sorted[n / 2];
}

bool pp_density_doubts(const struct pp_density *density, unsigned k, uint64_t spacing)
{
    uint64_t gap = k < PP_DENSITY_K ? 0 : pp_density_gap(density);
    return gap > 0 && (double)spacing > pp_density_gamma(k) * (double)gap;
}
