#include "wire/wire.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

struct pair {
    struct wire *server, *child;
};

static int pair_new(void **state)
{
    struct pair *pair = mem_alloc(sizeof(*pair));
    int fds[2];
    assert_int_equal(wire_pair(fds, NULL), 0);
    pair->server = wire_new(fds[0], false);
    pair->child = wire_new(fds[1], true);
    *state = pair;
    return 0;
}

static int pair_free(void **state)
{
    struct pair *pair = *state;
    wire_free(pair->server);
    wire_free(pair->child);
    free(pair);
    return 0;
}

static int file_with(const char *text)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void assert_file_holds(int fd, const char *text)
{
    char bytes[64] = "";
    assert_int_equal(pread(fd, bytes, sizeof(bytes) - 1, 0), strlen(text));
    assert_string_equal(bytes, text);
}

static void test_messages_keep_order_and_files(void **state)
{
    struct pair *pair = *state;
    CLEANUP(fd) int one = file_with("one");
    CLEANUP(fd) int two = file_with("two");
    json_t *first = json_pack("{s:s, s:i}", "type", "run", "job", 1);
    json_t *second = json_pack("{s:s, s:i}", "type", "run", "job", 2);
    assert_int_equal(wire_send(pair->server, first, &one, 1, NULL), 0);
    assert_int_equal(wire_send(pair->server, second, &two, 1, NULL), 0);
    json_decref(first);
    json_decref(second);
    for (int job = 1; job <= 2; job++) {
        CLEANUP(wire_message) struct wire_message message = {0};
        assert_int_equal(wire_receive(pair->child, &message, NULL), 1);
        assert_int_equal(json_member_integer(message.json, "job", 0), job);
        assert_int_equal(message.fd_count, 1);
        assert_file_holds(message.fds[0], job == 1 ? "one" : "two");
    }
}

static void test_large_message_waits_for_the_socket(void **state)
{
    struct pair *pair = *state;
    size_t size = 4 * 1024 * 1024;
    char *text = mem_alloc(size + 1);
    memset(text, 'x', size);
    json_t *large = json_pack("{s:s, s:s}", "type", "run", "text", text);
    assert_int_equal(wire_send(pair->server, large, NULL, 0, NULL), 0);
    assert_true(wire_wants_write(pair->server));
    CLEANUP(wire_message) struct wire_message message = {0};
    while (!wire_has_message(pair->child))
        assert_int_equal(wire_flush(pair->server, NULL), 0);
    assert_int_equal(wire_receive(pair->child, &message, NULL), 1);
    assert_string_equal(json_member_string(message.json, "text"), text);
    json_decref(large);
    free(text);
}

static void test_nothing_there_is_zero_and_closed_is_an_error(void **state)
{
    struct pair *pair = *state;
    CLEANUP(wire_message) struct wire_message message = {0};
    struct err err;
    assert_int_equal(wire_receive(pair->server, &message, &err), 0);
    assert_false(wire_has_message(pair->server));
    wire_free(pair->child);
    pair->child = NULL;
    assert_true(wire_has_message(pair->server));
    assert_int_equal(wire_receive(pair->server, &message, &err), ERR_UNAVAILABLE);
}

static void test_broken_peers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"\xFF\xFF\xFF\xFF\0\0\0\0", 8},          /* payload over the limit */
        {"\2\0\0\0\xFF\0\0\0{}", 10},             /* more descriptors than may be */
        {"\2\0\0\0\1\0\0\0{}", 10},               /* a descriptor that never came */
        {"\2\0\0\0\0\0\0\0{}", 10},               /* no type */
        {"\2\0\0\0\0\0\0\0[]", 10},               /* no object */
        {"\4\0\0\0\0\0\0\0\xFF\xFE\xFD\xFC", 12}, /* no JSON */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fds[2];
        assert_int_equal(wire_pair(fds, NULL), 0);
        CLEANUP(wire) struct wire *wire = wire_new(fds[0], false);
        assert_int_equal(write(fds[1], cases[i].bytes, cases[i].size), cases[i].size);
        CLEANUP(wire_message) struct wire_message message = {0};
        struct err err;
        assert_int_equal(wire_receive(wire, &message, &err), ERR_INTERNAL);
        close(fds[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_messages_keep_order_and_files, pair_new, pair_free),
        cmocka_unit_test_setup_teardown(test_large_message_waits_for_the_socket, pair_new,
                                        pair_free),
        cmocka_unit_test_setup_teardown(test_nothing_there_is_zero_and_closed_is_an_error, pair_new,
                                        pair_free),
        cmocka_unit_test(test_broken_peers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
