/* SPDX-License-Identifier: Apache-2.0 */
/* links.c - see links.h. */
#include "controller/links.h"

#include "base/clock.h"

const char *const link_state_name[LINK_STATES] = {
    [LINK_PRESUMED] = "presumed", [LINK_UP] = "up", [LINK_DOWN] = "down"
};

static const uint64_t timeout_ns = (uint64_t)LINK_TIMEOUT_MS * NSEC_PER_MS;

void link_track_init(struct link_track *l, enum link_state state)
{
    *l = (struct link_track){ .state = state };
}

static bool both_up(const struct link_track *l)
{
    return l->end[0] == END_UP && l->end[1] == END_UP;
}

/* Works the state out anew. */
static bool settle(struct link_track *l, uint64_t now_ns)
{
    bool was_used = link_is_used(l);

    if (l->end[0] == END_DOWN || l->end[1] == END_DOWN) {
        l->state = LINK_DOWN;
    } else if (both_up(l)) {
        bool is_fresh = true;
        bool is_late = false;

        for (int i = 0; i < 2; i++) {
            uint64_t since = l->heard_ns[i] > l->ready_ns ? l->heard_ns[i] : l->ready_ns;

            is_fresh = is_fresh && l->heard_ns[i] && now_ns - l->heard_ns[i] < timeout_ns;
            is_late = is_late || now_ns - since >= timeout_ns;
        }
        if (is_fresh)
            l->state = LINK_UP;
        else if (is_late)
            l->state = LINK_DOWN;
    }
    return was_used != link_is_used(l);
}

bool link_set_end(struct link_track *l, int end, enum end_state state, uint64_t now_ns)
{
    bool were_up = both_up(l);

    if (l->end[end] == state)
        return false;
    l->end[end] = state;
    if (!were_up && both_up(l)) {
        l->ready_ns = now_ns;
        l->heard_ns[0] = l->heard_ns[1] = 0;
    }
    return settle(l, now_ns);
}

bool link_heard(struct link_track *l, int end, uint64_t now_ns)
{
    if (!both_up(l))
        return false;
    l->heard_ns[end] = now_ns;
    return settle(l, now_ns);
}

bool link_tick(struct link_track *l, uint64_t now_ns)
{
    return settle(l, now_ns);
}

bool link_is_settled(const struct link_track *l, uint64_t now_ns)
{
    if (!both_up(l))
        return l->state != LINK_PRESUMED || l->end[0] == END_DOWN || l->end[1] == END_DOWN;
    return l->state == LINK_UP || (l->state == LINK_DOWN && now_ns - l->ready_ns >= timeout_ns);
}
