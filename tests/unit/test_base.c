#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/pack.h"
#include "base/sha256.h"
#include "base/sniff.h"
#include "base/table.h"
#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void count_release(void *object)
{
    ++*(int *)object;
}

static void test_arena_keeps_objects_and_releases_once(void **state)
{
    (void)state;
    int released = 0;
    struct arena *a = arena_new();
    arena_defer(a, count_release, &released);
    char *first = arena_printf(a, "%d-%s", 7, "seven");
    unsigned char *large = arena_alloc(a, 100000);
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(large[i], 0);
    memset(large, 0xAA, 100000);
    assert_string_equal(first, "7-seven");
    arena_reset(a);
    assert_int_equal(released, 1);
    assert_int_equal(*(unsigned char *)arena_alloc(a, 1), 0);
    arena_free(a);
    assert_int_equal(released, 1);
}

static void test_error_is_cut_at_a_character(void **state)
{
    (void)state;
    struct err err = {0};
    char text[2000];
    memset(text, 'a', sizeof(text));
    text[0] = 'x';
    for (size_t i = 1; i + 1 < sizeof(text) - 1; i += 2)
        memcpy(text + i, "\xC3\xA9", 2);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(err_set(&err, ERR_INVALID, "/a", "%s", text), ERR_INVALID);
    json_t *string = json_string(err.message);
    assert_non_null(string);
    json_decref(string);
    assert_string_equal(err.path, "/a");
    assert_int_equal(err_http_status(ERR_INVALID), 422);
    assert_int_equal(err_from_wire("NOT_FOUND"), ERR_NOT_FOUND);
}

static void test_clock_reads_what_it_writes(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    int64_t when = 1778949299780864;
    clock_format(when, text);
    assert_string_equal(text, "2026-05-16 16:34:59.780864+00:00");
    int64_t again;
    assert_int_equal(clock_parse(text, &again, NULL), 0);
    assert_true(again == when);
    assert_int_equal(clock_parse("2026-05-16T18:34:59.780864+02:00", &again, NULL), 0);
    assert_true(again == when);
    const char *const wrong[] = {"",
                                 "2026-02-30 00:00:00Z",
                                 "2026-05-16",
                                 "2026-05-16 16:34:59",
                                 "2026-05-16 16:34:59.Z",
                                 "2026-05-16 16:34:59+25:00",
                                 "2026-05-16 16:34:59Zx"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(clock_parse(wrong[i], &again, NULL), ERR_INVALID);
}

static void test_uuids_are_valid_and_grow(void **state)
{
    (void)state;
    char last[UUID_TEXT_SIZE] = "";
    for (int i = 0; i < 10000; i++) {
        char id[UUID_TEXT_SIZE];
        uuid_new(id);
        assert_true(uuid_valid(id));
        assert_int_equal(id[14], '7');
        assert_true(strcmp(last, id) < 0);
        memcpy(last, id, sizeof(id));
    }
    assert_false(uuid_valid("0190-"));
    assert_false(uuid_valid("zz90a0a0-0000-7000-8000-000000000000"));
}

static void test_hashes_match_published_vectors(void **state)
{
    (void)state;
    char hex[SHA256_HEX_SIZE];
    sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    uint8_t digest[SHA256_SIZE];
    hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest);
    hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_true(sha256_hex_valid(hex));
    assert_false(sha256_hex_valid("../../etc/passwd"));
    char *text = base64_encode("reeld!", 6);
    assert_string_equal(text, "cmVlbGQh");
    size_t size;
    char *bytes = base64_decode(text, strlen(text), &size);
    assert_int_equal(size, 6);
    assert_memory_equal(bytes, "reeld!", 6);
    free(bytes);
    free(text);
    assert_null(base64_decode("@@@@", 4, &size));
}

