#include "server/options.h"

#include <stdbool.h>
#include <stdlib.h>

#include "tests/base/stderr.h"

/* Parses a command line of words with blanks between them; standard error goes to text. */
static enum options_result parse(const char *line, struct options *ret_options,
                                 char text[static 512])
{
    static char words[512]; /* options point into it */
    char *argv[16] = { words };
    int count = 0;

    (void)snprintf(words, sizeof(words), "ferryd %s", line);
    for (char *rest = words; (argv[count] = strtok_r(rest, " ", &rest)) != NULL;)
        count++;

    struct stderr_capture capture = stderr_capture();
    enum options_result result = options_parse(count, argv, ret_options);
    (void)stderr_captured(capture, text, 512);
    return result;
}

static void has_defaults(void **state)
{
    struct options options;
    char text[512];

    (void)state;
    assert_int_equal(parse("", &options, text), OPTIONS_RUN);
    assert_int_equal(options.listen_count, 1);
    assert_string_equal(options.listen[0], "127.0.0.1:1080");
    assert_true(options.threads >= 1);
    assert_int_equal(options.max_connections, 10000);
    assert_int_equal(options.max_connections_per_address, 0);
    assert_int_equal(options.log_level, LOG_LEVEL_INFO);
    assert_false(options.materialise);
    assert_null(options.admin_listen);
    assert_null(options.api_token_file);
    assert_null(options.user);
    assert_true(options.sandbox);
    assert_string_equal(text, "");
    options_done(&options);
}

static void reads_flags(void **state)
{
    struct options options;
    char text[512];

    (void)state;
    assert_int_equal(parse("--listen=[::1]:0 --listen unix:/run/ferry.sock --threads 3"
                           " --log-level debug --admin-listen none --api-token-file /run/t",
                           &options, text),
                     OPTIONS_RUN);
    assert_int_equal(options.listen_count, 2);
    assert_string_equal(options.listen[0], "[::1]:0");
    assert_string_equal(options.listen[1], "unix:/run/ferry.sock");
    assert_string_equal(options.admin_listen, "none");
    assert_string_equal(options.api_token_file, "/run/t");
    assert_int_equal(options.threads, 3);
    assert_int_equal(options.log_level, LOG_LEVEL_DEBUG);
    options_done(&options);
}

static void reads_sizes_and_paths(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        { "--max-size 0", 0 },
        { "--max-size 1048576", 1048576 },
        { "--max-size 64M", 64ULL << 20 },
        { "--max-size 1K", 1024 },
        { "--max-size 8191P", 0 },
        { "--max-size 8388607T", 8388607ULL << 40 },
        { "--max-size 8388608T", 0 },
        { "--max-size M", 0 },
        { "--max-size 1.5G", 0 },
        { "--max-size -1", 0 },
    };
    static const char *const bad_paths[] = { "--base-path files/", "--base-path /files",
                                             "--base-path /a*/", "--base-path /a?b/",
                                             "--base-path /%41/" };
    struct options options;
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool good = cases[i].bytes > 0 || i == 0;
        assert_int_equal(parse(cases[i].text, &options, text), good ? OPTIONS_RUN : OPTIONS_BAD);
        assert_true(!good || options.max_size == cases[i].bytes);
        options_done(&options);
    }
    assert_int_equal(parse("--base-path / --data x", &options, text), OPTIONS_RUN);
    assert_string_equal(options.base_path, "/");
    assert_string_equal(options.data, "x");
    options_done(&options);
    for (size_t i = 0; i < sizeof(bad_paths) / sizeof(bad_paths[0]); i++) {
        assert_int_equal(parse(bad_paths[i], &options, text), OPTIONS_BAD);
        options_done(&options);
    }
}

static void reads_what_is_kept_of_uploads(void **state)
{
    static const char *const bad[] = { "--digest md5",       "--digest sha512",
                                       "--digest SHA256",    "--digest blake2",
                                       "--remember-gone -1", "--remember-gone never" };
    struct options options;
    char text[512];

    (void)state;
    assert_int_equal(parse("", &options, text), OPTIONS_RUN);
    assert_int_equal(options.digest, DIGEST_BLAKE2B);
    assert_int_equal(options.expire_after_s, 7 * 86400);
    assert_int_equal(options.remember_gone_s, 30 * 86400);
    options_done(&options);
    assert_int_equal(parse("--digest sha256 --remember-gone 0", &options, text), OPTIONS_RUN);
    assert_int_equal(options.digest, DIGEST_SHA256);
    assert_int_equal(options.remember_gone_s, 0);
    options_done(&options);
    assert_int_equal(parse("--digest none", &options, text), OPTIONS_RUN);
    assert_int_equal(options.digest, DIGEST_NONE);
    options_done(&options);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(bad[i], &options, text), OPTIONS_BAD);
        options_done(&options);
    }
}

