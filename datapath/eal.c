/* SPDX-License-Identifier: Apache-2.0 */
/* eal.c - see eal.h.
 *
 * Theory: `--in-memory` (with ordinary memory: `--no-shconf`) keeps DPDK from creating files that another process could
 * open, so nothing must be cleaned up after a kill; what it still makes is an empty directory, which is put below run_dir
 * by way of RUNTIME_DIRECTORY.  Its log is not for our users: the first line of an attempt is kept, and goes into the
 * sentence with which a port is refused. */
#include "datapath/eal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include "base/hash.h"

enum {
    ARGS_MAX = 96,
    ARG_SIZE = 128,
    MBUFS_HUGE = 262144,
    MBUFS_NO_HUGE = 16384,
    MBUFS_MIN = 1024,
    MBUFS_MAX = 1 << 24,
    MBUF_CACHE = 512,
    MBUF_ROOM_BYTES = RTE_MBUF_DEFAULT_BUF_SIZE + 256, /* with struct rte_mbuf and the mempool's own header */
    MEMORY_EXTRA_MB = 256,
};

/* EAL is one per process, hence so is this.  Thread: C; `first_log` may be written by DPDK's own thread. */
static struct {
    bool is_started, has_hugepages;
    struct rte_mempool *pool;
    FILE *log;
    char first_log[256];
    char prefix[32];
} eal;

struct args {
    int n;
    char *v[ARGS_MAX + 1];
    char text[ARGS_MAX][ARG_SIZE];
    bool is_full;
};

static void args_add(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void args_add(struct args *a, const char *fmt, ...)
{
    va_list ap;

    if (a->n == ARGS_MAX) {
        a->is_full = true;
        return;
    }
    va_start(ap, fmt);
    if (vsnprintf(a->text[a->n], ARG_SIZE, fmt, ap) >= ARG_SIZE)
        a->is_full = true;
    va_end(ap);
    a->v[a->n] = a->text[a->n];
    a->n++;
}

/* Free hugepages of a size, as sysfs tells; 0 when there are none of that size. */
static unsigned long free_hugepages(const char *size)
{
    char path[96];
    unsigned long n = 0;
    FILE *f;

    snprintf(path, sizeof path, "/sys/kernel/mm/hugepages/hugepages-%s/free_hugepages", size);
    f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%lu", &n) != 1)
        n = 0;
    fclose(f);
    return n;
}

static bool is_hugetlbfs_mounted(void)
{
    FILE *f = fopen("/proc/mounts", "re");
    char type[64];
    bool is_found = false;

    if (!f)
        return false;
    while (!is_found && fscanf(f, "%*s %*s %63s %*[^\n]", type) == 1)
        is_found = !strcmp(type, "hugetlbfs");
    fclose(f);
    return is_found;
}

/* Megabytes that can be had from hugepages now. */
static unsigned long hugepage_mb(void)
{
    if (!is_hugetlbfs_mounted())
        return 0;
    return free_hugepages("2048kB") * 2 + free_hugepages("1048576kB") * 1024;
}

static ssize_t log_write(void *cookie, const char *buf, size_t n)
{
    size_t len = n < 255 ? n : 255;
    const char *end = memchr(buf, '\n', len);

    (void)cookie;
    if (end)
        len = (size_t)(end - buf);
    if (len && !eal.first_log[0])
        snprintf(eal.first_log, sizeof eal.first_log, "%.*s", (int)len, buf);
    return (ssize_t)n;
}

static void log_open(void)
{
    cookie_io_functions_t io = { .write = log_write };

    eal.log = fopencookie(NULL, "w", io);
    if (!eal.log)
        return;
    setvbuf(eal.log, NULL, _IOLBF, 256);
    rte_openlog_stream(eal.log);
}

static int decide_memory(const struct eal_conf *conf, uint32_t *n_mbufs, uint32_t *memory_mb, struct errbuf *e)
{
    unsigned long huge_mb = conf->hugepages == EAL_HUGEPAGES_OFF ? 0 : hugepage_mb();
    uint32_t n = conf->n_mbufs ? conf->n_mbufs : MBUFS_HUGE;
    uint32_t need_mb = (uint32_t)((uint64_t)n * MBUF_ROOM_BYTES >> 20) + MEMORY_EXTRA_MB;

    if (n < MBUFS_MIN || n > MBUFS_MAX)
        return errbuf_set(e, -EINVAL, "dpdk: mbufs: %u is not between %d and %d", n, MBUFS_MIN, MBUFS_MAX);
    if (conf->memory_mb)
        need_mb = conf->memory_mb;
    eal.has_hugepages = huge_mb >= need_mb;
    if (!eal.has_hugepages && conf->hugepages == EAL_HUGEPAGES_ON)
        return errbuf_set(e, -ENOMEM, "dpdk: hugepages: %u MB are needed, %lu MB are free and mounted", need_mb,
                          huge_mb);
    if (!eal.has_hugepages && !conf->n_mbufs) {
        n = MBUFS_NO_HUGE;
        need_mb = conf->memory_mb ? conf->memory_mb : (uint32_t)((uint64_t)n * MBUF_ROOM_BYTES >> 20) + MEMORY_EXTRA_MB;
    }
    *n_mbufs = n;
    *memory_mb = need_mb;
    return 0;
}

static void build_args(struct args *a, const struct eal_conf *conf, uint32_t memory_mb, int cpu)
{
    args_add(a, "trama");
    args_add(a, "--file-prefix=%s", eal.prefix);
    args_add(a, "--no-telemetry");
    args_add(a, "--lcores=0@%d", cpu);
    args_add(a, "--log-level=*:error");
    args_add(a, "--force-max-simd-bitwidth=512");
    /* either way nothing is shared, and no file stays behind; EAL refuses --in-memory without hugepages */
    if (eal.has_hugepages) {
        args_add(a, "--in-memory");
    } else {
        args_add(a, "--no-huge");
        args_add(a, "--no-shconf");
    }
    args_add(a, "-m");
    args_add(a, "%u", memory_mb);
    if (!conf->pci[0])
        args_add(a, "--no-pci");
    for (size_t i = 0; i < sizeof conf->pci / sizeof *conf->pci && conf->pci[i]; i++)
        args_add(a, "--allow=%s", conf->pci[i]);
    for (size_t i = 0; i < EAL_EXTRA_MAX && conf->extra[i]; i++)
        args_add(a, "%s", conf->extra[i]);
    a->v[a->n] = NULL;
}

/* rte_eal_init with standard output closed to it: it would explain its options to the user of ours. */
static int init_silently(struct args *a)
{
    int out = dup(1), null = open("/dev/null", O_WRONLY | O_CLOEXEC), ret;

    fflush(stdout);
    if (out >= 0 && null >= 0)
        dup2(null, 1);
    ret = rte_eal_init(a->n, a->v);
    fflush(stdout);
    if (out >= 0 && null >= 0)
        dup2(out, 1);
    if (out >= 0)
        close(out);
    if (null >= 0)
        close(null);
    return ret;
}

/* The directory that EAL made for files which it then did not make. */
static void remove_dir(const char *run_dir)
{
    char path[512];

    snprintf(path, sizeof path, "%s/dpdk/%s", run_dir, eal.prefix);
    rmdir(path);
    snprintf(path, sizeof path, "%s/dpdk", run_dir);
    rmdir(path);
}

/* Calls rte_eal_init, which would tie the calling thread to one CPU. */
static int init_eal(const struct eal_conf *conf, uint32_t memory_mb, struct errbuf *e)
{
    struct args *a = calloc(1, sizeof *a);
    cpu_set_t cpus;
    int cpu = 0, err = 0;

    if (!a)
        return errbuf_set(e, -ENOMEM, "dpdk: out of memory");
    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0)
        while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &cpus))
            cpu++;
    build_args(a, conf, memory_mb, cpu);
    if (a->is_full) {
        free(a);
        return errbuf_set(e, -E2BIG, "dpdk: extra: too many or too long arguments");
    }
    setenv("RUNTIME_DIRECTORY", conf->run_dir, 1);
    if (init_silently(a) < 0)
        err = errbuf_set(e, rte_errno ? -rte_errno : -EIO, "dpdk: EAL does not start: %s%s%s", rte_strerror(rte_errno),
                         eal.first_log[0] ? ": " : "", eal.first_log);
    sched_setaffinity(0, sizeof cpus, &cpus);
    remove_dir(conf->run_dir); /* not needed any more */
    free(a);
    return err;
}

