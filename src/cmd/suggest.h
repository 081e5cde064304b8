/* "Did you mean ...?": the known name that is nearest to one that was mistyped. */
#ifndef CMD_SUGGEST_H
#define CMD_SUGGEST_H

#include <stddef.h>

struct suggest {
    const char *wanted;
    const char *best; /* NULL while nothing is near enough */
    size_t distance;
};

void suggest_init(struct suggest *suggest, const char *wanted);
/* Names live as long as `suggest`. */
void suggest_offer(struct suggest *suggest, const char *name);

#endif