static void reads_origins(void **state)
{
    static const char *const bad[] = { "--cors-origin app.example",
                                       "--cors-origin https://a.example/",
                                       "--cors-origin https://a.example:443", "--cors-origin null",
                                       "--cors-origin *,https://a.example" };
    struct options options;
    char text[512];

    (void)state;
    assert_int_equal(parse("", &options, text), OPTIONS_RUN);
    assert_string_equal(options.cors_origins, "*");
    options_done(&options);
    assert_int_equal(parse("--cors-origin https://a.example,http://b.example:8080", &options, text),
                     OPTIONS_RUN);
    assert_string_equal(options.cors_origins, "https://a.example,http://b.example:8080");
    options_done(&options);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(bad[i], &options, text), OPTIONS_BAD);
        assert_non_null(strstr(text, "origins are wanted"));
        options_done(&options);
    }
}

static void a_flag_wins_over_the_environment(void **state)
{
    struct options options;
    char text[512];

    (void)state;
    (void)setenv("FERRY_IDLE_TIMEOUT", "9", 1);
    (void)setenv("FERRY_HEADER_TIMEOUT", "11", 1);
    (void)setenv("FERRY_LISTEN", "127.0.0.1:0,unix:/a", 1);
    assert_int_equal(parse("--idle-timeout 7", &options, text), OPTIONS_RUN);
    (void)unsetenv("FERRY_IDLE_TIMEOUT");
    (void)unsetenv("FERRY_HEADER_TIMEOUT");
    (void)unsetenv("FERRY_LISTEN");
    assert_int_equal(options.idle_timeout_s, 7);
    assert_int_equal(options.header_timeout_s, 11);
    assert_int_equal(options.listen_count, 2);
    assert_string_equal(options.listen[1], "unix:/a");
    options_done(&options);
}

static void reads_when_to_materialise(void **state)
{
    struct options options;
    char text[512];

    (void)state;
    assert_int_equal(parse("--materialise always", &options, text), OPTIONS_RUN);
    assert_true(options.materialise);
    options_done(&options);

    (void)setenv("FERRY_MATERIALISE", "always", 1);
    assert_int_equal(parse("--materialise never", &options, text), OPTIONS_RUN);
    (void)unsetenv("FERRY_MATERIALISE");
    assert_false(options.materialise);
    options_done(&options);

    assert_int_equal(parse("--materialise sometimes", &options, text), OPTIONS_BAD);
    assert_non_null(strstr(text, "always or never is wanted"));
    options_done(&options);
}

static void reads_what_proxies_need(void **state)
{
    struct address address;
    struct options options;
    char text[512];

    (void)state;
    assert_int_equal(parse("", &options, text), OPTIONS_RUN);
    assert_null(options.public_url);
    assert_int_equal(options.trusted_proxies.count, 0);
    assert_int_equal(options.log_format, LOG_FORMAT_TEXT);

    assert_int_equal(parse("--public-url https://a.example:8443/in/ --log-format json"
                           " --trusted-proxies 10.0.0.0/8,unix",
                           &options, text),
                     OPTIONS_RUN);
    assert_string_equal(options.public_url, "https://a.example:8443/in/");
    assert_int_equal(options.log_format, LOG_FORMAT_JSON);
    assert_true(address_parse(bytes_of_text("10.1.2.3"), &address));
    assert_true(networks_have(&options.trusted_proxies, &address));
    assert_int_equal(parse("--public-url forwarded", &options, text), OPTIONS_RUN);
    assert_int_equal(parse("--public-url http://[::1]/", &options, text), OPTIONS_RUN);
    options_done(&options);
}

static void says_one_line_about_what_is_wrong(void **state)
{
    static const char *const cases[] = {
        "--threads 0",
        "--threads many",
        "--idle-timeout -1",
        "--log-level loud",
        "--min-size 2K --max-size 2047",
        "--min-append-size 11 --max-append-size 10",
        "--log-format xml",
        "--trusted-proxies localhost",
        "--trusted-proxies 10.0.0.1/8",
        "--public-url /files/",
        "--public-url https://a.example",
        "--public-url https://a.example/files",
        "--public-url https://a@b.example/",
        "--public-url ftp://a.example/",
        "--no-such-option",
        "--threads",
        "data",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct options options;
        char text[512];
        assert_int_equal(parse(cases[i], &options, text), OPTIONS_BAD);
        assert_int_equal(strncmp(text, "ferryd: ", 8), 0);
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
        options_done(&options);
    }
}

static void a_wrong_environment_is_named(void **state)
{
    struct options options;
    char text[512];

    (void)state;
    (void)setenv("FERRY_THREADS", "x", 1);
    assert_int_equal(parse("", &options, text), OPTIONS_BAD);
    (void)unsetenv("FERRY_THREADS");
    assert_non_null(strstr(text, "FERRY_THREADS x"));
    options_done(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_defaults),
        cmocka_unit_test(reads_flags),
        cmocka_unit_test(reads_sizes_and_paths),
        cmocka_unit_test(reads_what_is_kept_of_uploads),
        cmocka_unit_test(reads_origins),
        cmocka_unit_test(reads_when_to_materialise),
        cmocka_unit_test(a_flag_wins_over_the_environment),
        cmocka_unit_test(reads_what_proxies_need),
        cmocka_unit_test(says_one_line_about_what_is_wrong),
        cmocka_unit_test(a_wrong_environment_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
