/*
 * What the files of engine/ share. Everything here belongs to the engine's thread unless it says otherwise.
 *
 * DESIGN. A run is a workflow in memory. Whatever happens (a worker answers, a timer fires, a commit is done) changes tasks
 * and ends in run_advance(), which decides what follows, writes one transition with all that changed, and acts on it in
 * run_committed(). While a transition is on its way further changes gather and make the next one.
 */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "engine/engine.h"
#include "engine/machine.h"
#include "engine/media_url.h"
#include "wire/wire.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

struct run;
struct task;

/* --- mailbox: how other threads reach the engine ------------------------------------------------ */

struct letter {
    struct letter *next;
    void (*deliver)(struct engine *engine, struct letter *letter); /* frees the letter */
};

/* Any thread. */
void engine_post(struct engine *engine, struct letter *letter);

/* --- blocking work on its own thread ------------------------------------------------------------ */

/* `work` runs on the blocking thread, then `done` on the engine's. */
struct errand {
    struct letter letter;
    struct errand *next;
    void (*work)(struct engine *engine, struct errand *errand);
    void (*done)(struct engine *engine, struct errand *errand); /* frees the errand */
};

void engine_run_errand(struct engine *engine, struct errand *errand);
int blocking_start(struct engine *engine, struct err *err);
void blocking_stop(struct engine *engine); /* finishes what is queued */

/* --- timers ------------------------------------------------------------------------------------- */

struct timer {
    int64_t at; /* monotonic us; 0: not set */
    size_t index;
    void (*fire)(struct engine *engine, struct timer *timer);
};

void timer_set(struct engine *engine, struct timer *timer, int64_t at);
void timer_clear(struct engine *engine, struct timer *timer);
void timers_fire(struct engine *engine); /* those that are due */
/* Milliseconds until the next one, -1 without one. */
int timers_wait_ms(const struct engine *engine);

/* --- runs and tasks ----------------------------------------------------------------------------- */

enum task_phase {
    TASK_UNCOMMITTED, /* ready, the row is not durable yet */
    TASK_WAITING,     /* for its next attempt */
    TASK_GATHERING,   /* its inputs are fetched */
    TASK_QUEUED,      /* for a worker */
    TASK_RUNNING,
    TASK_CHILD,      /* another workflow runs for it */
    TASK_PUBLISHING, /* its results become blobs */
    TASK_OVER
};

struct task {
    struct run *run;
    struct task *next_queued;
    size_t step;
    int item, item_count;
    enum store_task_state state;
    enum task_phase phase;
    bool dirty;     /* differs from its row */
    bool is_stored; /* has a row, which keeps its parameters */
    int attempt;
    int64_t not_before; /* wall us */
    struct timer timer; /* next attempt, or the time limit while it runs */
    json_t *params, *local;
    json_t *results;   /* as stored */
    struct fuse *fuse; /* steps that are run with it in one pass; NULL */
    bool unfused;      /* that did not work: alone from now on */
    char *error_json, *reason, *provider;
    int64_t used_credits, duration_ms, started_at, finished_at;
    int64_t running_since; /* monotonic us */
    double fraction;
    struct pool_worker *worker;
    char child_id[UUID_TEXT_SIZE]; /* of the workflow that runs for it */
    bool child_found;              /* it was there before it was asked for */
    bool child_leaves;             /* it was on its way out then */
    int inputs_missing;
    struct err input_fault; /* of the first input that could not be had */
};

struct run_step {
    struct plan_step_info info;
    enum plan_step_state state;
    bool decided;    /* tasks were made, or it was skipped */
    json_t *outcome; /* results of all items with URLs, for references */
    struct task *tasks;
    int task_count;
};

enum run_input_state { INPUT_PENDING, INPUT_READY, INPUT_FAILED };

