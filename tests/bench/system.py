# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks need of the machine: commands, namespaces, processes, and a description of it for the results."""
import os
import platform
import subprocess
import tempfile
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


def run(*command, netns=None, check=True, timeout=60):
    """A command's output.  RuntimeError with what it said when it fails."""
    command = [*(["ip", "netns", "exec", netns] if netns else []), *map(str, command)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout


def wait_for(what, is_true, seconds=15):
    end = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > end:
            raise RuntimeError(f"no {what} within {seconds} seconds")
        time.sleep(0.02)


def cpu_seconds(pid):
    """What a process has used so far, all threads."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="utf-8") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(), "commit": commit.stdout.strip() or "unknown",
            "load": os.getloadavg()[0]}


class Scope:
    """Namespaces, processes and a directory that are gone when the scope is left."""

    def __init__(self, tag):
        self.tag = f"{tag}{os.getpid()}"
        self.dir = tempfile.mkdtemp(prefix="trama-bench-")
        self.namespaces = []
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in self.namespaces:
            run("ip", "netns", "del", name, check=False)
        run("rm", "-rf", self.dir, check=False)

    def netns(self, suffix):
        name = self.tag + suffix
        run("ip", "netns", "add", name)
        self.namespaces.append(name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        return name

    def start(self, *command, netns=None, env=None):
        with open(os.path.join(self.dir, "log"), "a", encoding="utf-8") as log:
            process = subprocess.Popen([*(["ip", "netns", "exec", netns] if netns else []), *map(str, command)],
                                       stdout=log, stderr=log, env={**os.environ, **(env or {})})
        self.processes.append(process)
        return process

    def log(self, most=2000):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-most:]


class Hugepages:
    """`count` hugepages of 2 MB more than there are, and a hugetlbfs mount; both given back when the scope is left."""

    SETTING = "/proc/sys/vm/nr_hugepages"

    def __init__(self, count):
        self.count = count
        self.dir = None

    def __enter__(self):
        self.before = self.total()
        try:
            self.set_total(self.before + self.count)
            if self.total() < self.before + self.count:
                raise RuntimeError(f"the kernel gives {self.total() - self.before} of {self.count} hugepages (of 2 MB)")
            self.dir = tempfile.mkdtemp(prefix="trama-bench-huge-")
            run("mount", "-t", "hugetlbfs", "none", self.dir)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.dir:
            run("umount", self.dir, check=False)
            os.rmdir(self.dir)
        self.set_total(self.before)

    def total(self):
        with open(self.SETTING, encoding="utf-8") as f:
            return int(f.read())

    def set_total(self, count):
        with open(self.SETTING, "w", encoding="utf-8") as f:
            f.write(str(count))
