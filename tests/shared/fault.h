/* For calls of which a test expects success: OK(call) fails the running cmocka test with the sentence that the call left in
 * `fault`, of which every test program has one. One thread. */
#ifndef TESTS_SHARED_FAULT_H
#define TESTS_SHARED_FAULT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

extern struct err fault;

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, fault.message);                                              \
    } while (0)

#endif
