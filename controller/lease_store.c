/* SPDX-License-Identifier: Apache-2.0 */
/* lease_store.c - see lease_store.h. */
#include "controller/lease_store.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

enum { APPLICATION_ID = 0x74726d61, BUSY_MS = 1000 }; /* "trma", in the header of the file */

struct lease_store {
    sqlite3 *db;
    sqlite3_stmt *put, *remove, *put6, *remove6;
};

static int fail(struct lease_store *s, const char *path, struct errbuf *e)
{
    return errbuf_set(e, -EINVAL, "%s: the leases: %s", path, s->db ? sqlite3_errmsg(s->db) : "not enough memory");
}

/* The number of the program that a database is of; 0: a new one. */
static int application_of(struct lease_store *s, int *out)
{
    sqlite3_stmt *q;
    int err = sqlite3_prepare_v2(s->db, "PRAGMA application_id", -1, &q, NULL);

    if (!err && sqlite3_step(q) == SQLITE_ROW)
        *out = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    return err;
}

static int tables_make(struct lease_store *s)
{
    char text[600];

    snprintf(text, sizeof text,
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA application_id = %d;"
             "CREATE TABLE IF NOT EXISTS lease (vlan INTEGER, address INTEGER, client BLOB, mac INTEGER, name TEXT,"
             " end INTEGER, PRIMARY KEY (vlan, address)) WITHOUT ROWID;"
             "CREATE TABLE IF NOT EXISTS lease6 (vlan INTEGER, address BLOB, client BLOB, mac INTEGER,"
             " end INTEGER, PRIMARY KEY (vlan, address)) WITHOUT ROWID;",
             APPLICATION_ID);
    return sqlite3_exec(s->db, text, NULL, NULL, NULL);
}

int lease_store_open(struct lease_store **out, const char *path, struct errbuf *e)
{
    struct lease_store *s = calloc(1, sizeof *s);
    int application = 0, err;

    if (!s)
        return errbuf_set(e, -ENOMEM, "not enough memory");
    err = sqlite3_open(path, &s->db);
    if (!err)
        err = sqlite3_busy_timeout(s->db, BUSY_MS);
    if (!err)
        err = application_of(s, &application);
    if (!err && application && application != APPLICATION_ID) {
        lease_store_close(s);
        return errbuf_set(e, -EINVAL, "%s: the database is another program's", path);
    }
    if (!err)
        err = tables_make(s);
    if (!err)
        err = sqlite3_prepare_v2(s->db, "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?)", -1, &s->put, NULL);
    if (!err)
        err = sqlite3_prepare_v2(s->db, "DELETE FROM lease WHERE vlan = ? AND address = ?", -1, &s->remove, NULL);
    if (!err)
        err = sqlite3_prepare_v2(s->db, "INSERT OR REPLACE INTO lease6 VALUES (?, ?, ?, ?, ?)", -1, &s->put6, NULL);
    if (!err)
        err = sqlite3_prepare_v2(s->db, "DELETE FROM lease6 WHERE vlan = ? AND address = ?", -1, &s->remove6, NULL);
    if (err) {
        err = fail(s, path, e);
        lease_store_close(s);
        return err;
    }
    *out = s;
    return 0;
}

void lease_store_close(struct lease_store *s)
{
    if (!s)
        return;
    sqlite3_finalize(s->put);
    sqlite3_finalize(s->remove);
    sqlite3_finalize(s->put6);
    sqlite3_finalize(s->remove6);
    sqlite3_close(s->db);
    free(s);
}

static int64_t wall_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec;
}

static void load_row(sqlite3_stmt *q, void *server, uint64_t now_ns, int64_t wall)
{
    const void *client = sqlite3_column_blob(q, 2);
    int n = sqlite3_column_bytes(q, 2);
    const unsigned char *name = sqlite3_column_text(q, 4);
    struct dhcp_lease l = {
        .vlan = (uint16_t)sqlite3_column_int(q, 0),
        .address = (uint32_t)sqlite3_column_int64(q, 1),
        .mac = (net_mac)sqlite3_column_int64(q, 3),
        .end_ns = now_ns + (uint64_t)(sqlite3_column_int64(q, 5) - wall) * NSEC_PER_S,
    };

    if (!client || n < 1 || n > DHCP_CLIENT_MAX)
        return;
    memcpy(l.client, client, (size_t)n);
    l.n_client = (uint8_t)n;
    snprintf(l.name, sizeof l.name, "%s", name ? (const char *)name : "");
    dhcp_restore(server, &l);
}

