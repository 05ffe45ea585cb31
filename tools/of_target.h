/* SPDX-License-Identifier: Apache-2.0 */
/* of_target.h - which switch a `trama flow` command speaks with: a bridge of the running trama-switchd, by its socket
 * RUN_DIR/BRIDGE.mgmt, or any OpenFlow 1.3 switch by its endpoint (--to).   Thread: one. */
#ifndef TOOLS_OF_TARGET_H
#define TOOLS_OF_TARGET_H

#include <jansson.h>

#include "io/addr.h"
#include "tools/cli.h"

struct of_target {
    char name[ENDPOINT_TEXT_SIZE];     /* of the bridge; with --to the endpoint */
    char endpoint[ENDPOINT_TEXT_SIZE]; /* "unix:/run/trama/br0.mgmt" */
    struct of_client *client;
    struct tls *tls; /* of an ssl: endpoint */
};

/* The options that the choice is made by: rows for a command's own table. */
#define OF_TARGET_OPTIONS \
    { "bridge", 'b', "BRIDGE", "the bridge; not needed where there is only one" }, \
        { "to", 0, "ENDPOINT", "another switch: unix:PATH, tcp:ADDRESS[:PORT] or ssl:ADDRESS[:PORT]" }, \
        { "tls-key", 0, "FILE", "for ssl: our key" }, { "tls-certificate", 0, "FILE", "for ssl: our certificate" }, \
    { \
        "tls-ca", 0, "FILE", "for ssl: the authority that signed the switch's certificate" \
    }

/* Connects, and reads the names of the ports.  CLI_OK: end with of_target_close; else the sentence is said. */
int of_target_open(const struct cli *c, struct of_target *t);
void of_target_close(struct of_target *t);
/* {"via": "switch", "switch": NAME, "endpoint": ENDPOINT}: how JSON results begin. */
json_t *of_target_json(const struct of_target *t);

#endif
