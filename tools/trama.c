/* SPDX-License-Identifier: Apache-2.0 */
/* trama.c - the one command line: which commands there are.  Everything else is in cli.c and in the files of the tables.
 * Flow: what was typed -> cli_main -> a command -> a daemon's control socket, or a switch's OpenFlow socket. */
#include "tools/cli.h"
#include "tools/commands.h"

/* In the order in which help shows them. */
static const struct cli_group groups[] = {
    { "switch", "the running switch: bridges, ports, counters", switch_commands },
    { "flow", "flows of a switch, over OpenFlow", flow_commands },
    { "group", "groups of a switch, over OpenFlow", group_commands },
    { "meter", "meters of a switch, over OpenFlow", meter_commands },
    { "mac", "MAC addresses that bridges have learned", mac_commands },
    { "conn", "connections that the switch tracks", conn_commands },
    { "nat", "connections that are translated", nat_commands },
    { "attach", "interfaces and namespaces, to a bridge and off it", attach_commands },
    { "capture", "frames of a port", capture_commands },
    { "net", "the network: a document, and the controller that makes it true", net_commands },
    { "lab", "a network document, built on this machine", lab_commands },
    { "lab", NULL, lab_test_commands },
    { "queue", "queues of ports: guaranteed and limited rates", queue_commands },
    { "rxq", "receive queues of ports, and the workers that poll them", rxq_commands },
    { "pki", "keys and certificates for TLS", pki_commands },
    { "about", "about trama itself", about_commands },
    { "complete", NULL, complete_commands },
    { 0 },
};

int main(int argc, char **argv)
{
    return cli_main(groups, argc, argv);
}
