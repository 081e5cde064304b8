/*
 * The rate at which new workflows can be made durable, with nothing around it: the store alone, and a thread for each client that
 * waits for its commit before it goes on. The store's writer commits in one transaction whatever was submitted while it committed the
 * one before, so that a single client gets a transaction for each insert. Prints workflows a second and the CPU of each in microseconds.
 *
 *     group_commit DATABASE CLIENTS SECONDS
 */
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static struct store *store;
static atomic_bool ending;

struct client {
    pthread_t thread;
    int64_t count;
};

static void must(int rc, const struct err *err)
{
    if (rc < 0) {
        fprintf(stderr, "%s\n", err->message);
        exit(1);
    }
}

static void *client_main(void *context)
{
    struct client *client = context;
    char id[UUID_TEXT_SIZE];
    const struct store_workflow workflow = {
        .id = id,
        .customer = "default",
        .user = "default",
        .visibility_status = "1",
        .event_id = "no_event",
        .template_id = "bench_chat",
        .template_version = 1,
        .template_json = "{\"id\":\"bench_chat\"}",
        .options_json = "{\"prompt\":\"A paper boat\"}",
        .image_urls_json = "[]",
        .price = 1,
        .key_id = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
    };
    while (!atomic_load(&ending)) {
        struct store_wait wait;
        struct err err;
        uuid_new(id);
        store_wait_init(&wait);
        store_workflow_create(store, &workflow, store_wait_done, &wait);
        must(store_wait_finish(&wait, &err), &err);
        client->count++;
    }
    return NULL;
}

static void open_store(const char *path)
{
    const struct store_key key = {
        .id = "key", .customer = "default", .user = "default", .label = "bench"};
    struct store_wait wait;
    struct err err;
    must(store_open(path, &store, &err), &err);
    store_wait_init(&wait);
    store_key_create(store, &key, "bench", store_wait_done, &wait);
    must(store_wait_finish(&wait, &err), &err);
    store_wait_init(&wait);
    store_credit_add(store, "default", 1000000000, "bench", store_wait_done, &wait);
    must(store_wait_finish(&wait, &err), &err);
}

static double cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: group_commit DATABASE CLIENTS SECONDS\n");
        return 2;
    }
    int count = atoi(argv[2]);
    const struct timespec duration = {.tv_sec = atoi(argv[3])};
    open_store(argv[1]);
    CLEANUP(free) struct client *clients = mem_array((size_t)count, sizeof(*clients));
    double cpu = cpu_us();
    int64_t start = clock_monotonic_us(), rows = 0;
    for (int i = 0; i < count; i++)
        pthread_create(&clients[i].thread, NULL, client_main, &clients[i]);
    nanosleep(&duration, NULL);
    atomic_store(&ending, true);
    for (int i = 0; i < count; i++) {
        pthread_join(clients[i].thread, NULL);
        rows += clients[i].count;
    }
    double took = (double)(clock_monotonic_us() - start) / 1e6;
    printf("%.1f %.2f\n", (double)rows / took, (cpu_us() - cpu) / (double)rows);
    store_close(store);
    return 0;
}
