#pragma once

/*
 * Prometheus' text format: families of samples, each with its help and type
 *
 *     struct exposition exposition = { .out = out };
 *     exposition_family(&exposition, "ferry_uploads", "gauge", "Uploads by their state.");
 *     exposition_number(&exposition, 7, "state", "receiving");
 *
 *   Names    literals. Values of labels are ours, too: none needs an escape
 *   Source   https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4
 */

#include <stdint.h>
#include <stdio.h>

#include "base/histogram.h"

#define EXPOSITION_MEDIA_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition {
    FILE *out;
    const char *family;
};

/* type: "counter", "gauge", "histogram", "untyped". All that follows is of this family. */
void exposition_family(struct exposition *exposition, const char *name, const char *type,
                       const char *help);

/* A sample; label and value are NULL where there is none. */
void exposition_number(struct exposition *exposition, uint64_t number, const char *label,
                       const char *value);

/* The same of nanoseconds, in seconds. */
void exposition_seconds(struct exposition *exposition, uint64_t ns, const char *label,
                        const char *value);

/* One with two labels. */
void exposition_number_by(struct exposition *exposition, uint64_t number, const char *label,
                          const char *value, const char *second_label, const char *second_value);

/* One of a family of histograms; of times in seconds, of sizes in pieces. */
void exposition_histogram(struct exposition *exposition, const struct histogram_reading *reading,
                          const char *label, const char *value);