static void test_json_is_bounded(void **state)
{
    (void)state;
    struct err err;
    CLEANUP(json) json_t *json = NULL;
    assert_int_equal(json_parse("{\"a\":[1,2]}", 11, 100, &json, &err), 0);
    CLEANUP(free) char *text = json_text(json, NULL);
    assert_string_equal(text, "{\"a\":[1,2]}");
    json_t *other = NULL;
    assert_int_equal(json_parse("{\"a\":1,\"a\":2}", 13, 100, &other, &err), ERR_BAD_REQUEST);
    assert_int_equal(json_parse("[1] x", 5, 100, &other, &err), ERR_BAD_REQUEST);
    assert_int_equal(json_parse("", 0, 100, &other, &err), ERR_BAD_REQUEST);
    assert_int_equal(json_parse("[1,2,3]", 7, 6, &other, &err), ERR_TOO_LARGE);
    char deep[2 * (JSON_DEPTH_MAX + 1) + 1];
    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_int_equal(json_parse(deep, sizeof(deep) - 1, 1000, &other, &err), ERR_BAD_REQUEST);
    assert_int_equal(json_parse("\"[[[[\\\"[[[\"", 11, 100, &other, &err), 0);
    json_decref(other);
}

/* What jansson's own writer makes of it is the reference. */
static void test_json_is_written_as_the_library_writes_it(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "0.1",
        "-0.0",
        "1e300",
        "1.0",
        "123456789.125",
        "5e-324",
        "\"\"",
        "\"plain\"",
        "\"\\u0001\\u001f\\b\\f\\n\\r\\t\\\"\\\\/\x7f\"",
        "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "[]",
        "{}",
        "[[],{},[1,[2,{\"a\":[]}]]]",
        "{\"z\":1,\"a\":{\"\\n\":null,\"\":[true,false]},\"m\":\"x\"}",
    };
    for (size_t i = 0; i < TABLE_SIZE(texts); i++) {
        CLEANUP(json) json_t *json = NULL;
        struct err err;
        size_t size;
        assert_int_equal(json_parse(texts[i], strlen(texts[i]), 1000, &json, &err), 0);
        CLEANUP(free) char *written = json_text(json, &size);
        CLEANUP(free) char *reference = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
        assert_string_equal(written, reference);
        assert_int_equal(size, strlen(reference));
    }
    CLEANUP(json) json_t *zero = json_stringn("a\0b", 3);
    CLEANUP(free) char *text = json_text(zero, NULL);
    assert_string_equal(text, "\"a\\u0000b\"");
}

/* Plain texts are taken by the quick reader, and every text is read as the library reads it. */
static void test_json_is_read_as_the_library_reads_it(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool plain;
    } texts[] = {
        {" { \"a\" : [ 1 , -0, 123456789012345678 ] , \"b\\\"\\/\\n\" : null }\r\n\t", true},
        {"{\"\\t\":{\"\\n\":\"\\r\"},\"\":\"\xc3\xa4\x7f\"}", true},
        {"[true,false,null,\"\",[],{}]", true},
        {"7", true},
        {"-9223372036854775808", false},
        {"9223372036854775808", false},
        {"[1.5,2e3]", false},
        {"\"\\u00e4\\ud83d\\ude00\"", false},
        {"\"\\u0000\"", false},
        {"\"\xff\"", false},
        {"{\"\xff\":1}", false},
        {"\"\x01\"", false},
        {"\"\\x\"", false},
        {"\"\\", false},
        {"\"open", false},
        {"{\"a\":1,\"a\":1}", false},
        {"{\"a\":1,}", false},
        {"{\"a\"}", false},
        {"{a:1}", false},
        {"[1,]", false},
        {"[1 2]", false},
        {"[", false},
        {"]", false},
        {"01", false},
        {"-", false},
        {"+1", false},
        {"1x", false},
        {"tru", false},
        {"truex", false},
        {"1 1", false},
        {"", false},
    };
    for (size_t i = 0; i < TABLE_SIZE(texts); i++) {
        size_t size = strlen(texts[i].text);
        CLEANUP(json) json_t *plain = json_read_plain(texts[i].text, size);
        CLEANUP(json)
        json_t *reference =
            json_loadb(texts[i].text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        CLEANUP(json) json_t *parsed = NULL;
        struct err err;
        assert_int_equal(plain != NULL, texts[i].plain);
        assert_int_equal(json_parse(texts[i].text, size, 1000, &parsed, &err),
                         reference ? 0 : ERR_BAD_REQUEST);
        assert_true(!reference || json_equal(parsed, reference));
    }
    assert_null(json_read_plain("1\0", 2));
    assert_null(json_read_plain("[1\0]", 4));
}

