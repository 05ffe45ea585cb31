/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ftp.c - any data as lines of FTP's control connection: what they announce lies within them, ends in their first complete
 * line that announces anything, and is found again without what is behind.
 * Input: the first byte says which side sends (even: the client).   Seeds: ftp.txt, by make_ftp_corpus.py. */
#include <stdlib.h>
#include <string.h>

#include "datapath/conn_helper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_so)
{
    if (!is_so)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ftp_announced said, again;
    size_t n = size ? size - 1 : 0;
    bool is_reply;
    char *text;

    if (!size)
        return 0;
    is_reply = data[0] & 1;
    text = malloc(n ? n : 1); /* so that reading beyond it shows */
    require(text);
    memcpy(text, data + 1, n);
    if (ftp_parse(text, n, is_reply, &said)) {
        const char *end = memchr(text + said.at, '\n', n - said.at);

        require(end && said.at + said.n <= (size_t)(end - text));
        require(said.n && said.port);
        require(said.family == 4 || said.family == 6 || (!said.family && said.form == FTP_EPSV));
        require((said.form == FTP_PASV || said.form == FTP_EPSV) == is_reply);
        require(ftp_parse(text, (size_t)(end - text) + 1, is_reply, &again));
        require(again.at == said.at && again.n == said.n && again.port == said.port && again.form == said.form);
    }
    free(text);
    return 0;
}
