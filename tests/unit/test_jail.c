/* From inside the jail: sockets, files, processes, new code and other processes are refused; ordinary work goes on. */
#include "worker/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
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
#include <sys/syscall.h>
#include <sys/uio.h>
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

static int output_fd, program_fd;

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

/* The ways around posix_spawn(): each is 0 when refused. What would be a child in case of success
 * ends at once. */
static int try_raw_process(void)
{
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    char *nothing[] = {NULL};
    long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (child == 0)
        _exit(1);
    int rc = refused(child);
    child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(1);
    rc |= refused(child) | refused(syscall(SYS_vfork));
    rc |= refused(syscall(SYS_memfd_create, "program", 0));
    rc |= refused(syscall(SYS_execveat, program_fd, "", nothing, nothing, AT_EMPTY_PATH));
    return rc;
}

static int try_other_process(void)
{
    struct rlimit none = {0, 0};
    struct iovec part = {&none, sizeof(none)};
    pid_t parent = getppid();
    return refused(kill(parent, 0)) | refused(ptrace(PTRACE_ATTACH, parent, NULL, NULL)) |
           refused(syscall(SYS_tgkill, parent, parent, 0)) |
           refused(syscall(SYS_tkill, parent, 0)) |
           refused(prlimit(parent, RLIMIT_NOFILE, &none, NULL)) |
           refused(syscall(SYS_process_vm_readv, parent, &part, 1UL, &part, 1UL, 0UL)) |
           refused(syscall(SYS_pidfd_open, parent, 0)) |
           refused(syscall(SYS_rt_sigqueueinfo, parent, SIGTERM, NULL));
}

/* A descriptor can be told to send a signal to anybody of the same user. */
static int try_signal_by_descriptor(void)
{
    return refused(fcntl(output_fd, F_SETOWN, getppid())) |
           refused(fcntl(output_fd, F_SETSIG, SIGKILL)) | (fcntl(output_fd, F_GETFL) < 0);
}

/* Doors of the kernel that no decoder needs. */
static int try_kernel(void)
{
    static const long calls[] = {SYS_io_uring_setup,  SYS_io_uring_enter, SYS_bpf,
                                 SYS_perf_event_open, SYS_userfaultfd,    SYS_unshare,
                                 SYS_setns,           SYS_mount,          SYS_pivot_root,
                                 SYS_chroot,          SYS_keyctl,         SYS_add_key,
                                 SYS_init_module,     SYS_ioctl,          SYS_open_by_handle_at,
                                 SYS_inotify_init1,   SYS_shmget,         SYS_msgget,
                                 SYS_personality,     SYS_setuid};
    int rc = 0;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        rc |= refused(syscall(calls[i], 0L, 0L, 0L, 0L, 0L, 0L));
    return rc;
}

/* Limits that were set are not lifted again. */
static int try_raise_limits(void)
{
    struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
    struct rlimit found;
    static const int resources[] = {RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_CORE};
    for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        setrlimit((__rlimit_resource_t)resources[i], &more);
        if (getrlimit((__rlimit_resource_t)resources[i], &found) < 0 ||
            found.rlim_cur == RLIM_INFINITY)
            return 1;
    }
    return 0;
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
    output_fd = memfd_create("output", MFD_CLOEXEC);
    program_fd = open("/bin/true", O_RDONLY);
    assert_true(output_fd >= 0 && program_fd >= 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_socket), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_read_file), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_write_file), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_process), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_raw_process), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_other_process), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_signal_by_descriptor), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_kernel), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_new_code), 0);
    assert_int_equal(jailed(JAIL_MEDIA, try_undo), 0);
    close(output_fd);
    close(program_fd);
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
    assert_int_equal(jailed(JAIL_MEDIA, try_raise_limits), 0);
}

static void test_net_worker_has_the_network_only(void **state)
{
    (void)state;
    assert_int_equal(jailed(JAIL_NET, try_net_socket), 0);
    assert_int_equal(jailed(JAIL_NET, try_net_read_certificates), 0);
    assert_int_equal(jailed(JAIL_NET, try_write_file), 0);
    assert_int_equal(jailed(JAIL_NET, try_process), 0);
    assert_int_equal(jailed(JAIL_NET, try_raw_process), 0);
    assert_int_equal(jailed(JAIL_NET, try_other_process), 0);
    output_fd = memfd_create("output", MFD_CLOEXEC);
    assert_int_equal(jailed(JAIL_NET, try_signal_by_descriptor), 0);
    close(output_fd);
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
