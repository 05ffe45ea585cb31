/* SPDX-License-Identifier: Apache-2.0 */
/* links.h - which of the document's links carry frames.
 * Flow: port states and discovery frames -> [links] -> view -> compiler.   Thread: C; time is passed in.
 *
 * Theory.  A link is up when the ports at both ends are, and discovery frames come through in both directions.
 *   presumed  since the start, not heard yet: used, so that a controller that starts anew does not break what works
 *   up        heard both ways; not for LINK_TIMEOUT_MS in one of them -> down
 *   down      a port is down or not there: at once; or nothing heard.  Heard both ways again -> up
 * While the switch at one end is not connected nothing can be heard, and the state stays as it is; whether that switch is
 * still thought to forward is not decided here. */
#ifndef CONTROLLER_LINKS_H
#define CONTROLLER_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINK_PERIOD_MS = 1000, LINK_TIMEOUT_MS = 3500 };

enum link_state { LINK_PRESUMED, LINK_UP, LINK_DOWN, LINK_STATES };
extern const char *const link_state_name[LINK_STATES];

enum end_state { END_UNKNOWN, END_UP, END_DOWN }; /* unknown: its switch is not connected */

struct link_track {
    enum link_state state;
    enum end_state end[2];
    uint64_t ready_ns;    /* both ends up since */
    uint64_t heard_ns[2]; /* a good frame came in at this end; 0: not since both ends are up */
};

void link_track_init(struct link_track *l, enum link_state state);
/* Each returns whether the link changed between being used and not. */
bool link_set_end(struct link_track *l, int end, enum end_state state, uint64_t now_ns);
bool link_heard(struct link_track *l, int end, uint64_t now_ns);
bool link_tick(struct link_track *l, uint64_t now_ns);

static inline bool link_is_used(const struct link_track *l)
{
    return l->state != LINK_DOWN;
}
/* False while a discovery frame may yet change the state. */
bool link_is_settled(const struct link_track *l, uint64_t now_ns);

#endif
