/*
 * The rate at which the rows of a new workflow can be made durable, with nothing around it: the store's own schema, statements and
 * database driver, and as many threads as clients. Prints rows a second and the CPU of each in microseconds.
 *
 *     group_commit DATABASE CLIENTS GROUP SECONDS
 *
 * A committing thread takes whatever is submitted, at most GROUP of it, runs it in one transaction and wakes those who wait. A GROUP
 * of 1 is a transaction for each insert.
 */
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "store/db.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char customer[] = "default", definition_sha256[] = "bench";
static const char options_json[] = "{\"prompt\":\"A paper boat\"}";

struct client {
    pthread_t thread;
    pthread_cond_t woken;
    struct client *next;
    char workflow_id[UUID_TEXT_SIZE], ledger_id[UUID_TEXT_SIZE];
    bool committed;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t submitted = PTHREAD_COND_INITIALIZER;
static struct client *first, **last = &first; /* under lock, as the next two */
static bool ending;
static int living;
static struct db *db;

static void must(int rc, const struct err *err)
{
    if (rc < 0) {
        fprintf(stderr, "%s\n", err->message);
        exit(1);
    }
}

static void run(enum query_id id, const struct db_value *values, size_t count)
{
    struct err err;
    must(db_run(db, id, values, count, NULL, &err), &err);
}

#define RUN(id, ...) run(id, DB_VALUES(__VA_ARGS__))

/* What store_workflow_create() writes: the reservation, its row of the ledger, the workflow. */
static void insert(const struct client *client)
{
    struct db_rows rows;
    struct err err;
    int64_t now = clock_wall_us();
    must(db_query(db, QUERY_CREDIT_MOVE,
                  DB_VALUES(DB_TEXT(customer), DB_INT(-1), DB_INT(0), DB_INT(INT64_MAX)), &rows,
                  &err),
         &err);
    int64_t balance = db_int(&rows, 0), sequence = db_int(&rows, 1);
    db_rows_end(&rows);
    RUN(QUERY_LEDGER_ADD, DB_TEXT(customer), DB_INT(sequence), DB_TEXT(client->ledger_id),
        DB_INT(now), DB_TEXT("reserve"), DB_INT(-1), DB_INT(balance), DB_TEXT(client->workflow_id),
        DB_TEXT("bench_chat"));
    RUN(QUERY_WORKFLOW_CREATE, DB_TEXT(client->workflow_id), DB_TEXT(customer), DB_TEXT(customer),
        DB_TEXT(""), DB_TEXT(""), DB_TEXT("1"), DB_TEXT("no_event"), DB_TEXT("bench_chat"),
        DB_INT(1), DB_TEXT(definition_sha256), DB_TEXT(options_json), DB_TEXT("[]"), DB_TEXT(NULL),
        DB_TEXT(NULL), DB_TEXT(NULL), DB_INT(0), DB_INT(1), DB_INT(now));
}

static struct client *take(int group)
{
    pthread_mutex_lock(&lock);
    while (!first && living > 0)
        pthread_cond_wait(&submitted, &lock);
    struct client *taken = first, **end = &first;
    for (int i = 0; *end && i < group; i++)
        end = &(*end)->next;
    struct client *rest = *end;
    *end = NULL;
    first = rest;
    if (!rest)
        last = &first;
    pthread_mutex_unlock(&lock);
    return taken;
}

static int64_t commit(int group)
{
    int64_t count = 0;
    struct err err;
    struct client *taken;
    while ((taken = take(group))) {
        must(db_transact(db, DB_BEGIN_WRITE, &err), &err);
        for (const struct client *c = taken; c; c = c->next)
            insert(c);
        must(db_transact(db, DB_COMMIT, &err), &err);
        pthread_mutex_lock(&lock);
        while (taken) {
            struct client *c = taken;
            taken = c->next;
            c->committed = true;
            count++;
            pthread_cond_signal(&c->woken);
        }
        pthread_mutex_unlock(&lock);
    }
    return count;
}

static void *client_main(void *context)
{
    struct client *client = context;
    pthread_mutex_lock(&lock);
    while (!ending) {
        pthread_mutex_unlock(&lock);
        uuid_new(client->workflow_id);
        uuid_new(client->ledger_id);
        client->next = NULL;
        client->committed = false;
        pthread_mutex_lock(&lock);
        *last = client;
        last = &client->next;
        pthread_cond_signal(&submitted);
        while (!client->committed)
            pthread_cond_wait(&client->woken, &lock);
    }
    living--;
    pthread_cond_signal(&submitted);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *timer_main(void *context)
{
    struct timespec rest = {.tv_sec = *(int *)context};
    nanosleep(&rest, NULL);
    pthread_mutex_lock(&lock);
    ending = true;
    pthread_mutex_unlock(&lock);
    return NULL;
}

static double cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void open_database(const char *path)
{
    struct err err;
    must(db_driver_sqlite.open(path, DB_WRITER, &db, &err), &err);
    must(db_migrate(db, &err), &err);
    RUN(QUERY_CUSTOMER_CREATE, DB_TEXT(customer), DB_INT(clock_wall_us()));
    struct db_rows rows;
    must(db_query(db, QUERY_CREDIT_MOVE,
                  DB_VALUES(DB_TEXT(customer), DB_INT(1000000000000), DB_INT(0), DB_INT(INT64_MAX)),
                  &rows, &err),
         &err);
    db_rows_end(&rows);
    RUN(QUERY_DEFINITION_ADD, DB_TEXT(definition_sha256), DB_TEXT("{}"));
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: group_commit DATABASE CLIENTS GROUP SECONDS\n");
        return 2;
    }
    int count = atoi(argv[2]), group = atoi(argv[3]), seconds = atoi(argv[4]);
    open_database(argv[1]);
    CLEANUP(free) struct client *clients = mem_alloc((size_t)count * sizeof(*clients));
    pthread_t timer;
    living = count;
    double cpu = cpu_us();
    int64_t start = clock_monotonic_us();
    pthread_create(&timer, NULL, timer_main, &seconds);
    for (int i = 0; i < count; i++) {
        pthread_cond_init(&clients[i].woken, NULL);
        pthread_create(&clients[i].thread, NULL, client_main, &clients[i]);
    }
    int64_t rows = commit(group);
    double took = (double)(clock_monotonic_us() - start) / 1e6;
    cpu = cpu_us() - cpu;
    for (int i = 0; i < count; i++)
        pthread_join(clients[i].thread, NULL);
    pthread_join(timer, NULL);
    db_close(db);
    printf("%.1f %.2f\n", (double)rows / took, cpu / (double)rows);
    return 0;
}
