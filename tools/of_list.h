/* SPDX-License-Identifier: Apache-2.0 */
/* of_list.h - what a switch holds that goes by a number, asked over OpenFlow and shown in the order of the numbers: groups and
 * meters, and their statistics.
 * Flow: a command -> [of_list] -> of_client -> switch.   Thread: one. */
#ifndef TOOLS_OF_LIST_H
#define TOOLS_OF_LIST_H

#include <jansson.h>

#include "openflow/ofp.h"
#include "tools/cli.h"

struct port_names;

struct of_list_kind {
    enum ofp_multipart_type type; /* of the question, which has a number in it or nothing */
    const char *noun;             /* "group": items have a member "group_id", results a list "groups" */
    uint32_t all;                 /* the number that stands for all */
    /* Adds an object for each item of a reply to `items`; `names` NULL: ports by number. */
    void (*take)(json_t *items, const struct ofp_multipart_reply *r, const struct port_names *names);
    void (*show)(const json_t *items); /* to stdout */
};

/* Runs a command whose argument is a number or nothing, with the options of of_target.h and --numbers.  Returns an exit code. */
int of_list(const struct cli *c, const struct of_list_kind *kind);
/* `show` for items that have their text as the member "text". */
void of_list_show_texts(const json_t *items);

/* `show` for statistics: a row for each item and one for each of its parts. */
struct of_list_columns {
    const char *heads;             /* six */
    const char *id, *uses, *parts; /* members: the number, how many lead to it, what it consists of */
};
void of_list_show_stats(const json_t *items, const struct of_list_columns *columns);

extern const struct cli_option of_list_options[];

#endif
