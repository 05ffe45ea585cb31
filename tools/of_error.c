/* SPDX-License-Identifier: Apache-2.0 */
/* of_error.c - a switch's error in words.  Those that people meet have a sentence, the others are told by their names.
 * Spec: OpenFlow 1.3.5, 7.4.4. */
#include "openflow/ofp.h"
#include "tools/of_client.h"

static const struct {
    uint16_t type, code;
    const char *words;
} sentences[] = {
    { OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE, "it does not know messages of this type" },
    { OFPET_BAD_REQUEST, OFPBRC_BAD_MULTIPART, "it does not know this question" },
    { OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER, "it does not know messages of this experimenter" },
    { OFPET_BAD_REQUEST, OFPBRC_BAD_EXP_TYPE, "it does not know messages of this experimenter's type" },
    { OFPET_BAD_REQUEST, OFPBRC_BAD_TABLE_ID, "it has no such table" },
    { OFPET_BAD_REQUEST, OFPBRC_EPERM, "it does not allow this" },
    { OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE, "a connection in the slave role may not change it" },
    { OFPET_BAD_ACTION, OFPBAC_BAD_TYPE, "it does not know an action of this type" },
    { OFPET_BAD_ACTION, OFPBAC_BAD_OUT_PORT, "an output port is not possible" },
    { OFPET_BAD_ACTION, OFPBAC_BAD_OUT_GROUP, "there is no such group" },
    { OFPET_BAD_ACTION, OFPBAC_BAD_QUEUE, "there is no such queue" },
    { OFPET_BAD_ACTION, OFPBAC_BAD_SET_TYPE, "it cannot set this field" },
    { OFPET_BAD_ACTION, OFPBAC_BAD_SET_ARGUMENT, "a value to set is not possible" },
    { OFPET_BAD_ACTION, OFPBAC_MATCH_INCONSISTENT, "an action does not go with the match" },
    { OFPET_BAD_INSTRUCTION, OFPBIC_UNSUP_INST, "it does not have an instruction of this type" },
    { OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID, "goto_table must lead to a later table" },
    { OFPET_BAD_MATCH, OFPBMC_BAD_FIELD, "it cannot match a field of this kind" },
    { OFPET_BAD_MATCH, OFPBMC_BAD_PREREQ, "a field in the match needs another one beside it" },
    { OFPET_BAD_MATCH, OFPBMC_BAD_VALUE, "a field cannot have this value" },
    { OFPET_BAD_MATCH, OFPBMC_BAD_MASK, "a field cannot have this mask" },
    { OFPET_FLOW_MOD_FAILED, OFPFMFC_TABLE_FULL, "the table is full" },
    { OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TABLE_ID, "it has no such table" },
    { OFPET_FLOW_MOD_FAILED, OFPFMFC_OVERLAP, "it overlaps another flow of the same priority" },
    { OFPET_FLOW_MOD_FAILED, OFPFMFC_EPERM, "it does not allow this" },
    { OFPET_GROUP_MOD_FAILED, OFPGMFC_GROUP_EXISTS, "there is such a group already" },
    { OFPET_GROUP_MOD_FAILED, OFPGMFC_UNKNOWN_GROUP, "there is no such group" },
    { OFPET_GROUP_MOD_FAILED, OFPGMFC_OUT_OF_GROUPS, "it has no room for more groups" },
    { OFPET_GROUP_MOD_FAILED, OFPGMFC_OUT_OF_BUCKETS, "it has no room for more buckets" },
    { OFPET_GROUP_MOD_FAILED, OFPGMFC_LOOP, "groups would lead to each other in a loop" },
    { OFPET_GROUP_MOD_FAILED, OFPGMFC_CHAINED_GROUP, "another group leads to it" },
    { OFPET_GROUP_MOD_FAILED, OFPGMFC_CHAINING_UNSUPPORTED, "its groups cannot lead to groups" },
    { OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_TYPE, "it has no groups of this type" },
    { OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_WATCH, "what a bucket watches is not there" },
    { OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_BUCKET, "a bucket is not possible in a group of this type" },
    { OFPET_METER_MOD_FAILED, OFPMMFC_METER_EXISTS, "there is such a meter already" },
    { OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER, "there cannot be such a meter" },
    { OFPET_METER_MOD_FAILED, OFPMMFC_UNKNOWN_METER, "there is no such meter" },
    { OFPET_METER_MOD_FAILED, OFPMMFC_BAD_RATE, "it cannot hold to this rate" },
    { OFPET_METER_MOD_FAILED, OFPMMFC_BAD_BURST, "it cannot hold to this burst size" },
    { OFPET_METER_MOD_FAILED, OFPMMFC_BAD_BAND, "it has no bands of this type" },
    { OFPET_METER_MOD_FAILED, OFPMMFC_OUT_OF_METERS, "it has no room for more meters" },
    { OFPET_METER_MOD_FAILED, OFPMMFC_OUT_OF_BANDS, "it has no room for so many bands" },
    { OFPET_EXPERIMENTER, OFPBFC_MSG_UNSUP, "it takes no such message in a bundle" },
    { OFPET_EXPERIMENTER, OFPBFC_MSG_TOO_MANY, "the bundle is too large for it" },
};

static void add_words(struct str *s, const char *name)
{
    for (; *name; name++)
        str_add_char(s, *name == '_' ? ' ' : *name);
}

/* "bad action: bad out group", of the names. */
static void add_names(struct str *s, uint16_t type, uint16_t code)
{
    const char *type_name = ofp_enum_name(&ofp_error_type_names, type);

    add_words(s, type_name ? type_name : "an error of a type that is not known");
    for (size_t i = 0; i < n_ofp_error_codes; i++) {
        const char *name = ofp_error_codes[i].type == type ? ofp_enum_name(ofp_error_codes[i].codes, code) : NULL;

        if (!name)
            continue;
        str_add(s, ": ");
        add_words(s, name);
    }
}

void of_error_text(struct str *s, uint16_t type, uint16_t code)
{
    char buf[64];
    const char *name = ofp_err_name(type, code, buf);
    size_t i = 0, n = sizeof sentences / sizeof *sentences;

    while (i < n && (sentences[i].type != type || sentences[i].code != code))
        i++;
    if (i < n)
        str_add(s, sentences[i].words);
    else
        add_names(s, type, code);
    if (name)
        str_printf(s, " (%s)", name);
    else
        str_printf(s, " (type %u, code %u)", type, code);
}