/* Last in, first out: frames use memory that the cache still holds, where a ring would go round through all of it.  Without
 * hugepages mbufs lie side by side, over page borders (no device reads that memory by itself): AF_XDP counts on it. */
static struct rte_mempool *make_pool(uint32_t n_mbufs)
{
    struct rte_mempool *pool = rte_mempool_create_empty(
        "frames", n_mbufs, sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, MBUF_CACHE,
        sizeof(struct rte_pktmbuf_pool_private), SOCKET_ID_ANY, eal.has_hugepages ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG);
    int err;

    if (!pool)
        return NULL;
    err = rte_mempool_set_ops_byname(pool, "lf_stack", NULL);
    if (!err) {
        rte_pktmbuf_pool_init(pool, NULL);
        err = rte_mempool_populate_default(pool);
    }
    if (err < 0) {
        rte_mempool_free(pool);
        rte_errno = -err;
        return NULL;
    }
    rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
    return pool;
}

int eal_start(const struct eal_conf *conf, struct errbuf *e)
{
    uint32_t n_mbufs = 0, memory_mb = 0;
    int err;

    if (eal.is_started)
        return errbuf_set(e, -EALREADY, "dpdk: EAL was started already in this process");
    err = decide_memory(conf, &n_mbufs, &memory_mb, e);
    if (err)
        return err;
    snprintf(eal.prefix, sizeof eal.prefix, "trama-%08x-%d", hash_bytes(conf->run_dir, strlen(conf->run_dir), 0),
             (int)getpid());
    log_open();
    eal.is_started = true;
    err = init_eal(conf, memory_mb, e);
    if (err)
        return err;
    eal.pool = make_pool(n_mbufs);
    if (!eal.pool)
        return errbuf_set(e, -rte_errno, "dpdk: no room for %u mbufs in %u MB: %s", n_mbufs, memory_mb,
                          rte_strerror(rte_errno));
    return 0;
}

void eal_stop(void)
{
    if (!eal.pool)
        return;
    rte_mempool_free(eal.pool);
    eal.pool = NULL;
    rte_eal_cleanup();
    rte_openlog_stream(NULL);
    if (eal.log)
        fclose(eal.log);
    eal.log = NULL;
}

struct rte_mempool *eal_pool(void)
{
    return eal.pool;
}

bool eal_has_hugepages(void)
{
    return eal.has_hugepages;
}

void eal_log_reset(void)
{
    eal.first_log[0] = '\0';
}

const char *eal_log(void)
{
    return eal.first_log;
}
