/* SPDX-License-Identifier: Apache-2.0 */
/* builder.c - a queue of jobs under a lock that C and the builder's thread take for moments. */
#include "datapath/builder.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NICER = 5 }; /* than the rest of the process: it gets a third of a core that control wants too */

struct builder {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    struct list jobs;            /* not begun */
    struct builder_job *running; /* NULL: none */
    bool is_ending;
    cpu_set_t cpus; /* where it may run */
};

static void keep_off(struct builder *b, const int *cpus, unsigned n)
{
    cpu_set_t left;

    if (sched_getaffinity(0, sizeof b->cpus, &b->cpus))
        CPU_ZERO(&b->cpus);
    left = b->cpus;
    for (unsigned i = 0; i < n; i++)
        if (cpus[i] >= 0)
            CPU_CLR((size_t)cpus[i], &left);
    if (CPU_COUNT(&left))
        b->cpus = left;
}

static void *builder_main(void *arg)
{
    struct builder *b = arg;

    if (CPU_COUNT(&b->cpus))
        sched_setaffinity(0, sizeof b->cpus, &b->cpus); /* both are for speed alone, and may be refused */
    setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, (id_t)gettid()) + NICER);
    pthread_mutex_lock(&b->lock);
    for (;;) {
        while (list_is_empty(&b->jobs) && !b->is_ending)
            pthread_cond_wait(&b->wake, &b->lock);
        if (b->is_ending)
            break;
        b->running = list_first(&b->jobs, struct builder_job, link);
        list_remove(&b->running->link);
        pthread_mutex_unlock(&b->lock);
        b->running->run(b->running);
        pthread_mutex_lock(&b->lock);
        atomic_store_explicit(&b->running->is_done, true, memory_order_release);
        b->running = NULL;
        pthread_cond_broadcast(&b->done);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

int builder_new(struct builder **out, const int *cpus, unsigned n)
{
    struct builder *b = calloc(1, sizeof *b);
    int err;

    if (!b)
        return -ENOMEM;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->wake, NULL);
    pthread_cond_init(&b->done, NULL);
    list_init(&b->jobs);
    keep_off(b, cpus, n);
    err = pthread_create(&b->thread, NULL, builder_main, b);
    if (err) {
        free(b);
        return -err;
    }
    pthread_setname_np(b->thread, "builder");
    *out = b;
    return 0;
}

void builder_free(struct builder *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->is_ending = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->done);
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void builder_start(struct builder *b, struct builder_job *job)
{
    atomic_store_explicit(&job->is_done, false, memory_order_relaxed);
    if (!b) {
        job->run(job);
        atomic_store_explicit(&job->is_done, true, memory_order_release);
        return;
    }
    pthread_mutex_lock(&b->lock);
    list_push_back(&b->jobs, &job->link);
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

void builder_cancel(struct builder *b, struct builder_job *job)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    if (b->running == job)
        while (b->running == job)
            pthread_cond_wait(&b->done, &b->lock);
    else if (!atomic_load_explicit(&job->is_done, memory_order_relaxed))
        list_remove(&job->link);
    pthread_mutex_unlock(&b->lock);
}
