/* Frames from a child that has gone bad: whole messages come out, or the connection is given up. */
#include "fuzz.h"

#include "wire/wire.h"

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SIZE_MAX_TAKEN = 64 * 1024 }; /* the socket takes as much at once */
    int ends[2];
    struct err err;
    if (size > SIZE_MAX_TAKEN || wire_pair(ends, &err) < 0)
        return 0;
    FUZZ_CHECK(write(ends[0], data, size) == (ssize_t)size);
    close(ends[0]);
    struct wire *wire = wire_new(ends[1], false);
    struct wire_message message;
    int rc;
    while ((rc = wire_receive(wire, &message, &err)) >= 0) {
        if (rc == 0)
            continue; /* all there was is read; the end of the other side is told next */
        FUZZ_CHECK(json_member_string(message.json, "type"));
        FUZZ_CHECK(message.fd_count == 0);
        wire_message_finish(&message);
    }
    FUZZ_CHECK(rc == ERR_UNAVAILABLE || rc == ERR_INTERNAL);
    wire_free(wire);
    return 0;
}
