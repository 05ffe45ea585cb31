/* SPDX-License-Identifier: Apache-2.0 */
/* nptv6.c - see nptv6.h.
 *
 * Theory.  The sum of the address shall stay, in ones' complement of 16 bits.  So by what the prefix's sum grows some other word
 * shrinks: the one behind 48 bits, which numbers subnets, when both prefixes leave it free, else the first of the interface's
 * identifier that is not 0xffff.  0xffff and 0 are the same number; no word becomes 0xffff, so that the way back is the same. */
#include "base/nptv6.h"

#include "base/embedded.h"

enum { SUBNET_WORD = 3, IDENTIFIER_WORD = 4, WORDS = 8, SUBNET_AT = 48, WORD_MAX = 0xffff };

static unsigned longest(const struct nptv6 *t)
{
    return t->inside_len > t->outside_len ? t->inside_len : t->outside_len;
}

static bool is_prefix(struct value v, unsigned len)
{
    struct value mask = ipv6_prefix_mask(len);

    return len && len <= NPTV6_LEN_MAX && !(v.hi & ~mask.hi) && !v.lo;
}

bool nptv6_is_sound(const struct nptv6 *t)
{
    return is_prefix(t->inside, t->inside_len) && is_prefix(t->outside, t->outside_len);
}

static uint16_t word_of(struct value v, unsigned i)
{
    return (uint16_t)(i < 4 ? v.hi >> (48 - 16 * i) : v.lo >> (48 - 16 * (i - 4)));
}

static void set_word(struct value *v, unsigned i, uint16_t word)
{
    uint64_t *half = i < 4 ? &v->hi : &v->lo;
    unsigned shift = 48 - 16 * (i % 4);

    *half = (*half & ~((uint64_t)WORD_MAX << shift)) | (uint64_t)word << shift;
}

static uint32_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & WORD_MAX) + (sum >> 16);
    return sum;
}

static uint32_t sum_of(struct value v)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < WORDS; i++)
        sum += word_of(v, i);
    return fold(sum);
}

/* The word that makes up for the prefix; WORDS: none may. */
static unsigned choose_word(const struct nptv6 *t, struct value addr)
{
    if (longest(t) <= SUBNET_AT)
        return word_of(addr, SUBNET_WORD) == WORD_MAX ? WORDS : SUBNET_WORD;
    if (!addr.lo) /* the anycast address of routers */
        return WORDS;
    for (unsigned i = IDENTIFIER_WORD; i < WORDS; i++)
        if (word_of(addr, i) != WORD_MAX)
            return i;
    return WORDS;
}

static enum nptv6_fit map(const struct nptv6 *t, struct value from, struct value to, struct value *addr)
{
    struct value mask = ipv6_prefix_mask(longest(t));
    unsigned i = choose_word(t, *addr);
    uint32_t word;

    if ((addr->hi ^ from.hi) & mask.hi)
        return NPTV6_OTHER;
    if (i == WORDS)
        return NPTV6_NONE;
    word = fold(word_of(*addr, i) + sum_of(from) + (WORD_MAX - sum_of(to)));
    addr->hi = (addr->hi & ~mask.hi) | to.hi;
    set_word(addr, i, word == WORD_MAX ? 0 : (uint16_t)word);
    return NPTV6_MAPPED;
}

enum nptv6_fit nptv6_to_outside(const struct nptv6 *t, struct value *addr)
{
    return map(t, t->inside, t->outside, addr);
}

enum nptv6_fit nptv6_to_inside(const struct nptv6 *t, struct value *addr)
{
    return map(t, t->outside, t->inside, addr);
}
