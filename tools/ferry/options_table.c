#include "tools/ferry/options_private.h"

#include <assert.h>

/* clang-format off */
#define TOUCHES (COMMAND_PUT | COMMAND_GET | COMMAND_VERIFY | COMMAND_STATUS | COMMAND_REMOVE)
#define OPERATES (COMMAND_LIST | COMMAND_TOP)
#define ALL (TOUCHES | OPERATES | COMMAND_DOCTOR)
#define MOVES (COMMAND_PUT | COMMAND_GET)
#define AT(member) offsetof(struct options, member)
const struct option_row option_rows[] = {
    { 'r', "recursive", NULL, "upload what is in folders, and in folders in them",
      COMMAND_PUT, KIND_SWITCH, AT(recursive), 0, 0 },
    { 'j', "jobs", "N", "so many uploads at a time (default 1)",
      COMMAND_PUT, KIND_NUMBER, AT(jobs), 1, OPTIONS_JOBS_MAX },
    { 0, "parallel", "N", "send large files in so many parts at a time (default 1)",
      COMMAND_PUT, KIND_NUMBER, AT(parallel), 1, OPTIONS_PARALLEL_MAX },
    { 0, "protocol", "NAME", "tus (tus 1.0.0, default) or ietf (resumable uploads for HTTP)",
      COMMAND_PUT, KIND_PROTOCOL, 0, 0, 0 },
    { 0, "metadata", "KEY=VALUE", "tell the server something about the file; may be repeated.\n"
      "filename, filetype and relativePath are told unless they are given here",
      COMMAND_PUT, KIND_METADATA, 0, 0, 0 },
    { 'f', "follow", NULL, "stay until it is complete, with a bar of how it goes on",
      COMMAND_STATUS, KIND_SWITCH, AT(follow), 0, 0 },
    { 0, "state", "STATE", "only uploads that somebody is sending (active), that nobody is\n"
      "sending (stalled), or that are complete, invalidated or damaged",
      COMMAND_LIST, KIND_TEXT, AT(state), 0, 0 },
    { 0, "older", "AGE", "only uploads that were created so long ago, or longer: seconds, or\n"
      "such as 15m, 2h, 7d",
      COMMAND_LIST, KIND_AGE, AT(older_s), 1, 4000000000 },
    { 0, "newer", "AGE", "only uploads that were created so long ago at most",
      COMMAND_LIST, KIND_AGE, AT(newer_s), 1, 4000000000 },
    { 0, "metadata", "KEY[=VALUE]", "only uploads with this key in their metadata, or with this value\n"
      "of it", COMMAND_LIST, KIND_TEXT, AT(with_metadata), 0, 0 },
    { 0, "limit", "N", "no more of them (default 100)",
      COMMAND_LIST, KIND_NUMBER, AT(limit), 1, 1000000000 },
    { 0, "api-token-file", "FILE", "the operator's token is in this file, for a URL (default:\n"
      "$FERRY_API_TOKEN_FILE)",
      OPERATES, KIND_TEXT, AT(api_token_file), 0, 0 },
    { 'o', "output", "FILE", "save it under this name, or write it to standard output (-);\n"
      "default: the name that the server tells, or the URL's last part",
      COMMAND_GET, KIND_TEXT, AT(output), 0, 0 },
    { 0, "force", NULL, "replace a file that is there already",
      COMMAND_GET, KIND_SWITCH, AT(force), 0, 0 },
    { 0, "checksum", "ALGORITHM", "let the server check every chunk: sha1, sha256, sha512, md5, crc32\n"
      "or blake2b (ietf: sha256 or sha512); chunks are of 16M then, unless\n--chunk-size is given",
      COMMAND_PUT, KIND_CHECKSUM, 0, 0, 0 },
    { 0, "no-digest", NULL, "do not compare with the digest that the server tells at the end",
      MOVES, KIND_SWITCH, AT(no_digest), 0, 0 },
    { 0, "chunk-size", "BYTES", "send no more in one request (default: the rest of the file)",
      COMMAND_PUT, KIND_SIZE, AT(chunk_size), 1, INT64_MAX },
    { 0, "limit-rate", "BYTES", "send or receive no more in one second (default: no limit)",
      MOVES, KIND_SIZE, AT(limit_rate), 1, 1ULL << 40 },
    { 0, "header", "'NAME: VALUE'",
      "send this with every request, a token for example; may be repeated",
      ALL, KIND_HEADER, 0, 0, 0 },
    { 0, "timeout", "SECONDS", "a connection on which no byte moves for so long is lost\n"
      "(default 60; 0 waits for ever)", ALL, KIND_NUMBER, AT(timeout_s), 0, 86400 },
    { 0, "retry-time", "SECONDS", "give up after so long without progress (default 600 for put,\n"
      "get and status --follow, 10 for the others; 0 never gives up)",
      TOUCHES | COMMAND_LIST | COMMAND_DOCTOR, KIND_NUMBER, AT(retry_time_s), 0, 1000000000 },
    { 0, "retry-delay", "MS", "wait about so long before the second try, then twice as long each\n"
      "time, up to 30 s (default 1000)",
      TOUCHES | COMMAND_LIST | COMMAND_DOCTOR, KIND_NUMBER, AT(retry_delay_ms), 1, 30000 },
    { 0, "json", NULL, "write one JSON object per line on standard output",
      MOVES | COMMAND_VERIFY | COMMAND_STATUS | COMMAND_LIST | COMMAND_DOCTOR, KIND_SWITCH, AT(json), 0, 0 },
    { 0, "quiet", NULL, "say nothing but errors; standard output stays what it is",
      TOUCHES | COMMAND_LIST | COMMAND_DOCTOR,
      KIND_SWITCH, AT(quiet), 0, 0 },
    { 'h', "help", NULL, "print this and exit", ALL, KIND_HELP, 0, 0, 0 },
    { 0, "version", NULL, "print the version and exit", ALL, KIND_VERSION, 0, 0, 0 },
};
#undef MOVES
#undef ALL
#undef OPERATES
#undef TOUCHES
#undef AT
/* clang-format on */

