/* SPDX-License-Identifier: Apache-2.0 */
/* lab_vm_impl.h - what the files of VM hosts share. */
#ifndef TOOLS_LAB_VM_IMPL_H
#define TOOLS_LAB_VM_IMPL_H

#include "base/str.h"
#include "tools/lab_vm.h"

/* lab->dir/HOST.vm/FILE; -ENAMETOOLONG. */
int lab_vm_path(char out[LAB_PATH_SIZE], const struct lab *lab, int host, const char *file);
/* Runs a command over `l` without input; `said` gets its output and its errors.  Its exit code, or a negative errno. */
int lab_vm_run(struct agent_link *l, const char *const argv[], struct str *said);

#endif
