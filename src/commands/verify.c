/* verify: rows and counts, see verify.h */
#include "commands/verify.h"

#include <math.h>
#include <stdio.h>

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
    verify_row(run, what, "rel", sqrt(norm > 0 ? difference / norm : difference), tolerance);
}

void verify_max(struct verify_run *run, const char *what, const float *got, const float *want,
                int64_t count, double tolerance)
{
    double worst = 0;
    for (int64_t i = 0; i < count; i++) {
        double d = fabs((double)got[i] - want[i]);
        if (d > worst || isnan(d))
            worst = isnan(worst) ? worst : d;
    }
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
