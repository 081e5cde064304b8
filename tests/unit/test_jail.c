/* From inside the jail: sockets, files, processes, new code and other processes are refused; ordinary work goes on. */
#include "worker/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct jail_limits limits = {2ULL << 30, 1 << 20, 64};

/* Runs the attempt in a jailed child; its exit status. 99 when the jail could not be entered, 100 + N when signal N ended it. */
static int jailed(enum jail_kind kind, int (*attempt)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct err err;
        if (jail_enter(kind, &limits, &err) < 0) {
            fprintf(stderr, "%s\n", err.message);
            _exit(99);
        }
        _exit(attempt());
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

/* 0 when a call was refused. */
static int refused(long result)
{
    return result < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS) ? 0 : 1;
}

static int try_socket(void)
{
    return refused(socket(AF_INET, SOCK_STREAM, 0)) | refused(socket(AF_UNIX, SOCK_STREAM, 0)) |
           refused(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int try_read_file(void)
{
    return refused(open("/etc/passwd", O_RDONLY)) | refused(open("/proc/self/environ", O_RDONLY)) |
           refused(openat(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY));
}

static int try_write_file(void)
{
    return refused(open("/tmp/reeld-jail-test", O_WRONLY | O_CREAT, 0600)) |
           refused(mkdir("/tmp/reeld-jail-test-dir", 0700)) | refused(unlink("/etc/hostname")) |
           refused(rename("/etc/hostname", "/etc/hostname2")) | refused(chmod("/etc/hostname", 0));
}

static int try_process(void)
{
    char program[] = "/bin/true";
    char *arguments[] = {program, NULL};
    pid_t pid;
    errno = 0;
    int spawned = posix_spawn(&pid, program, NULL, NULL, arguments, NULL);
    return refused(fork()) | refused(execv(program, arguments)) | (spawned == 0);
}

static int try_other_process(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    return refused(kill(getppid(), 0)) | refused(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)) |
           refused(tgkill(getppid(), getppid(), 0)) |
           refused(prlimit(getppid(), RLIMIT_NOFILE, NULL, &limit)) |
           (getrlimit(RLIMIT_NOFILE, &limit) != 0);
}

static int try_new_code(void)
{
    void *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int mapped = page == MAP_FAILED ? refused(-1) : 1;
    void *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mapped | (data == MAP_FAILED) | refused(mprotect(data, 4096, PROT_READ | PROT_EXEC));
}

static int try_undo(void)
{
    struct jail_limits more = {8ULL << 30, 1ULL << 40, 1024};
    struct err err;
    return jail_enter(JAIL_MEDIA, &more, &err) < 0 ? 0 : 1;
}

static void *thread_main(void *context)
{
    *(int *)context = 7;
    return NULL;
}

/* Threads, memory and time are there: a library that is silently denied one may give a wrong picture. */
static int try_ordinary_work(void)
{
    int value = 0;
    pthread_t thread;
    if (pthread_create(&thread, NULL, thread_main, &value) != 0)
        return 1;
    pthread_join(thread, NULL);
    char *memory = malloc(64 << 20);
    if (!memory)
        return 2;
    memset(memory, 1, 64 << 20);
    free(memory);
    usleep(1000);
    return value == 7 ? 0 : 3;
}

static int output_fd;

static int try_write_descriptor(void)
{
    return pwrite(output_fd, "x", 1, 0) == 1 && ftruncate(output_fd, 100) == 0 ? 0 : 1;
}

static int try_write_too_much(void)
{
    return pwrite(output_fd, "x", 1, 2 << 20) == 1 ? 0 : 1;
}

static int try_too_much_memory(void)
{
    void *memory = mmap(NULL, 8ULL << 30, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? 0 : 1;
}

static int try_too_much_time(void)
{
    jail_set_cpu_budget(0);
    for (volatile uint64_t i = 0;; i++)
        continue;
    return 0;
}

static int try_net_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 ? 0 : 1;
}

static int try_net_read_certificates(void)
{
    return open("/etc/hosts", O_RDONLY) >= 0 ? 0 : 1;
}

static void test_media_worker_is_refused(void **state)
{
    (void)state;
    assert_int_equal(jailed(JAIL_MEDIA, try_socket), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_read_file), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_write_file), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_process), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_other_process), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_new_code), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_undo), 0);
}

static void test_media_worker_works(void **state)
{
    (void)state;
    output_fd = memfd_create("output", MFD_CLOEXEC);
    assert_int_equal(jailed(JAIL_MEDIA, try_ordinary_work), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_write_descriptor), 0);
    close(output_fd);
}

static void test_limits_hold(void **state)
{
    (void)state;
    char path[] = "/tmp/reeld-jail-XXXXXX";
    output_fd = mkstemp(path);
    unlink(path);
    assert_int_equal(jailed(JAIL_MEDIA, try_write_too_much), 100 + SIGXFSZ);
    close(output_fd);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_int_equal(jailed(JAIL_MEDIA, try_too_much_memory), 0);
#endif
    assert_int_equal(jailed(JAIL_MEDIA, try_too_much_time), 100 + SIGXCPU);
}

static void test_net_worker_has_the_network_only(void **state)
{
    (void)state;
    assert_int_equal(jailed(JAIL_NET, try_net_socket), 0);
    assert_int_equal(jailed(JAIL_NET, try_net_read_certificates), 0);
    assert_int_equal(jailed(JAIL_NET, try_write_file), 0);
    assert_int_equal(jailed(JAIL_NET, try_process), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_media_worker_is_refused),
        cmocka_unit_test(test_media_worker_works),
        cmocka_unit_test(test_limits_hold),
        cmocka_unit_test(test_net_worker_has_the_network_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
