#include "media/video_file.h"

#include <errno.h>
#include <libavutil/mem.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VIDEO_FILE_BUFFER = 128 * 1024 };

struct video_file {
    int fd;
    int64_t position;
};

static int video_file_read(void *opaque, uint8_t *bytes, int size)
{
    struct video_file *file = opaque;
    ssize_t got;
    do
        got = pread(file->fd, bytes, (size_t)size, file->position);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return AVERROR(errno);
    if (got == 0)
        return AVERROR_EOF;
    file->position += got;
    return (int)got;
}

static int video_file_write(void *opaque, uint8_t *bytes, int size)
{
    struct video_file *file = opaque;
    for (int done = 0; done < size;) {
        ssize_t put = pwrite(file->fd, bytes + done, (size_t)(size - done), file->position);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return AVERROR(put < 0 ? errno : EIO);
        file->position += put;
        done += (int)put;
    }
    return size;
}

static int64_t video_file_seek(void *opaque, int64_t offset, int whence)
{
    struct video_file *file = opaque;
    struct stat status;
    if ((whence & AVSEEK_SIZE) || (whence & ~AVSEEK_FORCE) == SEEK_END) {
        if (fstat(file->fd, &status) < 0)
            return AVERROR(errno);
        if (whence & AVSEEK_SIZE)
            return status.st_size;
    }
    int64_t base = 0;
    switch (whence & ~AVSEEK_FORCE) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        base = file->position;
        break;
    case SEEK_END:
        base = status.st_size;
        break;
    default:
        return AVERROR(EINVAL);
    }
    if (offset > 0 ? base > INT64_MAX - offset : base < -offset)
        return AVERROR(EINVAL);
    file->position = base + offset;
    return file->position;
}

static AVIOContext *video_file_new(int fd, bool write)
{
    struct video_file *file = av_mallocz(sizeof(*file));
    uint8_t *buffer = av_malloc(VIDEO_FILE_BUFFER);
    AVIOContext *io = NULL;
    if (file && buffer) {
        file->fd = fd;
        io = avio_alloc_context(buffer, VIDEO_FILE_BUFFER, write, file,
                                write ? NULL : video_file_read, write ? video_file_write : NULL,
                                video_file_seek);
    }
    if (!io) {
        av_free(buffer);
        av_free(file);
    }
    return io;
}

AVIOContext *video_file_reader(int fd)
{
    return video_file_new(fd, false);
}

AVIOContext *video_file_writer(int fd)
{
    return video_file_new(fd, true);
}

void video_file_close(AVIOContext **io)
{
    if (!*io)
        return;
    av_free((*io)->opaque);
    av_freep(&(*io)->buffer);
    avio_context_free(io);
}

static int video_file_refuse(AVFormatContext *context, AVIOContext **io, const char *url, int flags,
                             AVDictionary **options)
{
    (void)context;
    (void)io;
    (void)url;
    (void)flags;
    (void)options;
    return AVERROR(EPERM);
}

void video_file_isolate(AVFormatContext *context)
{
    context->io_open = video_file_refuse;
    context->flags |= AVFMT_FLAG_CUSTOM_IO;
}

#undef video_file_fault
int video_file_fault(int av_code, const char *doing, struct err *err)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    if (av_code == AVERROR(ENOSPC) || av_code == AVERROR(EFBIG) || av_code == AVERROR(EIO))
        return err_set(err, ERR_STORAGE, NULL, "The result could not be written: %s.",
                       av_make_error_string(text, sizeof(text), av_code));
    if (av_code == AVERROR(ENOMEM))
        return err_set(err, ERR_OUT_OF_MEMORY, NULL, "Memory ran out while %s.", doing);
    return err_set(err, ERR_INTERNAL, NULL, "The media library failed while %s: %s.", doing,
                   av_make_error_string(text, sizeof(text), av_code));
}