const size_t option_row_count = sizeof(option_rows) / sizeof(option_rows[0]);
static_assert(sizeof(option_rows) / sizeof(option_rows[0]) <= OPTION_ROWS_MAX, "room in options.c");

const struct command_row command_rows[] = {
    {
        "put",
        COMMAND_PUT,
        2,
        SIZE_MAX,
        "FILE... URL",
        "upload files, folders or standard input",
        "Uploads files to the upload endpoint URL and prints the URL of each upload on standard\n"
        "output. FILE may be -, standard input, and with --recursive a folder.\n"
        "\n"
        "What breaks is taken up again by itself. After ferry was stopped, or the machine was,\n"
        "run the same command again: it goes on where the server is.\n"
        "\n"
        "    ferry put holiday.mp4 http://127.0.0.1:1080/files/\n"
        "    ferry put --recursive --jobs 4 photos http://127.0.0.1:1080/files/\n"
        "    tar c photos | ferry put --metadata filename=photos.tar - http://127.0.0.1:1080/files/\n",
    },
    {
        "get",
        COMMAND_GET,
        1,
        1,
        "URL",
        "download a file",
        "Downloads a file to the folder you are in and prints its name. Until all of it is there\n"
        "it is called NAME.part. Run the same command again after an interruption: it goes on\n"
        "where it was. Nothing is overwritten without --force.\n"
        "\n"
        "    ferry get http://127.0.0.1:1080/files/34923c632fdccd2cc65cbc9f3721c28a\n"
        "    ferry get -o - http://127.0.0.1:1080/files/34923c632fdccd2cc65cbc9f3721c28a | tar x\n",
    },
    {
        "verify",
        COMMAND_VERIFY,
        2,
        2,
        "FILE URL",
        "compare a file with an upload, without a download",
        "Compares a file with an upload by the digest that the server tells. Exit status 0 when\n"
        "they are equal, 1 when they differ or the server tells no digest.\n"
        "\n"
        "    ferry verify holiday.mp4 http://127.0.0.1:1080/files/34923c632fdccd2cc65cbc9f3721c28a\n",
    },
    {
        "status",
        COMMAND_STATUS,
        1,
        1,
        "URL",
        "tell how far an upload is",
        "Tells how far an upload is, and what the server knows of it. Whoever is sending it is not\n"
        "disturbed. With --follow it stays until the upload is complete: exit status 0; or until\n"
        "there is nothing left to wait for: 1.\n",
    },
    {
        "rm",
        COMMAND_REMOVE,
        1,
        1,
        "URL",
        "remove an upload from the server",
        "Removes an upload from the server, complete or not.\n",
    },
    {
        "ls",
        COMMAND_LIST,
        0,
        1,
        "[SERVER]",
        "list a server's uploads, for its operator",
        "Lists uploads, newest first. SERVER is where ferryd listens for its operator\n"
        "(--admin-listen): its data folder, in which the socket is, the socket itself, or a URL,\n"
        "which needs the token. Without it: $FERRY_ADMIN, or the folder data.\n"
        "\n"
        "    ferry ls /var/lib/ferryd --state stalled --older 2h\n"
        "    ferry ls http://10.0.0.1:1081 --api-token-file token --metadata filename=holiday.mp4\n",
    },
    {
        "top",
        COMMAND_TOP,
        0,
        1,
        "[SERVER]",
        "watch a server's uploads, for its operator",
        "Shows who is sending what, how fast, what has stalled, and how the server is. SERVER is as\n"
        "in ferry ls. q quits.\n",
    },
    {
        "doctor",
        COMMAND_DOCTOR,
        1,
        1,
        "URL",
        "examine the way to an upload endpoint",
        "Tries with small uploads, which it removes again, whether something between here and the\n"
        "upload endpoint URL holds back bodies, limits their size, drops interim responses or\n"
        "fields, changes Location, or refuses methods. One line per check, and what to do about a\n"
        "problem. Exit status 0 when there is none.\n",
    },
};

const size_t command_row_count = sizeof(command_rows) / sizeof(command_rows[0]);