static void load_row6(sqlite3_stmt *q, void *server, uint64_t now_ns, int64_t wall)
{
    const void *ip = sqlite3_column_blob(q, 1), *client = sqlite3_column_blob(q, 2);
    int n = sqlite3_column_bytes(q, 2);
    struct dhcp6_lease l = {
        .vlan = (uint16_t)sqlite3_column_int(q, 0),
        .mac = (net_mac)sqlite3_column_int64(q, 3),
        .ip = { .family = 6, .prefix_len = 128 },
        .end_ns = now_ns + (uint64_t)(sqlite3_column_int64(q, 4) - wall) * NSEC_PER_S,
    };

    if (!ip || sqlite3_column_bytes(q, 1) != 16 || !client || n < 1 || n > DHCP6_CLIENT_MAX)
        return;
    memcpy(l.ip.bytes, ip, 16);
    memcpy(l.client, client, (size_t)n);
    l.n_client = (uint8_t)n;
    dhcp6_restore(server, &l);
}

/* Every row of `text` to `row`. */
static int load(struct lease_store *s, const char *text, void *server, uint64_t now_ns,
                void (*row)(sqlite3_stmt *q, void *server, uint64_t now_ns, int64_t wall))
{
    int64_t wall = wall_s();
    sqlite3_stmt *q;
    int err = sqlite3_prepare_v2(s->db, text, -1, &q, NULL), step = SQLITE_DONE;

    if (!err) {
        sqlite3_bind_int64(q, 1, wall);
        while ((step = sqlite3_step(q)) == SQLITE_ROW)
            row(q, server, now_ns, wall);
    }
    sqlite3_finalize(q);
    return err || step != SQLITE_DONE ? -EINVAL : 0;
}

int lease_store_load(struct lease_store *s, struct dhcp_server *server, uint64_t now_ns, struct errbuf *e)
{
    return load(s, "SELECT * FROM lease WHERE end > ?", server, now_ns, load_row) ? fail(s, "DHCP", e) : 0;
}

int lease_store_load6(struct lease_store *s, struct dhcp6_server *server, uint64_t now_ns, struct errbuf *e)
{
    return load(s, "SELECT * FROM lease6 WHERE end > ?", server, now_ns, load_row6) ? fail(s, "DHCPv6", e) : 0;
}

static void run(struct lease_store *s, sqlite3_stmt *q)
{
    if (sqlite3_step(q) != SQLITE_DONE)
        log_limited(LOG_ERROR, "dhcp: a lease cannot be written down: %s", sqlite3_errmsg(s->db));
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
}

void lease_store_put(struct lease_store *s, const struct dhcp_lease *l, uint64_t now_ns)
{
    uint64_t left_ns = l->end_ns > now_ns ? l->end_ns - now_ns : 0;

    sqlite3_bind_int(s->put, 1, l->vlan);
    sqlite3_bind_int64(s->put, 2, l->address);
    sqlite3_bind_blob(s->put, 3, l->client, l->n_client, SQLITE_STATIC);
    sqlite3_bind_int64(s->put, 4, (int64_t)l->mac);
    sqlite3_bind_text(s->put, 5, l->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s->put, 6, wall_s() + (int64_t)(left_ns / NSEC_PER_S));
    run(s, s->put);
}

void lease_store_remove(struct lease_store *s, uint16_t vlan, uint32_t address)
{
    sqlite3_bind_int(s->remove, 1, vlan);
    sqlite3_bind_int64(s->remove, 2, address);
    run(s, s->remove);
}

void lease_store_put6(struct lease_store *s, const struct dhcp6_lease *l, uint64_t now_ns)
{
    uint64_t left_ns = l->end_ns > now_ns ? l->end_ns - now_ns : 0;

    sqlite3_bind_int(s->put6, 1, l->vlan);
    sqlite3_bind_blob(s->put6, 2, l->ip.bytes, 16, SQLITE_STATIC);
    sqlite3_bind_blob(s->put6, 3, l->client, l->n_client, SQLITE_STATIC);
    sqlite3_bind_int64(s->put6, 4, (int64_t)l->mac);
    sqlite3_bind_int64(s->put6, 5, wall_s() + (int64_t)(left_ns / NSEC_PER_S));
    run(s, s->put6);
}

void lease_store_remove6(struct lease_store *s, uint16_t vlan, const struct ip_addr *ip)
{
    sqlite3_bind_int(s->remove6, 1, vlan);
    sqlite3_bind_blob(s->remove6, 2, ip->bytes, 16, SQLITE_STATIC);
    run(s, s->remove6);
}
