/* SPDX-License-Identifier: Apache-2.0 */
/* of_target.c - see of_target.h. */
#include "tools/of_target.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/tls.h"
#include "tools/of_client.h"

static const char suffix[] = ".mgmt";

/* The only bridge that has a socket in run_dir. */
static int only_bridge(const struct cli *c, char *name, size_t size)
{
    char list[256] = "";
    size_t len = 0, n = 0;
    DIR *dir = opendir(c->run_dir);
    const struct dirent *entry;

    if (!dir)
        return cli_fail(CLI_UNREACHABLE, "no trama-switchd answers: run_dir %s: %s", c->run_dir, strerror(errno));
    while ((entry = readdir(dir))) {
        size_t bytes = strlen(entry->d_name);

        if (bytes < sizeof suffix || strcmp(entry->d_name + bytes - (sizeof suffix - 1), suffix))
            continue;
        bytes -= sizeof suffix - 1;
        if (!n++)
            snprintf(name, size, "%.*s", (int)bytes, entry->d_name);
        if (len < sizeof list)
            len +=
                (size_t)snprintf(list + len, sizeof list - len, "%s%.*s", len ? ", " : "", (int)bytes, entry->d_name);
    }
    closedir(dir);
    if (!n)
        return cli_fail(CLI_UNREACHABLE, "no trama-switchd answers: there is no bridge's socket (*.mgmt) in %s",
                        c->run_dir);
    if (n > 1)
        return cli_usage_fail(c, "there are %zu bridges (%s); say with -b which one is meant", n, list);
    return CLI_OK;
}

static int choose(const struct cli *c, struct of_target *t, struct endpoint *ep)
{
    const char *bridge = cli_value(c, "bridge"), *to = cli_value(c, "to");
    struct errbuf e = { { 0 } };
    int code = CLI_OK;

    if (bridge && to)
        return cli_usage_fail(c, "--bridge and --to do not go together: each names a switch");
    if (to) {
        if (endpoint_parse(ep, to, &e))
            return cli_usage_fail(c, "--to: %s", e.text);
        if (ep->is_passive)
            return cli_usage_fail(
                c, "--to: '%s' is for listening; write unix:PATH, tcp:ADDRESS:PORT or ssl:ADDRESS:PORT", to);
        endpoint_format(ep, t->name, sizeof t->name);
        return CLI_OK;
    }
    if (bridge && (!*bridge || strchr(bridge, '/')))
        return cli_usage_fail(c, "--bridge: '%s' is no name of a bridge", bridge);
    if (bridge)
        snprintf(t->name, sizeof t->name, "%s", bridge);
    else
        code = only_bridge(c, t->name, sizeof t->name);
    if (code)
        return code;
    *ep = (struct endpoint){ .kind = ENDPOINT_UNIX };
    if (snprintf(ep->path, sizeof ep->path, "%s/%s%s", c->run_dir, t->name, suffix) >= (int)sizeof ep->path)
        return cli_fail(CLI_UNREACHABLE, "run_dir %s: the path is too long for a socket in it", c->run_dir);
    return CLI_OK;
}

/* The keys of an ssl: endpoint. */
static int load_keys(const struct cli *c, struct of_target *t, const struct endpoint *ep)
{
    const struct tls_files files = { .key = cli_value(c, "tls-key"),
                                     .certificate = cli_value(c, "tls-certificate"),
                                     .ca = cli_value(c, "tls-ca") };
    unsigned n = (files.key != NULL) + (files.certificate != NULL) + (files.ca != NULL);
    struct errbuf e = { { 0 } };
    int err;

    if (n != (ep->is_tls ? 3 : 0))
        return cli_usage_fail(c, "--to ssl:ADDRESS:PORT goes with --tls-key, --tls-certificate and --tls-ca");
    if (!ep->is_tls)
        return CLI_OK;
    err = tls_new(&t->tls);
    if (!err)
        err = tls_load(t->tls, &files, &e);
    return err ? cli_fail(CLI_FAILED, "%s", e.text[0] ? e.text : strerror(-err)) : CLI_OK;
}

int of_target_open(const struct cli *c, struct of_target *t)
{
    struct endpoint ep = { 0 };
    struct errbuf e = { { 0 } };
    int code, err;

    *t = (struct of_target){ 0 };
    code = choose(c, t, &ep);
    if (!code)
        code = load_keys(c, t, &ep);
    if (code) {
        of_target_close(t);
        return code;
    }
    endpoint_format(&ep, t->endpoint, sizeof t->endpoint);
    err =
        of_client_open(&t->client, &ep, ep.kind == ENDPOINT_UNIX && !cli_has(c, "to") ? ep.path : t->name, t->tls, &e);
    if (!err)
        err = of_client_port_names(t->client, &e);
    if (!err)
        return CLI_OK;
    of_target_close(t);
    return cli_fail(err == -EREMOTEIO ? CLI_FAILED : CLI_UNREACHABLE, "%s", e.text);
}

void of_target_close(struct of_target *t)
{
    of_client_close(t->client);
    t->client = NULL;
    tls_free(t->tls);
    t->tls = NULL;
}

json_t *of_target_json(const struct of_target *t)
{
    return json_pack("{s:s, s:s, s:s}", "via", "switch", "switch", t->name, "endpoint", t->endpoint);
}