static void test_json_files_are_bounded(void **state)
{
    (void)state;
    char path[] = "/tmp/test_base_XXXXXX";
    struct err err;
    json_t *json = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"a\":[1]}", 9), 9);
    close(fd);
    assert_int_equal(json_parse_file(path, 9, &json, &err), 0);
    assert_int_equal(json_array_size(json_object_get(json, "a")), 1);
    json_decref(json);
    json = NULL;
    assert_int_equal(json_parse_file(path, 8, &json, &err), ERR_TOO_LARGE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(json_parse_file(path, 9, &json, &err), ERR_NOT_FOUND);
    assert_int_equal(json_parse_file("/", 9, &json, &err), ERR_STORAGE);
    assert_null(json);
}

/* --- what a file is ----------------------------------------------------------------------------- */

static void test_files_are_told_by_their_bytes(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *type;
    } rows[] = {
#define ROW(bytes, type) {bytes, sizeof(bytes) - 1, type}
        ROW("\xff\xd8\xff\xe0", "image/jpeg"),
        ROW("\x89PNG\r\n\x1a\n", "image/png"),
        ROW("GIF89a", "image/gif"),
        ROW("RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ROW("RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        ROW("RIFF\0\0\0\0AVI LIST", NULL),
        ROW("\0\0\0\x1c"
            "ftypmif1\0\0\0\0mif1avifmiaf",
            "image/avif"),
        ROW("\0\0\0\x14"
            "ftypmif1\0\0\0\0mif1",
            "image/heif"),
        ROW("\0\0\0\x18"
            "ftypheic\0\0\0\0mif1heic",
            "image/heic"),
        ROW("\0\0\0\x18"
            "ftypisom\0\0\2\0isomiso2",
            "video/mp4"),
        ROW("\0\0\0\x14"
            "ftypqt  \0\0\0\0qt  ",
            "video/quicktime"),
        ROW("\0\0\0\x18"
            "ftypM4A \0\0\2\0isomiso2",
            "audio/mp4"),
        ROW("\xff\xff\xff\xff"
            "ftypxxxx",
            NULL),
        ROW("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm"),
        ROW("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska", "video/x-matroska"),
        ROW("OggS\0\2 vorbis", "audio/ogg"),
        ROW("OggS\0\2 theora", NULL),
        ROW("\xff\xfb\x90\x64", "audio/mpeg"),
        ROW("\xff\xfb\xf0\x64", NULL), /* no such bit rate */
        ROW("\xff\xf1\x50\x80", "audio/aac"),
        ROW("ID3\4", "audio/mpeg"),
        ROW("fLaC", "audio/flac"),
        ROW("<svg xmlns=", NULL),
        ROW("%PDF-1.7", NULL),
        ROW("PK\3\4", NULL),
        ROW("", NULL),
        ROW("\xff", NULL),
#undef ROW
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        unsigned char exact[64];
        memcpy(exact, rows[i].bytes, rows[i].size);
        const char *type = sniff_content_type(exact, rows[i].size);
        if (strcmp(type ? type : "none", rows[i].type ? rows[i].type : "none") != 0)
            fail_msg("row %zu is taken for %s", i, type ? type : "nothing");
    }
}