/* A media reference of this run and the blob behind it. */
struct run_input {
    struct run_input *next;
    struct run *run;
    char *url;
    enum run_input_state state;
    char sha256[SHA256_HEX_SIZE];
    struct err fault;
    struct run_input *next_fetch;
    int64_t job;        /* of the net worker while it is fetched, else 0 */
    bool sent;          /* the net worker knows of the job */
    struct timer timer; /* the net worker hangs */
    int fd;             /* the file it is fetched into */
};

struct run {
    struct engine *engine;
    struct run *next;                   /* in the hash bucket */
    struct arena *arena;                /* lives as long as the run */
    struct store_workflow workflow;     /* texts in the arena; revision and state move */
    struct plan_template *own_template; /* NULL when the catalog's is used */
    const struct plan_template *template;
    json_t *options, *image_urls;
    struct run_step *steps;
    size_t step_count;
    struct run_input *inputs;
    bool committing, changed;
    bool
        over; /* the final transition was made; freed when it is committed and nothing refers to it */
    int references;        /* errands and jobs that will come back */
    int family;            /* child runs that were begun below it, of one that is no child itself */
    int64_t child_credits; /* what they cost */
    enum store_status committed_status, sent_status; /* of the row, of the transition on its way */
    int committed_progress;
    int64_t progress_at; /* monotonic us of the last progress transition */
    struct timer progress_timer, commit_timer;
    char (*held)[SHA256_HEX_SIZE]; /* blobs that are let go with the run */
    size_t held_count;
    bool submitted_again; /* a client retried it while this run was still on its way out */
    char *result_json, *error_json;
    char webhook_id[UUID_TEXT_SIZE]; /* of the news about the end; "" without a receiver */
    const char *ledger_kind;
    int64_t ledger_amount;
    struct task **in_commit; /* tasks of the transition on its way */
    size_t in_commit_count;
};

/* Loads a workflow from the store and begins or resumes it; does nothing when it is final or already in memory. ERR_STORAGE when
 * the store cannot be read now. */
int run_begin(struct engine *engine, const char *workflow_id);
/* The same for one that was just created; takes over the arena that the workflow is in. */
void run_begin_created(struct engine *engine, struct arena *a,
                       const struct store_workflow *workflow);
struct run *run_find(struct engine *engine, const char *workflow_id);
void run_advance(struct run *run);
/* Ends the workflow with a sentence. */
void run_fail(struct run *run, const struct err *fault, const char *step_id);
void run_cancel(struct run *run);
void run_succeed(struct run *run);
/* A run in memory without its steps. Takes over the arena, in which the workflow's texts are. */
struct run *run_new(struct engine *engine, struct arena *a, const struct store_workflow *workflow);
/* Ready tasks for every item of a step, which is decided then. */
struct task *run_make_tasks(struct run *run, size_t step, int count);
/* A blob that the run published: held until its row is committed or the run is over. */
void run_hold(struct run *run, const char *sha256);
/* After a reference was given back; frees a run that is over. The run may be gone afterwards. */
void run_unreference(struct run *run);
void run_free(struct run *run);
/* A task's fraction moved: shown to clients a few times a second at most, and once at least, as a committed row. */
void run_progress(struct run *run);

void run_decide(struct run *run);
/* What plan/ decides on; `outcomes` has room for every step. */
struct plan_view run_view(const struct run *run, struct plan_outcome *outcomes);
int run_compute_progress(const struct run *run);

/* --- tasks --- */

/* The task's row is committed: gathers inputs, waits or queues. */
void task_start(struct task *task);
/* Ends an attempt with a fault: another one, or the end of the task and maybe of the run. Then run_advance(). */
void task_fail(struct task *task, const struct err *fault);
/* Its results are blobs now. */
void task_succeed(struct task *task, json_t *results, const char *provider);
/* Stops whatever it does; the state becomes SKIPPED when it was READY. */
void task_drop(struct task *task, const char *reason);
void task_finish(struct task *task);       /* frees what it owns */
void task_dispatch(struct engine *engine); /* gives queued tasks to idle workers */
/* Sends it to an idle worker. ERR_UNAVAILABLE when that is gone; otherwise the task cannot be run. */
int dispatch_send(struct task *task, struct pool_worker *worker, struct err *err);

