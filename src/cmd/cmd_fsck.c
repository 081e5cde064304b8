#include "cmd/cmd.h"
#include "cmd/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fsck_file {
    char sha256[SHA256_HEX_SIZE];
    uint64_t size;
    bool used;
};

struct fsck {
    struct home home;
    struct store_check_counts counts;
    struct fsck_file *files; /* by hash, as the folder is walked */
    size_t file_count, file_capacity;
    uint64_t file_bytes;
    size_t unused, removed;
    json_t *faults;
};

static void fsck_fault(void *context, const char *object, const char *id, const char *sentence)
{
    struct fsck *fsck = context;
    json_array_append_new(fsck->faults, json_pack("{s:s, s:s, s:s}", "object", object, "id", id,
                                                  "message", sentence));
}

/* --- files -------------------------------------------------------------------------------------- */

static int fsck_visit_file(void *context, const char *sha256, uint64_t size)
{
    struct fsck *fsck = context;
    if (fsck->file_count == fsck->file_capacity) {
        fsck->file_capacity = fsck->file_capacity ? 2 * fsck->file_capacity : 256;
        fsck->files = mem_resize(fsck->files, fsck->file_capacity, sizeof(*fsck->files));
    }
    struct fsck_file *file = &fsck->files[fsck->file_count++];
    memcpy(file->sha256, sha256, SHA256_HEX_SIZE);
    file->size = size;
    file->used = false;
    fsck->file_bytes += size;
    return 0;
}

static int fsck_compare(const void *one, const void *other)
{
    const struct fsck_file *left = one, *right = other;
    return strcmp(left->sha256, right->sha256);
}

static int fsck_visit_use(void *context, const char *sha256, int64_t size, const char *owner)
{
    struct fsck *fsck = context;
    struct fsck_file key = {.size = 0};
    snprintf(key.sha256, sizeof(key.sha256), "%s", sha256);
    struct fsck_file *file = fsck->file_count == 0 ? NULL
                                                   : bsearch(&key, fsck->files, fsck->file_count,
                                                             sizeof(key), fsck_compare);
    if (!file) {
        fsck_fault(fsck, "file", sha256, "It is missing, and something refers to it.");
        fsck_fault(fsck, "file owner", owner, "A file of it is missing.");
        return 0;
    }
    file->used = true;
    if (size >= 0 && (uint64_t)size != file->size)
        fsck_fault(fsck, "file owner", owner, "A file of it has another size than was stored.");
    return 0;
}

/* Reads every file: its name is the hash of its bytes, or it was changed. */
static int fsck_read_files(struct fsck *fsck, struct err *err)
{
    for (size_t i = 0; i < fsck->file_count; i++) {
        const struct fsck_file *file = &fsck->files[i];
        CLEANUP(fd) int fd = -1;
        char sha256[SHA256_HEX_SIZE];
        uint64_t size;
        int rc = blob_get(fsck->home.blobs, file->sha256, &fd, NULL, err);
        if (rc == 0)
            rc = sha256_fd(fd, sha256, &size, err);
        if (rc == ERR_STORAGE)
            return rc;
        if (rc < 0 || strcmp(sha256, file->sha256) != 0)
            fsck_fault(fsck, "file", file->sha256, "Its bytes are not those that were stored.");
        fsck->unused += !file->used;
    }
    return 0;
}

static int fsck_remove_unused(struct fsck *fsck, struct err *err)
{
    for (size_t i = 0; i < fsck->file_count; i++) {
        int rc =
            fsck->files[i].used ? 0 : blob_remove(fsck->home.blobs, fsck->files[i].sha256, err);
        if (rc < 0)
            return rc;
        fsck->removed += !fsck->files[i].used;
    }
    return 0;
}

static int fsck_files(struct fsck *fsck, struct err *err)
{
    int rc = blob_each(fsck->home.blobs, fsck_visit_file, fsck, err);
    if (rc < 0)
        return rc;
    if (fsck->file_count > 0)
        qsort(fsck->files, fsck->file_count, sizeof(*fsck->files), fsck_compare);
    rc = store_blob_each(fsck->home.store, fsck_visit_use, fsck, err);
    return rc < 0 ? rc : fsck_read_files(fsck, err);
}

/* --- the report --------------------------------------------------------------------------------- */

static void fsck_print_json(const struct fsck *fsck)
{
    CLEANUP(json)
    json_t *body = json_pack(
        "{s:b, s:O, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "ok", json_array_size(fsck->faults) == 0,
        "faults", fsck->faults, "customers", (json_int_t)fsck->counts.customers, "workflows",
        (json_int_t)fsck->counts.workflows, "ledger_rows", (json_int_t)fsck->counts.ledger_rows,
        "files", (json_int_t)fsck->file_count, "file_bytes", (json_int_t)fsck->file_bytes,
        "unused_files", (json_int_t)fsck->unused, "removed_files", (json_int_t)fsck->removed);
    CLEANUP(free) char *text = json_text(body, NULL);
    printf("%s\n", text);
}

static void fsck_print(const struct fsck *fsck)
{
    size_t index;
    const json_t *fault;
    json_array_foreach(fsck->faults, index, fault)
        printf("%s %s: %s\n", json_member_string(fault, "object"), json_member_string(fault, "id"),
               json_member_string(fault, "message"));
    printf("%lld customers, %lld ledger rows, %lld workflows, %zu files of %llu bytes, %zu of them "
           "not in use: ",
           (long long)fsck->counts.customers, (long long)fsck->counts.ledger_rows,
           (long long)fsck->counts.workflows, fsck->file_count,
           (unsigned long long)fsck->file_bytes, fsck->unused);
    if (fsck->removed > 0)
        printf("those were removed; ");
    if (index == 0)
        printf("all is as it should be.\n");
    else
        printf("%zu faults.\n", index);
}

/* Opening the store makes it when it is not there, which is no proof of anything. */
static int fsck_open(struct fsck *fsck, const char *data, struct err *err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    if (access(arena_printf(a, "%s/reeld.db", data), F_OK) < 0)
        return err_set(err, ERR_NOT_FOUND, data, "There is no data in the folder %s.", data);
    int rc = home_open_store(&fsck->home, data, false, err);
    if (rc == 0)
        rc = home_lock(&fsck->home, err);
    return rc < 0 ? rc : home_open_blobs(&fsck->home, err);
}

int cmd_fsck(struct cmd *cmd)
{
    int status;
    struct err err;
    struct fsck fsck = {.home = {.pack_fd = -1, .lock_fd = -1}};
    if (!cmd_begin(cmd, PARAM_GROUP_FSCK, &status))
        return status;
    if (cmd->options.argument_count > 0)
        return cmd_usage(cmd, "fsck takes no arguments.");
    fsck.faults = json_array();
    int rc = fsck_open(&fsck, option_text(&cmd->options, PARAM_DATA), &err);
    if (rc == 0)
        rc = store_verify(fsck.home.store, fsck_fault, &fsck, &fsck.counts, &err);
    if (rc == 0)
        rc = fsck_files(&fsck, &err);
    if (rc == 0 && option_flag(&cmd->options, PARAM_REMOVE_UNUSED))
        rc = fsck_remove_unused(&fsck, &err);
    if (rc == 0 && option_flag(&cmd->options, PARAM_JSON))
        fsck_print_json(&fsck);
    else if (rc == 0)
        fsck_print(&fsck);
    status = rc < 0 ? cmd_fail(&err) : json_array_size(fsck.faults) == 0 ? CMD_OK : CMD_FAILED;
    json_decref(fsck.faults);
    free(fsck.files);
    home_close(&fsck.home);
    return status;
}
