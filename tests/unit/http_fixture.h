/* What the tests of HTTP share: a server with a small application that answers with what it was asked, and a client that sends
 * bytes as they are. A fault fails the cmocka test that runs. One thread besides the server's. */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>

enum { HEADER_BYTES_MAX = 4096, URI_BYTES_MAX = 1024, BODY_MAX = 100 };

#define HOST "Host: a\r\n"
#define CLOSE "Connection: close\r\n"
#define GET_HEAD "GET /x HTTP/1.1\r\n" HOST CLOSE
#define POST_HEAD "POST /memory HTTP/1.1\r\n" HOST CLOSE

/* cmocka's setup and teardown of a group. */
int fixture_start(void **state);
int fixture_stop(void **state);

/* The streams of /stream and /stream-on: clients that left them, those that were too slow, ends of /stream-on. */
extern atomic_int fixture_streams_gone, fixture_streams_slow, fixture_streams_ended;

/* Where /file and /form put their body: empty, at its start. */
int fixture_upload(void);

int fixture_connect(void);
/* What comes until the server closes, the caller's to free; never NULL. */
char *fixture_receive(int fd);
/* Sends the bytes and reads until the server closes. The answer is the caller's to free. */
char *fixture_talk(const void *bytes, size_t size);
int fixture_status(const char *answer);
int fixture_count(const char *text, const char *part);
/* The answer has this status and holds `part`; `what` says which case it is. */
void fixture_expect(const char *what, const void *bytes, size_t size, int status, const char *part);

#endif
