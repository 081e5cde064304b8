#include "engine/machine.h"

#include "base/table.h"

#include <math.h>

bool machine_run(enum store_status state, enum machine_run_event event, enum store_status *ret_next,
                 unsigned *ret_effects)
{
    static const struct {
        enum store_status state;
        enum machine_run_event event;
        enum store_status next;
        unsigned effects;
    } rows[] = {
#define RUN(state, event, next, effects)                                                           \
    {STORE_##state, MACHINE_RUN_##event, STORE_##next, effects},
#include "engine/machine.def"
#undef RUN
    };
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        if (rows[i].state == state && rows[i].event == event) {
            *ret_next = rows[i].next;
            *ret_effects = rows[i].effects;
            return true;
        }
    }
    return false;
}

bool machine_task(enum store_task_state state, enum machine_task_event event,
                  enum store_task_state *ret_next, unsigned *ret_effects)
{
    static const struct {
        enum store_task_state state;
        enum machine_task_event event;
        enum store_task_state next;
        unsigned effects;
    } rows[] = {
#define TASK(state, event, next, effects)                                                          \
    {STORE_TASK_##state, MACHINE_TASK_##event, STORE_TASK_##next, effects},
#include "engine/machine.def"
#undef TASK
    };
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        if (rows[i].state == state && rows[i].event == event) {
            *ret_next = rows[i].next;
            *ret_effects = rows[i].effects;
            return true;
        }
    }
    return false;
}

bool machine_run_final(enum store_status state)
{
    return state == STORE_SUCCESS || state == STORE_FAIL || state == STORE_CANCEL;
}

enum machine_task_event machine_after_failure(const struct plan_step_info *step, int attempt,
                                              enum err_code code, double *ret_delay_s)
{
    const double delay_max_s = 3600;
    int attempts = step->retry.max_attempts;
    bool infrastructure =
        code == ERR_WORKER_CRASHED || code == ERR_FETCH_FAILED || code == ERR_STORAGE;
    bool is_child = step->type->place == STEP_PLACE_ENGINE; /* whose own steps were tried again */
    if (infrastructure && !is_child && attempts < MACHINE_ATTEMPTS_MIN)
        attempts = MACHINE_ATTEMPTS_MIN;
    if (err_retryable(code) && attempt < attempts) {
        double delay_s = step->retry.delay_s * pow(step->retry.backoff, attempt - 1);
        *ret_delay_s = delay_s < delay_max_s ? delay_s : delay_max_s;
        return MACHINE_TASK_RETRY;
    }
    return step->continue_on_error ? MACHINE_TASK_GIVE_UP_QUIETLY : MACHINE_TASK_GIVE_UP;
}

int64_t machine_webhook_pause_us(int attempt, uint32_t chance)
{
    static const int64_t pauses_s[] = {5,    30,   2 * 60,   10 * 60,  30 * 60,
                                       3600, 7200, 4 * 3600, 6 * 3600, 8 * 3600};
    if (attempt < 1 || attempt > (int)TABLE_SIZE(pauses_s))
        return -1;
    int64_t pause_us = pauses_s[attempt - 1] * 1000000;
    return pause_us + pause_us / 5 * (chance >> 12) / (UINT32_MAX >> 12);
}
