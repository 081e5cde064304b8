#include "worker/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * DESIGN. Three layers that do not depend on each other: resource limits bound what a bomb can take, Landlock closes the
 * file system by path, seccomp allows a short list of calls and answers EPERM to the rest. Refused calls answer an error
 * instead of killing, because libraries probe for files and fall back. Threads start by clone() with CLONE_THREAD; clone3()
 * cannot be looked into by a filter, so it answers ENOSYS and the C library takes clone().
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JAIL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define JAIL_SANITIZED 1
#endif
#endif
#ifndef JAIL_SANITIZED
#define JAIL_SANITIZED 0
#endif

static int jail_limit(int resource, uint64_t value, const char *name, struct err *err)
{
    struct rlimit limit = {value, value};
    if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "The limit of %s could not be set: %s.", name,
                       strerror(errno));
    return 0;
}

static int jail_set_limits(const struct jail_limits *limits, struct err *err)
{
    int rc = jail_limit(RLIMIT_CORE, 0, "core dumps", err);
    if (rc == 0)
        rc = jail_limit(RLIMIT_FSIZE, limits->output_bytes, "file size", err);
    if (rc == 0)
        rc = jail_limit(RLIMIT_NOFILE, (uint64_t)limits->descriptors, "descriptors", err);
    if (rc == 0 && !JAIL_SANITIZED)
        rc = jail_limit(RLIMIT_AS, limits->memory_bytes, "memory", err);
    return rc;
}

void jail_set_cpu_budget(int seconds)
{
    static rlim_t set; /* the limit that is in force */
    struct timespec used;
    struct rlimit limit;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0)
        return;
    rlim_t wanted = (rlim_t)(used.tv_sec + 1 + seconds);
    if (wanted == set || getrlimit(RLIMIT_CPU, &limit) < 0)
        return; /* jobs that take no time share their second */
    limit.rlim_cur = wanted;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_CPU, &limit) == 0)
        set = wanted;
}

int jail_landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? (int)version : 0;
}

/* Every kind of access that the kernel's version knows is handled and none is granted back, but what `readable` needs. */
static uint64_t jail_landlock_accesses(int version)
{
    uint64_t accesses = (1ULL << 13) - 1; /* the thirteen of version 1 */
    if (version >= 2)
        accesses |= 1ULL << 13; /* REFER */
    if (version >= 3)
        accesses |= 1ULL << 14; /* TRUNCATE */
    return accesses;
}

static int jail_landlock_allow_reading(int ruleset, const char *directory)
{
    int fd = open(directory, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    struct landlock_path_beneath_attr rule = {
        .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
        .parent_fd = fd,
    };
    long rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(fd);
    return (int)rc;
}

static int jail_close_files(enum jail_kind kind, struct err *err)
{
    int version = jail_landlock_version();
    if (version == 0)
        return 0;
    struct landlock_ruleset_attr attributes = {.handled_access_fs =
                                                   jail_landlock_accesses(version)};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
    if (ruleset < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "Landlock refused its rules: %s.",
                       strerror(errno));
    /* Name resolution and certificates are files; nothing else is read by the net worker. */
    static const char *const readable[] = {"/etc", "/usr", "/lib", "/run/systemd/resolve"};
    int rc = 0;
    for (size_t i = 0; kind == JAIL_NET && i < sizeof(readable) / sizeof(readable[0]); i++)
        rc |= jail_landlock_allow_reading(ruleset, readable[i]);
    if (rc == 0)
        rc = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
    int fault = errno;
    close(ruleset);
    if (rc != 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "Landlock could not be entered: %s.",
                       strerror(fault));
    return 0;
}

/* Memory, time, threads, open descriptors, the wire: what any computation needs. */
static const int jail_calls_common[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(dup),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(times),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(membarrier),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(getcpu),
};

/* Sockets, event loops and read-only files for the net worker; Landlock says which files. */
static const int jail_calls_net[] = {
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(pipe2),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(ioctl),
    SCMP_SYS(readlink),
    SCMP_SYS(access),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statfs),
    SCMP_SYS(getdents64),
    SCMP_SYS(statx),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
};

static int jail_allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    return rc;
}

/* Signals and limits reach the process itself and no other of the same user, the server least of all; nor may a descriptor be
 * made to send signals (F_SETOWN). */
static int jail_allow_on_itself(scmp_filter_ctx filter)
{
    static const int commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL};
    scmp_datum_t itself = (scmp_datum_t)getpid();
    int rc =
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, itself));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                              SCMP_A0(SCMP_CMP_EQ, 0));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                              SCMP_A0(SCMP_CMP_EQ, itself));
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && rc == 0; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                              SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i]));
    return rc;
}

/* Calls that depend on their arguments: threads but no processes, memory but no new code, names but no other prctl(). */
static int jail_allow_conditional(scmp_filter_ctx filter, enum jail_kind kind)
{
    int rc = jail_allow_on_itself(filter);
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                              SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
    if (rc == 0 && kind == JAIL_NET) {
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT, O_RDONLY));
        if (rc == 0) /* certificates and resolver modules are loaded late */
            rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 0);
        if (rc == 0)
            rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 0);
        return rc;
    }
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return rc;
}

static int jail_close_calls(enum jail_kind kind, struct err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return err_set(err, ERR_UNAVAILABLE, NULL, "The system-call filter could not be made.");
    int rc = jail_allow(filter, jail_calls_common,
                        sizeof(jail_calls_common) / sizeof(jail_calls_common[0]));
    if (rc == 0 && kind == JAIL_NET)
        rc = jail_allow(filter, jail_calls_net, sizeof(jail_calls_net) / sizeof(jail_calls_net[0]));
    if (rc == 0)
        rc = jail_allow_conditional(filter, kind);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    if (rc < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "The system-call filter was refused: %s.",
                       strerror(-rc));
    return 0;
}

/* A server that was started by root has children that could lift their limits again. */
static int jail_drop_capabilities(struct err *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    if (syscall(SYS_capset, &header, none) < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "The capabilities could not be dropped: %s.",
                       strerror(errno));
    return 0;
}

int jail_enter(enum jail_kind kind, const struct jail_limits *limits, struct err *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "The process could not be restricted: %s.",
                       strerror(errno));
    int rc = jail_set_limits(limits, err);
    if (rc == 0)
        rc = jail_drop_capabilities(err);
    if (rc == 0)
        rc = jail_close_files(kind, err);
    if (rc == 0)
        rc = jail_close_calls(kind, err);
    return rc;
}
