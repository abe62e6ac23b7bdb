#include "tools/ferry/filetype.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *suffix, *type;
} types[] = {
    { "7z", "application/x-7z-compressed" },
    { "avi", "video/x-msvideo" },
    { "bz2", "application/x-bzip2" },
    { "csv", "text/csv" },
    { "flac", "audio/flac" },
    { "gif", "image/gif" },
    { "gz", "application/gzip" },
    { "heic", "image/heic" },
    { "html", "text/html" },
    { "iso", "application/vnd.efi.iso" },
    { "jpeg", "image/jpeg" },
    { "jpg", "image/jpeg" },
    { "json", "application/json" },
    { "m4a", "audio/mp4" },
    { "m4v", "video/mp4" },
    { "mkv", "video/matroska" },
    { "mov", "video/quicktime" },
    { "mp3", "audio/mpeg" },
    { "mp4", "video/mp4" },
    { "mpeg", "video/mpeg" },
    { "mpg", "video/mpeg" },
    { "mts", "video/mp2t" },
    { "ogg", "audio/ogg" },
    { "pdf", "application/pdf" },
    { "png", "image/png" },
    { "svg", "image/svg+xml" },
    { "tar", "application/x-tar" },
    { "txt", "text/plain" },
    { "wav", "audio/vnd.wave" },
    { "webm", "video/webm" },
    { "webp", "image/webp" },
    { "xml", "application/xml" },
    { "zip", "application/zip" },
    { "zst", "application/zstd" },
};

const char *filetype_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcasecmp(dot + 1, types[i].suffix) == 0)
            return types[i].type;
    return "application/octet-stream";
}
