/* SPDX-License-Identifier: Apache-2.0 */
/* net_router_read.c - the schema of what a network document says about layer 3; see net_router.h for the format. */
#include "base/clock.h"
#include "net/net_doc_read.h"

#include <string.h>

enum {
    POLICIES_MAX = 10000,
    ROUTERS_MAX = 1024,
    NATS_MAX = 1024,
    FORWARDS_MAX = 10000
}; /* priorities and cookies have room */

static const char *const protocols[] = {
    [NET_PROTOCOL_ANY] = "any",   [NET_PROTOCOL_TCP] = "tcp",   [NET_PROTOCOL_UDP] = "udp",
    [NET_PROTOCOL_SCTP] = "sctp", [NET_PROTOCOL_ICMP] = "icmp", NULL,
};
static const struct doc_range port_range = { 1, UINT16_MAX };
static const struct doc_items ports_items = {
    .size = sizeof(uint16_t), .read = doc_read_u16, .arg = &port_range, .min = 1, .max = 2
};
static const struct doc_items two_addresses = {
    .size = sizeof(struct raw_address), .read = net_read_address, .min = 1, .max = 2
};

/* --- dhcp --- */
static const struct doc_items range_items = {
    .size = sizeof(struct raw_address), .read = net_read_address, .min = 2, .max = 2
};
static const struct doc_text domain_rule = {
    .min = 1, .max = 253, .chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."
};
const struct doc_field net_dhcp_fields[] = {
    { "range", doc_read_list, offsetof(struct raw_dhcp, range), &range_items },
    { "range6", doc_read_list, offsetof(struct raw_dhcp, range6), &range_items },
    { "lease", doc_read_time, offsetof(struct raw_dhcp, lease_ns),
      &(struct doc_range){ UINT64_C(60) * NSEC_PER_S, UINT64_C(31536000) * NSEC_PER_S } },
    { "dns", net_read_one_or_list, offsetof(struct raw_dhcp, dns), &net_address_items },
    { "domain", doc_read_string, offsetof(struct raw_dhcp, domain), &domain_rule },
    { NULL },
};

/* --- routers --- */
static const struct doc_items leg_items = {
    .size = sizeof(struct raw_leg),
    .read = net_read_one_or_list,
    .arg = &net_address_items,
    .name_arg = &net_name_rule,
    .name_offset = offsetof(struct raw_leg, network),
    .node_offset = offsetof(struct raw_leg, node),
    .min = 1,
};

static const struct doc_field route_fields[] = {
    { "to", doc_read_subnet, offsetof(struct raw_route, to), NULL, true },
    { "via", net_read_address, offsetof(struct raw_route, via), NULL, true },
    { NULL },
};
static const struct doc_items route_items = {
    .size = sizeof(struct raw_route),
    .read = doc_read_fields,
    .arg = route_fields,
    .node_offset = offsetof(struct raw_route, node),
};

/* In the words of RFC 4787, 4.1 and 5. */
static const char *const mappings[] = { "address-and-port-dependent", "endpoint-independent", NULL };
static const char *const filterings[] = { [NET_FILTERING_ADDRESS_AND_PORT] = "address-and-port-dependent",
                                          [NET_FILTERING_ADDRESS] = "address-dependent",
                                          [NET_FILTERING_ENDPOINT] = "endpoint-independent",
                                          NULL };
static const struct doc_range host_limit_rule = { 1, UINT32_MAX };
static const struct doc_range per_switch_range = { 64, 32768 };
static const struct doc_field source_nat_fields[] = {
    { "from", net_read_one_or_list, offsetof(struct raw_source_nat, from), &net_word_items, true },
    { "to", net_read_one_or_list, offsetof(struct raw_source_nat, to), &two_addresses },
    { "ports", doc_read_list, offsetof(struct raw_source_nat, ports), &ports_items },
    { "mapping", doc_read_enum, offsetof(struct raw_source_nat, mapping), mappings },
    { "filtering", doc_read_enum, offsetof(struct raw_source_nat, filtering), filterings },
    { "host_limit", doc_read_u32, offsetof(struct raw_source_nat, host_limit), &host_limit_rule },
    { "per_switch", doc_read_u16, offsetof(struct raw_source_nat, per_switch), &per_switch_range },
    { NULL },
};
static const struct doc_items source_nat_items = {
    .size = sizeof(struct raw_source_nat),
    .read = doc_read_fields,
    .arg = source_nat_fields,
    .node_offset = offsetof(struct raw_source_nat, node),
    .max = NATS_MAX,
};

static const struct doc_field forward_fields[] = {
    { "protocol", doc_read_enum, offsetof(struct raw_forward, protocol), protocols, true },
    { "port", doc_read_u16, offsetof(struct raw_forward, port), &port_range, true },
    { "to", net_read_word, offsetof(struct raw_forward, to), NULL, true },
    { "to_port", doc_read_u16, offsetof(struct raw_forward, to_port), &port_range },
    { "at", net_read_address, offsetof(struct raw_forward, at) },
    { NULL },
};
static const struct doc_items forward_items = {
    .size = sizeof(struct raw_forward),
    .read = doc_read_fields,
    .arg = forward_fields,
    .node_offset = offsetof(struct raw_forward, node),
    .max = FORWARDS_MAX,
};

static const struct doc_field one_to_one_fields[] = {
    { "outside", net_read_address, offsetof(struct raw_one_to_one, outside), NULL, true },
    { "inside", net_read_word, offsetof(struct raw_one_to_one, inside), NULL, true },
    { NULL },
};
static const struct doc_items one_to_one_items = {
    .size = sizeof(struct raw_one_to_one),
    .read = doc_read_fields,
    .arg = one_to_one_fields,
    .node_offset = offsetof(struct raw_one_to_one, node),
    .max = FORWARDS_MAX,
};

