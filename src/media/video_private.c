#include "media/video_private.h"

#include <stdbool.h>
#include <string.h>

enum {
    VIDEO_PRIVATE_UNIT_TYPE = 31, /* bits of the first byte */
    VIDEO_PRIVATE_NOTES = 6,      /* a unit of supplemental information */
    VIDEO_PRIVATE_USER_DATA = 5   /* a note in it: anything at all */
};

/* Reads the bytes of a unit without those that keep start codes out of it. */
struct video_private_reader {
    const uint8_t *at, *end;
    int zeros;
};

static int video_private_byte(struct video_private_reader *reader)
{
    if (reader->zeros == 2 && reader->at < reader->end && *reader->at == 3) {
        reader->at++;
        reader->zeros = 0;
    }
    if (reader->at >= reader->end)
        return -1;
    reader->zeros = *reader->at == 0 ? reader->zeros + 1 : 0;
    return *reader->at++;
}

/* A type or size: bytes of 255 and a last one are added. -1 at the end. */
static int64_t video_private_number(struct video_private_reader *reader)
{
    int64_t number = 0;
    for (;;) {
        int byte = video_private_byte(reader);
        if (byte < 0)
            return -1;
        number += byte;
        if (byte != 255)
            return number;
    }
}

static bool video_private_is_user_data(const uint8_t *unit, int64_t size)
{
    if (size < 2 || (unit[0] & VIDEO_PRIVATE_UNIT_TYPE) != VIDEO_PRIVATE_NOTES)
        return false;
    struct video_private_reader reader = {unit + 1, unit + size, 0};
    for (;;) {
        int64_t type = video_private_number(&reader), length = video_private_number(&reader);
        if (type < 0 || length < 0)
            return false;
        if (type == VIDEO_PRIVATE_USER_DATA)
            return true;
        while (length > 0 && video_private_byte(&reader) >= 0)
            length--;
    }
}

/* The unit at `at` with its length before it; 0 at the end or at a fault. */
static int64_t video_private_unit(const AVPacket *packet, int64_t at, int length_size)
{
    int64_t size = 0;
    if (at + length_size >= packet->size)
        return 0;
    for (int i = 0; i < length_size; i++)
        size = size << 8 | packet->data[at + i];
    return size > 0 && size <= packet->size - at - length_size ? length_size + size : 0;
}

int video_private_strip(AVPacket *packet, int length_size)
{
    int64_t at = 0, unit;
    while ((unit = video_private_unit(packet, at, length_size)) > 0) {
        if (unit == packet->size ||
            !video_private_is_user_data(packet->data + at + length_size, unit - length_size)) {
            at += unit;
            continue;
        }
        int rc = av_packet_make_writable(packet);
        if (rc < 0)
            return rc;
        memmove(packet->data + at, packet->data + at + unit, (size_t)(packet->size - at - unit));
        av_shrink_packet(packet, (int)(packet->size - unit));
    }
    return 0;
}
