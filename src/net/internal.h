/* What the files of net/ share. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "net/net.h"

/* The URL in its normal form when it may be asked for at all: http or https, a host, no user, no
 * control characters. malloc()ed. ERR_FETCH_REFUSED. */
int url_check(const char *text, char **ret_url, struct err *err);
/* `location` of an answer to `base`, checked in the same way. */
int url_follow(const char *base, const char *location, char **ret_url, struct err *err);
/* The host of a URL that was checked; malloc()ed. */
char *url_host(const char *url);
/* Whether scheme, host and port of two checked URLs are the same. */
bool url_same_origin(const char *one, const char *other);

#endif