static const struct doc_items forwarder_items = {
    .size = sizeof(struct raw_address), .read = net_read_address, .min = 1, .max = NET_DNS_MAX
};
static const struct doc_text dns_domain_rule = { /* a host's name fits before it: RFC 1035, 2.3.4 */
                                                 .min = 1,
                                                 .max = 220,
                                                 .chars =
                                                     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."
};
static const struct doc_field dns_fields[] = {
    { "forward", net_read_one_or_list, offsetof(struct raw_dns, forward), &forwarder_items },
    { "domain", doc_read_string, offsetof(struct raw_dns, domain), &dns_domain_rule },
    { NULL },
};

static int read_dns(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    ((struct raw_dns *)out)->node = n;
    return doc_read_map(n, arg, out, e);
}

static const struct doc_field nat64_fields[] = {
    { "prefix", doc_read_subnet, offsetof(struct raw_nat64, prefix) },
    { "to", net_read_one_or_list, offsetof(struct raw_nat64, nat.to), &two_addresses },
    { "ports", doc_read_list, offsetof(struct raw_nat64, nat.ports), &ports_items },
    { "filtering", doc_read_enum, offsetof(struct raw_nat64, nat.filtering), filterings },
    { "host_limit", doc_read_u32, offsetof(struct raw_nat64, nat.host_limit), &host_limit_rule },
    { NULL },
};

static int read_nat64(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    ((struct raw_nat64 *)out)->nat.node = n;
    return doc_read_map(n, arg, out, e);
}

static const char *const helpers[] = { [NET_HELPER_FTP] = "ftp", [NET_HELPER_TFTP] = "tftp", NULL };
static const struct doc_items helper_items = {
    .size = sizeof(int), .read = doc_read_enum, .arg = helpers, .min = 1, .max = NET_HELPERS
};

static const struct doc_field nptv6_fields[] = {
    { "inside", doc_read_subnet, offsetof(struct raw_nptv6, inside), NULL, true },
    { "outside", doc_read_subnet, offsetof(struct raw_nptv6, outside), NULL, true },
    { NULL },
};
static const struct doc_items nptv6_items = {
    .size = sizeof(struct raw_nptv6),
    .read = doc_read_fields,
    .arg = nptv6_fields,
    .node_offset = offsetof(struct raw_nptv6, node),
    .max = NATS_MAX,
};

/* A number, or `auto`. */
static int read_mss(const struct doc_node *n, const void *arg, void *out, struct errbuf *e)
{
    static const struct doc_range range = { NET_MSS_MIN, NET_MSS_MAX };
    const char *text;
    int err = doc_read_string(n, NULL, &text, e);

    if (err)
        return err;
    if (!strcmp(text, "auto")) {
        *(uint16_t *)out = NET_MSS_AUTO;
        return 0;
    }
    if (doc_read_u16(n, &range, out, NULL))
        return doc_error(n, e, "'%.64s' is neither auto nor a number from %d to %d", text, NET_MSS_MIN, NET_MSS_MAX);
    return 0;
}

static const struct doc_field router_fields[] = {
    { "gateway", net_read_word, offsetof(struct raw_router, gateway) },
    { "networks", doc_read_named, offsetof(struct raw_router, legs), &leg_items, true },
    { "outside", net_read_one_or_list, offsetof(struct raw_router, outside), &net_word_items },
    { "routes", doc_read_list, offsetof(struct raw_router, routes), &route_items },
    { "source_nat", doc_read_list, offsetof(struct raw_router, source_nats), &source_nat_items },
    { "forwards", doc_read_list, offsetof(struct raw_router, forwards), &forward_items },
    { "one_to_one", doc_read_list, offsetof(struct raw_router, one_to_ones), &one_to_one_items },
    { "helpers", net_read_one_or_list, offsetof(struct raw_router, helpers), &helper_items },
    { "nat64", read_nat64, offsetof(struct raw_router, nat64), nat64_fields },
    { "nptv6", doc_read_list, offsetof(struct raw_router, nptv6s), &nptv6_items },
    { "mss", read_mss, offsetof(struct raw_router, mss) },
    { "dns", read_dns, offsetof(struct raw_router, dns), dns_fields },
    { NULL },
};
const struct doc_items net_router_items = {
    .size = sizeof(struct raw_router),
    .read = doc_read_fields,
    .arg = router_fields,
    .name_arg = &net_name_rule,
    .name_offset = offsetof(struct raw_router, name),
    .node_offset = offsetof(struct raw_router, node),
    .max = ROUTERS_MAX,
};

/* --- policies --- */
static const char *const policy_actions[] = { "allow", "deny", NULL };
static const struct doc_field policy_fields[] = {
    { "name", doc_read_name, offsetof(struct raw_policy, name), &net_name_rule, true },
    { "from", net_read_one_or_list, offsetof(struct raw_policy, from), &net_word_items, true },
    { "to", net_read_one_or_list, offsetof(struct raw_policy, to), &net_word_items, true },
    { "protocol", doc_read_enum, offsetof(struct raw_policy, protocol), protocols },
    { "port", net_read_one_or_list, offsetof(struct raw_policy, ports), &ports_items },
    { "action", doc_read_enum, offsetof(struct raw_policy, action), policy_actions, true },
    { NULL },
};
const struct doc_items net_policy_items = {
    .size = sizeof(struct raw_policy),
    .read = doc_read_fields,
    .arg = policy_fields,
    .node_offset = offsetof(struct raw_policy, node),
    .max = POLICIES_MAX,
};
