/*
 * What coded pictures say beside what they show: encoders name themselves there, and cameras their owner and place. Internal to the
 * video files of media/.
 */
#ifndef MEDIA_VIDEO_PRIVATE_H
#define MEDIA_VIDEO_PRIVATE_H

#include <libavcodec/packet.h>

/* Takes the units with unregistered user data out of a picture of H.264 whose units have lengths of `length_size` bytes (1 to 4)
 * before them. Leaves a damaged packet as it is from its first fault on. 0, or a fault of libavcodec. */
int video_private_strip(AVPacket *packet, int length_size);

#endif
