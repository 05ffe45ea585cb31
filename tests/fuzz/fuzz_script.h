/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_script.h - what happens to a switch, one thing after the other, as bytes: the input of fuzz_session.
 * A step is: what (one byte), where (a session or a port; one byte), how many bytes follow (two, big endian), those bytes.
 * Any bytes are a script: `what` and `where` are taken modulo what there is, and what is cut off ends it. */
#ifndef TESTS_FUZZ_FUZZ_SCRIPT_H
#define TESTS_FUZZ_FUZZ_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum script_what {
    SCRIPT_MESSAGE, /* the first of them: a message is what most steps are */
    SCRIPT_MESSAGE_TOO,
    SCRIPT_MESSAGE_AGAIN,
    SCRIPT_FRAME,   /* its bytes, or a number of a form */
    SCRIPT_TIME,    /* passes: a number of two bytes, tenths of a second */
    SCRIPT_HANG_UP, /* the session ends */
    SCRIPT_ROOM,    /* the far end reads as many bytes as a number of two bytes says */
    SCRIPT_LINK,    /* of a port: the first byte says whether it is up */
    SCRIPT_QUEUES,  /* of a port */
    SCRIPT_RESUME,  /* of a frame that waits for the controller: a number of two bytes, fuzz_resume() */
    SCRIPT_N
};

struct script_step {
    enum script_what what;
    uint8_t where;
    const uint8_t *p;
    size_t n;
};

enum { SCRIPT_HEAD = 4, SCRIPT_STEPS_MAX = 64 };

bool script_read(struct rd *r, struct script_step *s); /* false: the end */
void script_write(struct wr *w, const struct script_step *s);
bool script_is_message(enum script_what what);

#endif
