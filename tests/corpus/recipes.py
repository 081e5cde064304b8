"""The steps that take media, each with the rest of its parameters: whatever is fed in as X meets the ways in which media/ reads it."""
from corpus import chunks, sounds
from corpus.pattern import pattern


def helpers(files):
    """The good inputs beside X."""
    return {"picture": chunks.png(pattern(32, 24).astype(int), 2), "video": files["silent.mp4"].read_bytes(), "loud": files["h264.mp4"].read_bytes(),
            "sound": sounds.silence(0.5)}


# (flow, parameters); "X" is the file under test, other words of helpers() stand for good files
PICTURES = [
    ("tile_grid_images", {"image_urls": ["X", "picture"], "grid_pattern": "2x1", "width": 128}),
    ("tile_grid_images", {"image_urls": ["X"], "grid_pattern": "1x1"}),
    ("split_grid_images", {"image_url": "X", "grid_pattern": "2x2"}),
    ("crop_to_content", {"image_url": "X"}),
    ("overlay_logo", {"image_url": "X", "logo_url": "picture"}),
    ("overlay_logo", {"image_url": "picture", "logo_url": "X"}),
    ("publish_frames_with_logo", {"image_urls": ["X"], "format": "png"}),
    ("replace_background", {"image_url": "X", "chroma_key_color": "#00FF00", "color": "#FF0000", "option": "ReplaceBackground"}),
    ("replace_background", {"image_url": "picture", "mask_url": "X"}),
    ("overlay_video", {"video_url": "video", "overlay_url": "X"}),
]
VIDEOS = [
    ("overlay_logo", {"video_url": "X", "logo_url": "picture"}),
    ("publish_video_with_logo", {"video_url": "X", "poster": True}),
    ("publish_video_with_logo", {"video_url": "X", "logo_url": "picture"}),
    ("publish_frames_with_logo", {"video_url": "X", "count": 2}),
    ("tile_grid_videos", {"video_urls": ["X", "video"], "grid_pattern": "2x1", "audio": "mix", "end": "longest"}),
    ("overlay_video", {"video_url": "X", "overlay_url": "video", "audio": "mix"}),
    ("overlay_video", {"video_url": "loud", "overlay_url": "X", "audio": "mix", "end": "shortest"}),
    ("video_audio_merge", {"video_url": "X", "audio_url": "sound"}),
    ("video_audio_merge", {"video_url": "X", "audio_url": "sound", "attach_mode": "SpeedAdjust", "keep_original": True}),
    ("video_audio_merge", {"video_url": "video", "audio_url": "X"}),
    ("crop_to_content", {"video_url": "X"}),
    ("replace_background", {"video_url": "X", "chroma_key_color": "#00FF00", "color": "#FF0000"}),
]
SOUNDS = [
    ("video_audio_merge", {"video_url": "video", "audio_url": "X"}),
    ("video_audio_merge", {"video_url": "loud", "audio_url": "X", "attach_mode": "MatchAudio", "keep_original": True, "volume": 0.5}),
    ("video_audio_merge", {"video_url": "video", "audio_url": "X", "attach_mode": "PadAudio", "fade_s": 0.1}),
]

PICTURE_ENDINGS = (".jpg", ".png", ".webp", ".gif", ".avif", ".heic")
SOUND_ENDINGS = (".wav", ".mp3", ".aac", ".m4a", ".ogg", ".flac")


def recipes_for(name):
    if name.endswith(PICTURE_ENDINGS):
        return PICTURES
    if name.endswith(SOUND_ENDINGS) or name.startswith("sound."):
        return SOUNDS
    return VIDEOS


def fill(params, file, others):
    """The parameters with the file under test in place of X, and the paths at which it stands."""
    filled, paths = {}, []
    for name, value in params.items():
        listed = value if isinstance(value, list) else [value]
        if name.endswith("_url") or name.endswith("_urls"):
            base = f"/{name}/" if isinstance(value, list) else f"/{name}"
            paths += [base + (str(i) if isinstance(value, list) else "") for i, word in enumerate(listed) if word == "X"]
            listed = [file if word == "X" else others[word] for word in listed]
        filled[name] = listed if isinstance(value, list) else listed[0]
    if params.get("attach_mode") == "SpeedAdjust":
        paths.append("/audio_url")  # its length is measured against that of X
    return filled, paths
