/* SPDX-License-Identifier: Apache-2.0 */
/* text_table.h - columns for people: cells go in one after the other, and come out aligned.   Thread: one. */
#ifndef TOOLS_TEXT_TABLE_H
#define TOOLS_TEXT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { TEXT_TABLE_COLUMNS_MAX = 16 };

struct text_table {
    struct str cells; /* each ends with a NUL */
    size_t n_cells, n_columns;
    bool is_right[TEXT_TABLE_COLUMNS_MAX];
};

/* `heads`: the names of the columns with blanks between; one that begins with '>' is aligned to the right. */
void text_table_init(struct text_table *t, const char *heads);
void text_table_fini(struct text_table *t);
/* The next cell; a row is full after as many as there are columns.  An empty one is shown as "-". */
void text_table_add(struct text_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds all rows to `out`: two blanks between columns, none at the end of a line, the heads first. */
void text_table_print(const struct text_table *t, struct str *out);
/* The same to stdout. */
void text_table_show(const struct text_table *t);

enum { UNITS_TEXT_SIZE = 24 };

/* "17 B", "1.46 kB", "20.1 GB": three digits, powers of 1000, as is usual in networks. */
const char *units_bytes(uint64_t n, char text[UNITS_TEXT_SIZE]);
/* "4 s", "3 min 20 s", "2 h 5 min", "7 d 3 h". */
const char *units_seconds(uint64_t s, char text[UNITS_TEXT_SIZE]);

#endif
