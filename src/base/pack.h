/*
 * The asset pack: many read-only files in one, so that a process without a file system can still read them from a mapped
 * descriptor. Written by tools/pack: the line "reeld-pack 1 N\n", N bytes of JSON {"name": [offset, size], ...}, then the
 * files. Opening is for one thread, finding for any.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include "base/err.h"
#include <stddef.h>

struct pack;

/* `bytes` stay the caller's and must outlive the pack. ERR_INVALID when they are no pack. */
int pack_open(const void *bytes, size_t size, struct pack **ret_pack, struct err *err);
/* ERR_NOT_FOUND. The bytes lie inside those that were opened. */
int pack_find(const struct pack *pack, const char *name, const void **ret_bytes, size_t *ret_size,
              struct err *err);
void pack_close(struct pack *pack); /* NULL allowed */

#endif
