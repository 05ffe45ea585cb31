/* SPDX-License-Identifier: Apache-2.0 */
/* reply.h - reads members of what a daemon answered; what is missing or of another type is empty, never a fault. */
#ifndef TOOLS_REPLY_H
#define TOOLS_REPLY_H

#include <jansson.h>
#include <stdint.h>

static inline const char *reply_text(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text ? text : "";
}

static inline uint64_t reply_number(const json_t *o, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(o, key));
}

#endif
