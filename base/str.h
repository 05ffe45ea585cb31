/* SPDX-License-Identifier: Apache-2.0 */
/* str.h - text that grows on the heap: what printers write into. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

/* `s` is NULL as long as nothing was added, else it ends with a NUL that `len` does not count.
 * After a failed allocation `bad` is set and adding does nothing.  All zeros is an empty one. */
struct str {
    char *s;
    size_t len, size;
    bool bad;
};

void str_init(struct str *s);
void str_fini(struct str *s);  /* frees; `s` is empty again */
void str_reset(struct str *s); /* forgets the text, keeps the memory */
void str_add(struct str *s, const char *text);
void str_add_len(struct str *s, const char *text, size_t len);
void str_add_char(struct str *s, char c);
void str_cut(struct str *s, size_t len); /* shortens to `len` characters; longer: nothing */
void str_printf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *str_text(const struct str *s); /* never NULL; borrows until the next change */
char *str_take(struct str *s);             /* gives the text (caller frees), NULL when bad; `s` is empty again */

#endif
