/* SPDX-License-Identifier: Apache-2.0 */
/* text_table.c - see text_table.h. */
#include "tools/text_table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_table_init(struct text_table *t, const char *heads)
{
    *t = (struct text_table){ 0 };
    while (*heads) {
        size_t len = strcspn(heads, " ");

        assert(t->n_columns < TEXT_TABLE_COLUMNS_MAX);
        t->is_right[t->n_columns] = *heads == '>';
        str_add_len(&t->cells, heads + (*heads == '>'), len - (*heads == '>'));
        str_add_char(&t->cells, '\0');
        t->n_columns++;
        heads += len;
        heads += strspn(heads, " ");
    }
    t->n_cells = t->n_columns;
}

void text_table_fini(struct text_table *t)
{
    str_fini(&t->cells);
}

void text_table_add(struct text_table *t, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    str_add(&t->cells, *text ? text : "-");
    str_add_char(&t->cells, '\0');
    t->n_cells++;
}

void text_table_print(const struct text_table *t, struct str *out)
{
    size_t width[TEXT_TABLE_COLUMNS_MAX] = { 0 };
    const char *cell = str_text(&t->cells);

    if (t->cells.bad)
        return;
    for (size_t i = 0; i < t->n_cells; i++, cell += strlen(cell) + 1)
        if (strlen(cell) > width[i % t->n_columns])
            width[i % t->n_columns] = strlen(cell);
    cell = str_text(&t->cells);
    for (size_t i = 0; i < t->n_cells; i++, cell += strlen(cell) + 1) {
        size_t column = i % t->n_columns;
        bool is_last = column + 1 == t->n_columns;

        if (t->is_right[column])
            str_printf(out, "%*s", (int)width[column], cell);
        else
            str_printf(out, "%-*s", is_last ? 0 : (int)width[column], cell);
        str_add(out, is_last ? "\n" : "  ");
    }
}

void text_table_show(const struct text_table *t)
{
    struct str s = { 0 };

    text_table_print(t, &s);
    fputs(str_text(&s), stdout);
    str_fini(&s);
}

const char *units_bytes(uint64_t n, char text[UNITS_TEXT_SIZE])
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
    double v = (double)n;
    size_t u = 0;

    if (n < 1000) {
        snprintf(text, UNITS_TEXT_SIZE, "%u B", (unsigned)n);
        return text;
    }
    /* What three digits would round up to 1000 is the next unit's 1.00. */
    while (v >= 999.5 && u + 1 < sizeof units / sizeof *units) {
        v /= 1000;
        u++;
    }
    snprintf(text, UNITS_TEXT_SIZE, "%.*f %s", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, units[u]);
    return text;
}

const char *units_seconds(uint64_t s, char text[UNITS_TEXT_SIZE])
{
    unsigned long long n = s;

    if (s < 60)
        snprintf(text, UNITS_TEXT_SIZE, "%llu s", n);
    else if (s < 3600)
        snprintf(text, UNITS_TEXT_SIZE, "%llu min %llu s", n / 60, n % 60);
    else if (s < 86400)
        snprintf(text, UNITS_TEXT_SIZE, "%llu h %llu min", n / 3600, n % 3600 / 60);
    else
        snprintf(text, UNITS_TEXT_SIZE, "%llu d %llu h", n / 86400, n % 86400 / 3600);
    return text;
}
