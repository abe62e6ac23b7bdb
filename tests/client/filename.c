#include "tools/ferry/filename.h"

#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

static void check(const char *disposition, const char *url, const char *name)
{
    char *got = filename_of(disposition, url);
    assert_string_equal(got, name);
    free(got);
}

static void extended_names_win(void **state)
{
    (void)state;
    check("attachment; filename=a; filename*=UTF-8''%e2%82%ac%20b.txt", "http://h/x", "€ b.txt");
    check("attachment; filename*=utf-8'de'b ; filename=a", "http://h/x", "b");
    check("inline;FileName*=UTF-8''b", "http://h/x", "b");
}

static void extended_names_that_cannot_be_read_do_not(void **state)
{
    (void)state;
    check("attachment; filename*=iso-8859-1''%A4; filename=a", "http://h/x", "a");
    check("attachment; filename*=UTF-8; filename=a", "http://h/x", "a");
    check("attachment; filename*=UTF-8''; filename=a", "http://h/x", "a");
}

static void plain_names_are_tokens_or_quoted(void **state)
{
    (void)state;
    check("attachment; filename=a.txt; size=3", "http://h/x", "a.txt");
    check("attachment; filename = \"a;b \\\"c\\\".txt\"; x=y", "http://h/x", "a;b \"c\".txt");
    check("attachment; filename=\"unended", "http://h/x", "unended");
    check("filename=a", "http://h/x", "x");
    check("attachment; xfilename=a; filename", "http://h/x", "x");
}

static void urls_give_their_last_segment(void **state)
{
    (void)state;
    check(NULL, "http://h/a/b%20c.txt?d=/e#f/g", "b c.txt");
    check(NULL, "http://h/a/b/", "b");
    check(NULL, "http://h/", "download");
    check(NULL, "http://h", "download");
    check(NULL, "http://h?a/b", "download");
    check(NULL, "http://h/100%", "100%");
    check(NULL, "http://h/%2e%2e%2fx", "x");
}

static void nothing_unsafe_is_left(void **state)
{
    (void)state;
    check("a; filename=\"../../etc/passwd\"", "http://h/x", "passwd");
    check("a; filename=\"C:\\\\temp\\\\a.txt\"", "http://h/x", "a.txt");
    check("a; filename=\"..\"", "http://h/x", "_.");
    check("a; filename=\"/\"", "http://h/x", "_");
    check("a; filename*=UTF-8''a%E2%80%AEgpj.exe", "http://h/x", "a_gpj.exe");
    check("a; filename*=UTF-8''a%E2%81%A7%E2%80%A8%D8%9C%EF%BB%BFb", "http://h/x", "a____b");
    check("a; filename*=UTF-8''%F0%9F%91%A8%E2%80%8D%F0%9F%91%A9", "http://h/x",
          "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9"); /* joined: one picture */
    check("a; filename=\".bashrc\"", "http://h/x", "_bashrc");
    check("a; filename=\"-rf\"", "http://h/x", "_rf");
    check("a; filename*=UTF-8''a%0A%1Bb%7F%C2%85%FF", "http://h/x", "a__b___");
    check("a; filename*=UTF-8''a%00b", "http://h/x", "a");
}

static void long_names_are_cut_between_characters(void **state)
{
    char disposition[1024] = "a; filename=\"x";

    (void)state;
    for (int i = 0; i < 200; i++)
        (void)strcat(disposition, "é");
    char *name = filename_of(disposition, "http://h/x");
    assert_int_equal(strlen(name), 239);
    free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extended_names_win),
        cmocka_unit_test(extended_names_that_cannot_be_read_do_not),
        cmocka_unit_test(plain_names_are_tokens_or_quoted),
        cmocka_unit_test(urls_give_their_last_segment),
        cmocka_unit_test(nothing_unsafe_is_left),
        cmocka_unit_test(long_names_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