/* --- child runs: steps that are other templates --- */

/* Makes or finds the workflow that runs for the task; the task fails when there cannot be one. */
void nested_start(struct task *task);
/* The task does not want it any more. */
void nested_stop(struct task *task);
/* Of a run that is a child: its end is committed, its progress has moved. Nothing for others. */
void nested_over(struct run *run);
void nested_moved(struct run *run);
/* A workflow that was to be taken up has ended before. Nothing for one that is no child, or is not waited for. */
void nested_ended(struct engine *engine, const struct store_workflow *child);
/* Whether the workflow that it runs for has ended without it. */
bool nested_is_orphan(struct run *run);
/* What the child runs that have succeeded cost. */
int64_t run_child_credits(const struct run *run);

/* --- steps in one pass --- */

struct fuse_step {
    size_t step;
    json_t *params, *local;
};

struct fuse {
    struct fuse_step steps[PLAN_FOLLOWERS_MAX];
    size_t count;
};

/* Finds the steps that can be run with a task in one pass, anew each time. */
void fuse_plan(struct task *task);
/* Forgets them. */
void fuse_drop(struct task *task);
/* Says in the workflow's log which they are. */
void fuse_note(const struct task *task);
/* The same for good, when an attempt failed with them: the fault may be theirs. False when there are none. */
bool fuse_undo(struct task *task);
/* Their results are blobs now, a list each. They become durable with the next transition. */
void fuse_succeed(struct task *task, json_t *const *results);
/* Weights of the steps that are under way with the task. */
double fuse_weight(const struct task *task);
int fuse_timeout_s(const struct task *task); /* all of them together */

/* --- inputs --- */

/* Begins to fetch what the task's parameters refer to; then task->inputs_missing counts what is not there yet. */
void inputs_gather(struct task *task);
/* The blob of a reference that is there; NULL otherwise. */
const char *inputs_find(const struct run *run, const char *url);
void inputs_cancel(struct run *run);
void inputs_free(struct run *run);
/* Forgets what is being fetched; the next start asks again. */
void inputs_stop(struct engine *engine);

/* --- worker processes --- */

enum pool_state { POOL_STARTING, POOL_IDLE, POOL_BUSY, POOL_DEAD };

struct pool_worker {
    struct engine *engine;
    bool is_net;
    int index;
    enum pool_state state;
    pid_t pid;
    struct wire *wire;
    struct task *task; /* of a busy media worker; NULL when it was dropped meanwhile */
    int64_t job;
    int outputs[64]; /* files given for the job's results */
    int output_count;
    enum err_code ended_by; /* why the server killed it: ERR_TIMEOUT, ERR_CANCELLED, or ERR_OK */
    bool awaits_room;       /* epoll tells when the wire takes more */
    struct timer timer;     /* kill after a cancel, or restart */
    int failed_starts;
    int64_t started_at;            /* monotonic us */
    int message_count, note_count; /* of the job */
};

int pool_start(struct engine *engine, struct err *err);
void pool_stop(struct engine *engine);
struct pool_worker *pool_idle(struct engine *engine); /* a media worker, or NULL */
/* Sends the task; ERR_UNAVAILABLE when the worker died meanwhile. */
int pool_run(struct pool_worker *worker, struct task *task, int64_t job,
             const struct buffer *message, const int *fds, int fd_count, struct err *err);
/* Asks the worker to stop, kills it half a second later. The task is forgotten at once. */
void pool_cancel(struct pool_worker *worker);
void pool_kill(struct pool_worker *worker, enum err_code why);
void pool_handle(struct pool_worker *worker, unsigned events);
/* A request for the net worker; `fd` -1 for none. ERR_UNAVAILABLE while there is none: input_net_ready() or
 * input_net_lost() follow. */
int pool_net_send(struct engine *engine, const json_t *message, int fd, struct err *err);
/* Closes what the worker still holds of its job. */
void pool_release_outputs(struct pool_worker *worker);

