/*
 * ferry
 *
 * Exit status: 0 when all of it has arrived, 1 when not, 2 when the command line is wrong. Stopped
 * by a signal, it ends by that signal.
 */
#include <curl/curl.h>
#include <stdio.h>

#include "tools/ferry/doctor.h"
#include "tools/ferry/get.h"
#include "tools/ferry/list.h"
#include "tools/ferry/options.h"
#include "tools/ferry/put.h"
#include "tools/ferry/remove.h"
#include "tools/ferry/say.h"
#include "tools/ferry/status.h"
#include "tools/ferry/stop.h"
#include "tools/ferry/text.h"
#include "tools/ferry/top.h"
#include "tools/ferry/verify.h"

static int command_run(const struct options *options)
{
    if (stop_start() != 0)
        return 1;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        say_error("libcurl cannot be used");
        return 1;
    }

    if (options->json || options->quiet)
        say_only_errors();
    int result = 1;
    switch (options->command) {
    case COMMAND_PUT: result = put(options); break;
    case COMMAND_GET: result = get(options); break;
    case COMMAND_VERIFY: result = verify(options); break;
    case COMMAND_STATUS: result = status(options); break;
    case COMMAND_REMOVE: result = remove_upload(options); break;
    case COMMAND_LIST: result = list(options); break;
    case COMMAND_TOP: result = top(options); break;
    case COMMAND_DOCTOR: result = doctor(options); break;
    }
    curl_global_cleanup();
    return result;
}

int main(int argc, char **argv)
{
    struct options options;
    int result = 2;

    text_start();
    switch (options_parse(argc, argv, &options)) {
    case OPTIONS_HELP:
        options_print_help(&options, stdout);
        result = fflush(stdout) == 0 ? 0 : 1;
        break;
    case OPTIONS_VERSION:
        (void)puts("ferry " FERRY_VERSION);
        result = fflush(stdout) == 0 ? 0 : 1;
        break;
    case OPTIONS_BAD: break;
    case OPTIONS_RUN: result = command_run(&options); break;
    }
    options_done(&options);
    stop_end();
    return result;
}
