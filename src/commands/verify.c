/* verify: rows and counts, see verify.h */
#include "commands/verify.h"

#include <math.h>
#include <stdio.h>

/* What products of bf16 numbers may lose, whole models deep: relative, and of single values as a
 * share of the largest. Seen on the CPU with 1100 rows of fixtures: 0.042 and 0.079, both at the end
 * of the decoder; all but it stay below 0.01 and 0.015. */
#define BF16_REL 0.06
#define BF16_MAX 0.12

void verify_row(struct verify_run *run, const char *what, const char *unit, double measured,
                double tolerance)
{
    bool pass = measured <= tolerance; /* false for NaN */
    printf("%-4s  %-5s %9.3g <= %-7.3g  %s  %s\n", pass ? "pass" : "FAIL", unit, measured, tolerance,
           run->fixture, what);
    run->passed += pass;
    run->failed += !pass;
}

void verify_rel(struct verify_run *run, const char *what, const float *got, const float *want,
                int64_t count, double tolerance)
{
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < count; i++) {
        double d = (double)got[i] - want[i];
        difference += d * d;
        norm += (double)want[i] * want[i];
    }
    if (run->dtype == DTYPE_BF16 && tolerance < BF16_REL)
        tolerance = BF16_REL;
    verify_row(run, what, "rel", sqrt(norm > 0 ? difference / norm : difference), tolerance);
}

void verify_max(struct verify_run *run, const char *what, const float *got, const float *want,
                int64_t count, double tolerance)
{
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < count; i++) {
        double d = fabs((double)got[i] - want[i]);
        largest = fmax(largest, fabs((double)want[i]));
        if (d > worst || isnan(d))
            worst = isnan(worst) ? worst : d;
    }
    if (run->dtype == DTYPE_BF16)
        verify_row(run, what, "share", largest > 0 ? worst / largest : worst, BF16_MAX);
    else
        verify_row(run, what, "max", worst, tolerance);
}

void verify_exact(struct verify_run *run, const char *what, bool equal)
{
    verify_row(run, what, "exact", equal ? 0 : 1, 0);
}

void verify_error(struct verify_run *run, const char *what, const struct dn_error *err)
{
    printf("FAIL  %s  %s: %s\n", run->fixture, what, err->message);
    run->failed++;
}

void verify_skipped(struct verify_run *run, const char *what, const char *why)
{
    printf("skip  %s  %s (%s)\n", run->fixture, what, why);
    run->skipped++;
}
