/* SPDX-License-Identifier: Apache-2.0 */
/* guest.c - the first process of a VM of the lab: loads the modules that lie in /modules, lays out busybox,
 * and has an agent at each virtio-serial port called "trama.N".  Linked statically: the guest has no libc.
 * Flow: lab_vm -> qemu -> kernel -> [guest] -> agent */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/agent.h"
#include "tools/lab_guest.h"

enum { PAUSE_MS = 10, PORTS_WAIT_MS = 20000, PATH_SIZE = 300 };

static void complain(const char *what)
{
    fprintf(stderr, "guest: %s: %s\n", what, strerror(errno));
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

static void file_systems_mount(void)
{
    static const char *const mounts[][2] = {
        { "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" }, { "tmpfs", "/tmp" }, { "tmpfs", "/run" }
    };

    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++)
        if (mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL))
            complain(mounts[i][1]);
}

/* 0, or the errno of why it does not go in. */
static int module_load(const char *name)
{
    char path[PATH_SIZE];
    int fd, err;

    snprintf(path, sizeof path, "/modules/%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    err = fd < 0 || syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
    if (fd >= 0)
        close(fd);
    return err == EEXIST ? 0 : err;
}

/* Over and over until no more go in: one that needs another goes in after it, whatever their order. */
static void modules_load(void)
{
    struct dirent **names;
    int n = scandir("/modules", &names, NULL, alphasort), n_before = -1, n_loaded = 0;
    bool *is_loaded = n > 0 ? calloc((size_t)n, sizeof *is_loaded) : NULL;

    for (int i = 0; is_loaded && i < n; i++)
        is_loaded[i] = names[i]->d_name[0] == '.';
    while (is_loaded && n_loaded > n_before) {
        n_before = n_loaded;
        for (int i = 0; i < n; i++)
            if (!is_loaded[i]) {
                is_loaded[i] = module_load(names[i]->d_name) == 0;
                n_loaded += is_loaded[i];
            }
    }
    for (int i = 0; is_loaded && i < n; i++)
        if (!is_loaded[i])
            fprintf(stderr, "guest: module %s does not load\n", names[i]->d_name);
    free(is_loaded);
}

static void run(const char *const argv[])
{
    pid_t pid = fork();

    if (!pid) {
        execv(argv[0], (char *const *)argv);
        complain(argv[0]);
        _exit(1);
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* The device of the port called `name`, such as "/dev/vport0p1"; false when there is none yet. */
static bool port_find(char path[PATH_SIZE], const char *name)
{
    DIR *dir = opendir("/sys/class/virtio-ports");
    bool is_found = false;

    for (struct dirent *d; dir && !is_found && (d = readdir(dir));) {
        char file[PATH_SIZE], text[64] = "";
        int fd;

        snprintf(file, sizeof file, "/sys/class/virtio-ports/%s/name", d->d_name);
        fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
            is_found = !strncmp(text, name, strlen(name)) && text[strlen(name)] == '\n';
        if (fd >= 0)
            close(fd);
        snprintf(path, PATH_SIZE, "/dev/%s", d->d_name);
    }
    if (dir)
        closedir(dir);
    return is_found;
}

/* Serves whoever connects, one after the other; a fresh opening forgets what the last one left. */
static void port_serve(int number)
{
    char name[32], path[PATH_SIZE];

    snprintf(name, sizeof name, LAB_GUEST_PORT, number);
    for (int waited = 0; !port_find(path, name) && waited < PORTS_WAIT_MS; waited += PAUSE_MS)
        pause_ms(PAUSE_MS);
    for (;;) {
        struct pollfd f = { .fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK), .events = POLLIN };

        if (f.fd < 0) {
            complain(path);
            return;
        }
        while (poll(&f, 1, -1) > 0 && f.revents & POLLHUP) /* nobody is connected, and waiting for it is not offered */
            pause_ms(PAUSE_MS);
        agent_serve(f.fd);
        close(f.fd);
    }
}

int main(void)
{
    if (getpid() != 1) {
        fprintf(stderr, "trama-guest: is the first process of a guest and nothing else\n");
        return 2;
    }
    file_systems_mount();
    modules_load();
    run((const char *const[]){ "/bin/busybox", "--install", "-s", "/bin", NULL });
    setenv("PATH", "/bin", 1);
    setenv("HOME", "/root", 1);
    (void)!chdir("/root");
    for (int i = 0; i < LAB_GUEST_PORTS; i++)
        if (!fork()) {
            setsid();
            port_serve(i);
            _exit(1);
        }
    for (;;) /* of agents and of whoever lost its parent */
        if (wait(NULL) < 0 && errno == ECHILD)
            pause();
}
