#include "base/sniff.h"

#include "base/table.h"

#include <stdbool.h>
#include <string.h>

struct signature {
    size_t offset, size;
    const char *bytes;
    const char *type;
};

static const struct signature sniff_signatures[] = {
    {0, 3, "\xff\xd8\xff", "image/jpeg"}, {0, 8, "\x89PNG\r\n\x1a\n", "image/png"},
    {0, 6, "GIF87a", "image/gif"},        {0, 6, "GIF89a", "image/gif"},
    {0, 4, "fLaC", "audio/flac"},         {0, 3, "ID3", "audio/mpeg"},
};

/* The second word of a RIFF file. */
static const struct signature sniff_riff[] = {
    {8, 4, "WEBP", "image/webp"},
    {8, 4, "WAVE", "audio/wav"},
};

/* Brands of ISO base media files, the major one first. */
static const struct signature sniff_brands[] = {
    {0, 4, "avif", "image/avif"}, {0, 4, "avis", "image/avif"}, {0, 4, "heic", "image/heic"},
    {0, 4, "heix", "image/heic"}, {0, 4, "heim", "image/heic"}, {0, 4, "heis", "image/heic"},
    {0, 4, "hevc", "image/heic"}, {0, 4, "mif1", "image/heif"}, {0, 4, "qt  ", "video/quicktime"},
    {0, 3, "M4A", "audio/mp4"},   {0, 3, "M4B", "audio/mp4"},   {0, 3, "M4V", "video/mp4"},
    {0, 3, "iso", "video/mp4"},   {0, 3, "mp4", "video/mp4"},   {0, 4, "avc1", "video/mp4"},
    {0, 4, "dash", "video/mp4"},  {0, 3, "3gp", "video/mp4"},   {0, 4, "MSNV", "video/mp4"},
};

static const char *sniff_table(const struct signature *table, size_t count,
                               const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        const struct signature *row = &table[i];
        if (size >= row->offset + row->size &&
            memcmp(bytes + row->offset, row->bytes, row->size) == 0)
            return row->type;
    }
    return NULL;
}

static bool sniff_has(const unsigned char *bytes, size_t size, const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= size; i++) {
        if (memcmp(bytes + i, text, length) == 0)
            return true;
    }
    return false;
}

static const char *sniff_iso(const unsigned char *bytes, size_t size)
{
    size_t box = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    const char *generic = NULL;
    if (box > size)
        box = size;
    for (size_t at = 8; at + 4 <= box; at += at == 8 ? 8 : 4) {
        const char *type = sniff_table(sniff_brands, TABLE_SIZE(sniff_brands), bytes + at, 4);
        /* "mif1" only says that it is a picture; a later brand says of what kind. */
        if (type && strcmp(type, "image/heif") != 0)
            return type;
        generic = generic ? generic : type;
    }
    return generic;
}

/* An MPEG audio frame header: layer III with a known rate, or AAC in ADTS. */
static const char *sniff_mpeg_audio(const unsigned char *bytes, size_t size)
{
    if (size < 4 || bytes[0] != 0xff || (bytes[1] & 0xe0) != 0xe0)
        return NULL;
    if ((bytes[1] & 0xf6) == 0xf0)
        return "audio/aac";
    bool layer3 = (bytes[1] & 0x06) == 0x02, version = (bytes[1] & 0x18) != 0x08;
    bool rate = (bytes[2] & 0xf0) != 0xf0 && (bytes[2] & 0xf0) != 0,
         clock = (bytes[2] & 0x0c) != 0x0c;
    return layer3 && version && rate && clock ? "audio/mpeg" : NULL;
}

const char *sniff_content_type(const unsigned char *bytes, size_t size)
{
    const char *type = sniff_table(sniff_signatures, TABLE_SIZE(sniff_signatures), bytes, size);
    if (type)
        return type;
    if (size >= 12 && memcmp(bytes, "RIFF", 4) == 0)
        return sniff_table(sniff_riff, TABLE_SIZE(sniff_riff), bytes, size);
    if (size >= 12 && memcmp(bytes + 4, "ftyp", 4) == 0)
        return sniff_iso(bytes, size);
    if (size >= 4 && memcmp(bytes, "\x1a\x45\xdf\xa3", 4) == 0)
        return sniff_has(bytes, size < 64 ? size : 64, "webm") ? "video/webm" : "video/x-matroska";
    if (size >= 4 && memcmp(bytes, "OggS", 4) == 0)
        return sniff_has(bytes, size < 512 ? size : 512, "theora") ? NULL : "audio/ogg";
    return sniff_mpeg_audio(bytes, size);
}
