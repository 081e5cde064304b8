/* UUIDv7: ids that sort by creation time. Any thread. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>
#include <stddef.h>

enum { UUID_TEXT_SIZE = 37 };

/* Lower case with dashes. Ids made by one process strictly grow. */
void uuid_new(char ret_text[UUID_TEXT_SIZE]);

/* Whether `text` is any UUID in the usual form, either case. */
bool uuid_valid(const char *text);

/* Fills `bytes` from the kernel's generator; aborts when there is none. */
void random_bytes(void *bytes, size_t size);

#endif
