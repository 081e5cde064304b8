/*
 * Pure decisions of the engine: (state, event) to state and effects, and what a failed attempt leads to. No I/O, no clock;
 * any thread.
 */
#ifndef ENGINE_MACHINE_H
#define ENGINE_MACHINE_H

#include "base/err.h"
#include "plan/plan.h"
#include "store/store.h"

enum machine_run_event {
    MACHINE_RUN_BEGIN,
    MACHINE_RUN_SUCCEED,
    MACHINE_RUN_FAIL,
    MACHINE_RUN_CANCEL,
    MACHINE_RUN_RETRY /* a client asks for it; store_workflow_retry() does it */
};

enum machine_task_event {
    MACHINE_TASK_SUCCEED,
    MACHINE_TASK_RETRY,
    MACHINE_TASK_GIVE_UP,
    MACHINE_TASK_GIVE_UP_QUIETLY, /* on_error: continue */
    MACHINE_TASK_DROP             /* the workflow ended before the task did */
};

enum machine_effect {
    MACHINE_SETTLE = 1,     /* the reserved credits are spent */
    MACHINE_RELEASE = 2,    /* the unspent ones go back */
    MACHINE_STOP_TASKS = 4, /* running tasks are cancelled, waiting ones dropped */
    MACHINE_WAIT = 8,       /* the task waits for its next attempt */
    MACHINE_FAIL_RUN = 16,  /* the workflow gets MACHINE_RUN_FAIL */
    MACHINE_RESERVE = 32    /* what went back of the price is reserved again */
};

/* False when the event does not apply in that state; nothing is set then. */
bool machine_run(enum store_status state, enum machine_run_event event, enum store_status *ret_next,
                 unsigned *ret_effects);
bool machine_task(enum store_task_state state, enum machine_task_event event,
                  enum store_task_state *ret_next, unsigned *ret_effects);

bool machine_run_final(enum store_status state);

/* Attempts that a crashed worker or an input that could not be fetched gets even when the template asks for none. */
enum { MACHINE_ATTEMPTS_MIN = 3 };

/* What follows attempt number `attempt` (from 1) that ended with `code`. Bad input is not tried again; *ret_delay_s is the pause
 * before the next attempt, growing by `backoff`, at most an hour. */
enum machine_task_event machine_after_failure(const struct plan_step_info *step, int attempt,
                                              enum err_code code, double *ret_delay_s);

/* The pause after a delivery's attempt number `attempt` (from 1) failed, in us: growing from 5 s to hours, a day in all, longer by up
 * to a fifth as `chance` (any number) says. -1 when there is no further attempt. */
int64_t machine_webhook_pause_us(int attempt, uint32_t chance);

#endif
