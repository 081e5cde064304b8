#include "cmd/home.h"

#include "base/clock.h"
#include "base/uuid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int home_open_store(struct home *home, const char *data, bool create, struct err *err)
{
    memset(home, 0, sizeof(*home));
    home->pack_fd = home->lock_fd = -1;
    home->data = mem_strdup(data);
    if (create && mkdir(data, 0700) < 0 && errno != EEXIST)
        return err_set(err, ERR_STORAGE, data, "The data folder %s cannot be made: %s.", data,
                       strerror(errno));
    if (access(data, R_OK | W_OK | X_OK) < 0)
        return err_set(err, ERR_NOT_FOUND, data, "The data folder %s cannot be used: %s.", data,
                       strerror(errno));
    CLEANUP(arena) struct arena *a = arena_new();
    return store_open(arena_printf(a, "sqlite:%s/reeld.db", data), &home->store, err);
}

int home_lock(struct home *home, struct err *err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    home->lock_fd =
        open(arena_printf(a, "%s/lock", home->data), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (home->lock_fd < 0)
        return err_set(err, ERR_STORAGE, home->data, "The data folder cannot be locked: %s.",
                       strerror(errno));
    if (flock(home->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return err_set(err, ERR_CONFLICT, home->data,
                       "Another reeld is already running on the data folder %s.", home->data);
    return 0;
}

int home_open_blobs(struct home *home, struct err *err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    uint8_t random[32];
    char hex[2 * sizeof(random) + 1];
    const char *secret;
    random_bytes(random, sizeof(random));
    hex_encode(random, sizeof(random), hex);
    int rc = blob_open(arena_printf(a, "%s/blobs", home->data), &home->blobs, err);
    if (rc == 0)
        rc = store_setting_init(home->store, a, "media_secret", hex, &secret, err);
    if (rc == 0)
        home->media_secret = mem_strdup(secret);
    return rc;
}

/* The first of the candidates that exists, relative to the folder of the running program. */
static char *home_find(const char *const *candidates)
{
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (length <= 0)
        return NULL;
    program[length] = '\0';
    char *slash = strrchr(program, '/');
    *slash = '\0';
    for (; *candidates; candidates++) {
        CLEANUP(arena) struct arena *a = arena_new();
        const char *path = arena_printf(a, "%s/%s", program, *candidates);
        if (access(path, F_OK) == 0)
            return mem_strdup(path);
    }
    return NULL;
}

int home_open_catalog(struct home *home, const char *directory, struct err *err)
{
    static const char *const places[] = {"catalog", "../share/reeld/catalog", NULL};
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(free) char *found = directory ? NULL : home_find(places);
    struct plan_faults faults;
    directory = directory ? directory : found;
    if (!directory)
        return err_set(err, ERR_NOT_FOUND, NULL, "The catalog is not beside the program.");
    plan_faults_init(&faults, a);
    int rc = plan_catalog_load(directory, &home->catalog, &faults, err);
    if (rc == ERR_INVALID && faults.count > 0)
        return err_set(err, ERR_INTERNAL, faults.items[0].path, "The catalog is broken: %s: %s",
                       faults.items[0].path, faults.items[0].message);
    return rc;
}

int home_find_programs(struct home *home, struct err *err)
{
    static const char *const packs[] = {"reeld.pack", "../share/reeld/reeld.pack", NULL};
    static const char *const workers[] = {"reeld-worker", "../libexec/reeld/reeld-worker", NULL};
    static const char *const programs[] = {"reeld", NULL};
    CLEANUP(free) char *pack = home_find(packs);
    home->worker_program = home_find(workers);
    home->program = home_find(programs);
    if (!home->worker_program || !home->program)
        return err_set(err, ERR_NOT_FOUND, NULL, "The program reeld-worker is not installed.");
    home->pack_fd = pack ? open(pack, O_RDONLY | O_CLOEXEC) : -1;
    if (pack && home->pack_fd < 0)
        return err_set(err, ERR_STORAGE, pack, "The asset pack %s cannot be read: %s.", pack,
                       strerror(errno));
    return 0;
}

int home_map_pack(struct home *home, struct err *err)
{
    struct stat status;
    if (home->pack_fd < 0)
        return 0;
    if (fstat(home->pack_fd, &status) < 0 || status.st_size == 0)
        return err_set(err, ERR_STORAGE, NULL, "The asset pack cannot be read.");
    home->pack_size = (size_t)status.st_size;
    home->pack_bytes = mmap(NULL, home->pack_size, PROT_READ, MAP_SHARED, home->pack_fd, 0);
    if (home->pack_bytes == MAP_FAILED) {
        home->pack_bytes = NULL;
        return err_set(err, ERR_STORAGE, NULL, "The asset pack cannot be mapped: %s.",
                       strerror(errno));
    }
    return pack_open(home->pack_bytes, home->pack_size, &home->pack, err);
}

void home_close(struct home *home)
{
    pack_close(home->pack);
    if (home->pack_bytes)
        munmap(home->pack_bytes, home->pack_size);
    plan_catalog_free(home->catalog);
    blob_close(home->blobs);
    store_close(home->store);
    free(home->media_secret);
    free(home->program);
    free(home->worker_program);
    free(home->data);
    if (home->pack_fd >= 0)
        close(home->pack_fd);
    if (home->lock_fd >= 0)
        close(home->lock_fd);
}

struct engine_settings home_engine_settings(const struct home *home, const struct options *options)
{
    int workers = (int)option_integer(options, PARAM_WORKERS);
    if (workers == 0)
        workers = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return (struct engine_settings){
        .store = home->store,
        .blobs = home->blobs,
        .catalog = home->catalog,
        .media_secret = home->media_secret,
        .workers = workers < 1    ? 1
                   : workers > 64 ? 64
                                  : workers,
        .worker_program = home->worker_program,
        .net_program = home->program,
        .pack_fd = home->pack_fd,
        .worker_memory_bytes = (uint64_t)option_integer(options, PARAM_WORKER_MEMORY),
        .worker_output_bytes = (uint64_t)option_integer(options, PARAM_WORKER_OUTPUT),
        .worker_cpu_seconds = (int)option_integer(options, PARAM_WORKER_CPU),
        .input_bytes_max = (uint64_t)option_integer(options, PARAM_INPUT_BYTES),
        .fetch_timeout_s = (int)option_integer(options, PARAM_FETCH_TIMEOUT),
        .fetch_redirects_max = (int)option_integer(options, PARAM_FETCH_REDIRECTS),
        .allow_private_networks = option_flag(options, PARAM_ALLOW_PRIVATE_NETWORKS),
        .active_max = (int)option_integer(options, PARAM_ACTIVE),
    };
}

void home_new_key(char ret_key[80])
{
    uint8_t random[32];
    random_bytes(random, sizeof(random));
    memcpy(ret_key, "reeld_", 6);
    hex_encode(random, sizeof(random), ret_key + 6);
}

int home_create_key(struct home *home, const char *customer, const char *user, const char *key,
                    char ret_id[37], struct err *err)
{
    enum { LABEL = 12 };
    char sha256[SHA256_HEX_SIZE];
    char label[LABEL + 1];
    struct store_wait wait;
    uuid_new(ret_id);
    sha256_hex(key, strlen(key), sha256);
    snprintf(label, sizeof(label), "%s", key);
    const struct store_key row = {.id = ret_id,
                                  .customer = customer,
                                  .user = user,
                                  .label = label,
                                  .created_at = clock_wall_us()};
    store_wait_init(&wait);
    store_key_create(home->store, &row, sha256, store_wait_done, &wait);
    return store_wait_finish(&wait, err);
}

int home_add_credits(struct home *home, const char *customer, int64_t amount, const char *note,
                     struct err *err)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_credit_add(home->store, customer, amount, note, store_wait_done, &wait);
    return store_wait_finish(&wait, err);
}
