/* SPDX-License-Identifier: Apache-2.0 */
/* version.h - what the programs call themselves. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define TRAMA_VERSION "0.1.0"

#endif
