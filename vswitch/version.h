/* SPDX-License-Identifier: Apache-2.0 */
/* version.h - what the daemon calls itself. */
#ifndef VSWITCH_VERSION_H
#define VSWITCH_VERSION_H

#define TRAMA_VERSION "0.1.0"

#endif