/* What workers say; implemented in task.c and input.c. */
void task_worker_done(struct pool_worker *worker, const json_t *message);
void task_worker_failed(struct pool_worker *worker, const struct err *fault);
void input_net_answer(struct engine *engine, const json_t *message);
void input_net_ready(struct engine *engine);
void input_net_lost(struct engine *engine);

/* --- webhooks --- */

enum { WEBHOOK_TIMEOUT_MS = 10000 }; /* of one attempt */

struct webhook;
struct webhook_host;

/* The message for the net worker that delivers `row`, signed as of now; a number for the job is missing. On the blocking
 * thread. The caller's to release. */
int webhook_compose(struct engine *engine, struct arena *a, const struct store_webhook *row,
                    json_t **ret_message, struct err *err);

/* A pending delivery is known to the store; asks for it again when it is in memory already. */
void webhook_add(struct engine *engine, const char *id, const char *url, int64_t next_attempt_at);
void webhooks_dispatch(struct engine *engine);
/* Whether the message was about a delivery. */
bool webhook_net_answer(struct engine *engine, const json_t *message);
void webhooks_net_lost(struct engine *engine);
void webhooks_free(struct engine *engine);

/* --- retention --- */

/* Before the thread starts. */
void retention_start(struct engine *engine);

/* --- the engine --- */

struct waiting_run {
    struct waiting_run *next;
    char id[UUID_TEXT_SIZE];
    bool cancel; /* taken up only to be cancelled */
};

enum { ENGINE_BUCKETS = 4096, ENGINE_WORKERS_MAX = 64, ENGINE_WEBHOOK_BUCKETS = 1024 };

struct engine {
    struct engine_settings settings;
    pthread_t thread;
    int epoll_fd, wake_fd;
    bool stopping, ending; /* no new work; nobody submits any more */
    int64_t stop_at;       /* monotonic us: running tasks are ended then */

    pthread_mutex_t mail_lock;
    struct letter *mail_first, *mail_last; /* under mail_lock */
    atomic_bool takes_more; /* how it was a moment ago: what is created now can begin */
    bool sleeping;          /* under mail_lock: only a wake-up makes it look at its mail */

    pthread_t blocking_thread;
    pthread_mutex_t errand_lock;
    pthread_cond_t errand_ready;
    struct errand *errand_first, *errand_last; /* under errand_lock */
    bool errands_end;                          /* under errand_lock */

    struct timer **timers; /* a heap by time */
    size_t timer_count, timer_capacity;

    struct run *buckets[ENGINE_BUCKETS];
    int active;
    struct waiting_run *waiting_first, *waiting_last;
    int waiting;
    struct timer retention_timer;
    struct timer hold_timer; /* set while the store cannot be read */
    struct task *queue_first, *queue_last;
    int queued;

    struct pool_worker workers[ENGINE_WORKERS_MAX];
    struct pool_worker net;
    struct run_input *fetches; /* those that the net worker is fetching */
    int64_t next_job;

    struct webhook *webhooks[ENGINE_WEBHOOK_BUCKETS];
    struct webhook_host *webhook_hosts[ENGINE_WEBHOOK_BUCKETS];
    struct webhook_host *webhook_ready_first, *webhook_ready_last;
    struct webhook *webhooks_out;
    int webhook_count, webhook_in_flight;
    int webhook_saving;           /* outcomes that the store has not answered for */
    engine_render webhook_render; /* NULL: webhooks wait in the store */
    void *webhook_context;

    pthread_mutex_t count_lock;
    pthread_cond_t drained_now;
    bool drained;                /* under count_lock */
    struct engine_counts counts; /* under count_lock */
    bool net_ready;              /* under count_lock */
};

/* Stops a workflow, which is taken into memory for that. ERR_STORAGE when the store cannot be read now. */
int engine_cancel_run(struct engine *engine, const char *id);
/* Takes waiting runs into memory as far as there is room. */
void engine_take_waiting(struct engine *engine);

#endif
