/* SPDX-License-Identifier: Apache-2.0 */
/* pki.c - `trama pki`: certificates for TLS between switches and controllers. */
#include "io/pki.h"
#include "tools/commands.h"

#include <errno.h>
#include <stdio.h>

static const char default_dir[] = "/etc/trama/pki";
enum { DAYS_MAX = 36500 };

static const char *dir_of(const struct cli *c)
{
    const char *dir = cli_value(c, "dir");

    return dir ? dir : default_dir;
}

static int made(const struct cli *c, const char *name)
{
    const char *dir = dir_of(c);

    if (c->is_json)
        return cli_json(json_pack("{s:o, s:o}", "key", json_sprintf("%s/%s.key", dir, name), "certificate",
                                  json_sprintf("%s/%s.crt", dir, name)));
    printf("%s/%s.key\n%s/%s.crt\n", dir, name, dir, name);
    return CLI_OK;
}

static int run_init(struct cli *c)
{
    struct errbuf e = { 0 };

    return pki_init(dir_of(c), &e) ? cli_fail(CLI_FAILED, "%s", e.text) : made(c, "ca");
}

static int run_issue(struct cli *c)
{
    uint64_t days = PKI_DAYS;
    struct errbuf e = { 0 };
    int code = cli_number(c, "days", 1, DAYS_MAX, &days);

    if (code)
        return code;
    if (pki_issue(dir_of(c), cli_arg(c, 0), (unsigned)days, &e))
        return cli_fail(CLI_FAILED, "%s", e.text);
    return made(c, cli_arg(c, 0));
}

static const struct cli_option init_options[] = {
    { "dir", 'd', "DIR", "where; default /etc/trama/pki" },
    { 0 },
};

static const struct cli_option issue_options[] = {
    { "dir", 'd', "DIR", "where the authority is; default /etc/trama/pki" },
    { "days", 0, "N", "how long the certificate is good; default 825" },
    { 0 },
};

const struct cli_command pki_commands[] = {
    { "pki init", "", "Make an authority that signs certificates", run_init, 0, 0, init_options,
      "Makes DIR/ca.key, to be kept secret, and DIR/ca.crt, which every switch and controller gets.\n" },
    { "pki issue", "NAME", "Make a key and a certificate for a switch or a controller", run_issue, 1, 1, issue_options,
      "Makes DIR/NAME.key and DIR/NAME.crt.  The switch file takes them as\n"
      "  tls: {key: NAME.key, certificate: NAME.crt, ca: ca.crt}\n"
      "and trama-controller as --tls-key, --tls-certificate and --tls-ca.\n" },
    { 0 },
};
