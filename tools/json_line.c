/* SPDX-License-Identifier: Apache-2.0 */
/* json_line.c - see json_line.h. */
#include "tools/json_line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 32 << 10 };

void json_line_init(struct json_line *l, int fd)
{
    *l = (struct json_line){ .fd = fd };
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void json_line_fini(struct json_line *l)
{
    str_fini(&l->in);
    str_fini(&l->out);
}

/* Forgets the lines that were taken. */
static void shift(struct json_line *l)
{
    size_t left = l->in.len - l->at;

    if (l->at)
        memmove(l->in.s, l->in.s + l->at, left + 1);
    str_cut(&l->in, left);
    l->at = 0;
}

int json_line_read(struct json_line *l)
{
    char buffer[READ_SIZE];
    ssize_t n;

    shift(l);
    if (l->in.len > JSON_LINE_MAX)
        return -EMSGSIZE;
    do
        n = read(l->fd, buffer, sizeof buffer);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    if (n == 0)
        return -ECONNRESET;
    str_add_len(&l->in, buffer, (size_t)n);
    return l->in.bad ? -ENOMEM : 0;
}

json_t *json_line_next(struct json_line *l)
{
    while (l->at < l->in.len) {
        char *line = l->in.s + l->at, *end = memchr(line, '\n', l->in.len - l->at);
        json_t *o;

        if (!end)
            return NULL;
        l->at += (size_t)(end - line) + 1;
        o = json_loadb(line, (size_t)(end - line), 0, NULL);
        if (json_is_object(o))
            return o;
        json_decref(o);
    }
    return NULL;
}

int json_line_flush(struct json_line *l)
{
    size_t done = 0;
    int err = 0;

    while (done < l->out.len && !err) {
        ssize_t n = write(l->fd, l->out.s + done, l->out.len - done);

        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            err = errno == EAGAIN ? 1 : -errno;
    }
    if (done) {
        memmove(l->out.s, l->out.s + done, l->out.len - done + 1);
        str_cut(&l->out, l->out.len - done);
    }
    return err < 0 ? err : 0;
}

void json_line_send(struct json_line *l, json_t *o)
{
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

    json_decref(o);
    if (!text)
        return;
    str_add(&l->out, text);
    str_add_char(&l->out, '\n');
    free(text);
    json_line_flush(l);
}

bool json_line_is_full(const struct json_line *l)
{
    return l->out.len > JSON_LINE_MAX;
}

json_t *json_of_bytes(const void *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    struct str s = { 0 };
    json_t *o;

    for (size_t i = 0; i < n; i++) {
        str_add_char(&s, digits[((const uint8_t *)p)[i] >> 4]);
        str_add_char(&s, digits[((const uint8_t *)p)[i] & 15]);
    }
    o = json_string(str_text(&s));
    str_fini(&s);
    return o;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long json_to_bytes(const char *text, uint8_t *out, size_t size)
{
    size_t n = strlen(text);

    if (n % 2 || n / 2 > size)
        return -EBADMSG;
    for (size_t i = 0; i < n / 2; i++) {
        int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return -EBADMSG;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return (long)(n / 2);
}