/* --- the pack of assets ------------------------------------------------------------------------- */

static int pack_of(const char *head, const char *index, const char *files, struct pack **ret_pack,
                   struct buffer *b)
{
    buffer_append_text(b, head);
    buffer_append_text(b, index);
    buffer_append_text(b, files);
    return pack_open(b->bytes, b->size, ret_pack, NULL);
}

static void test_packs_are_checked_whole(void **state)
{
    static const struct {
        const char *head, *index;
    } broken[] = {
        {"", "{}"},
        {"reeld-pack 2 2\n", "{}"},
        {"reeld-pack 1 2", "{}"},
        {"reeld-pack 1 999\n", "{}"},
        {"reeld-pack 1 2\n", "[]"},
        {"reeld-pack 1 3\n", "{}x"},
        {"reeld-pack 1 9\n", "{\"a\":[1]}"},
        {"reeld-pack 1 12\n", "{\"a\":[1,999]}"},
        {"reeld-pack 1 12\n", "{\"a\":[99,1] }"},
        {"reeld-pack 1 12\n", "{\"a\":[-1,1] }"},
        {"reeld-pack 1 12\n", "{\"a\":[1,-1] }"},
    };
    (void)state;
    struct pack *pack = NULL;
    const void *bytes;
    size_t size;
    struct err err;
    CLEANUP(buffer) struct buffer good = {0};
    assert_int_equal(
        pack_of("reeld-pack 1 25\n", "{\"a\":[41,2],\"b/c\":[43,1]}", "xyz", &pack, &good), 0);
    assert_int_equal(pack_find(pack, "a", &bytes, &size, &err), 0);
    assert_int_equal(size, 2);
    assert_memory_equal(bytes, "xy", 2);
    assert_int_equal(pack_find(pack, "b/c", &bytes, &size, &err), 0);
    assert_memory_equal(bytes, "z", 1);
    assert_int_equal(pack_find(pack, "b", &bytes, &size, &err), ERR_NOT_FOUND);
    pack_close(pack);
    pack_close(NULL);
    for (size_t i = 0; i < TABLE_SIZE(broken); i++) {
        CLEANUP(buffer) struct buffer b = {0};
        if (pack_of(broken[i].head, broken[i].index, "", &pack, &b) == 0)
            fail_msg("row %zu is taken", i);
    }
}

static void test_json_pointer_escapes(void **state)
{
    (void)state;
    CLEANUP(arena) struct arena *a = arena_new();
    assert_string_equal(json_pointer(a, "/options", "a/b~c"), "/options/a~1b~0c");
    assert_string_equal(json_pointer_index(a, "/steps", 3), "/steps/3");
}

static void test_buffer_grows_and_consumes(void **state)
{
    (void)state;
    CLEANUP(buffer) struct buffer b = {0};
    for (int i = 0; i < 1000; i++)
        buffer_printf(&b, "%04d", i);
    assert_int_equal(b.size, 4000);
    buffer_consume(&b, 3996);
    assert_string_equal(b.bytes, "0999");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_keeps_objects_and_releases_once),
        cmocka_unit_test(test_error_is_cut_at_a_character),
        cmocka_unit_test(test_clock_reads_what_it_writes),
        cmocka_unit_test(test_uuids_are_valid_and_grow),
        cmocka_unit_test(test_hashes_match_published_vectors),
        cmocka_unit_test(test_json_is_bounded),
        cmocka_unit_test(test_json_is_written_as_the_library_writes_it),
        cmocka_unit_test(test_json_is_read_as_the_library_reads_it),
        cmocka_unit_test(test_json_files_are_bounded),
        cmocka_unit_test(test_files_are_told_by_their_bytes),
        cmocka_unit_test(test_packs_are_checked_whole),
        cmocka_unit_test(test_json_pointer_escapes),
        cmocka_unit_test(test_buffer_grows_and_consumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
