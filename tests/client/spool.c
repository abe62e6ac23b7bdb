#include "tools/ferry/spool.h"

#include <string.h>
#include <unistd.h>

#include "tests/check.h"

enum {
    SIZE = 16
};

static int input[2];

static struct spool *spool_of(const char *text)
{
    struct spool *spool = NULL;

    assert_int_equal(pipe(input), 0);
    assert_int_equal(write(input[1], text, strlen(text)), (ssize_t)strlen(text));
    (void)close(input[1]);
    assert_int_equal(spool_new(input[0], SIZE, &spool), 0);
    return spool;
}

static void keeps_bytes_until_they_are_acknowledged(void **state)
{
    struct spool *spool = spool_of("0123456789abcdefghijklmnopqrstuvwxyz");
    char buffer[SIZE];

    (void)state;
    assert_int_equal(spool_fill(spool), 0);
    assert_int_equal(spool_end(spool), SIZE);
    assert_int_equal(spool_descriptor(spool), -1); /* full */
    assert_int_equal(spool_read(spool, 10, buffer, SIZE), 6);
    assert_memory_equal(buffer, "abcdef", 6);

    spool_acknowledge(spool, 12);
    assert_int_equal(spool_descriptor(spool), input[0]);
    assert_int_equal(spool_fill(spool), 0);
    assert_int_equal(spool_end(spool), 28);
    assert_int_equal(spool_read(spool, 12, buffer, SIZE), 4); /* up to the end of the ring */
    assert_memory_equal(buffer, "cdef", 4);
    assert_int_equal(spool_read(spool, 16, buffer, SIZE), 12);
    assert_memory_equal(buffer, "ghijklmnopqr", 12);
    spool_free(spool);
    (void)close(input[0]);
}

static void knows_its_length_at_the_end(void **state)
{
    struct spool *spool = spool_of("abc");
    uint64_t length = 77;

    (void)state;
    assert_int_equal(spool_fill(spool), 0);
    assert_false(spool_length(spool, &length));
    assert_int_equal(spool_fill(spool), 0);
    assert_true(spool_length(spool, &length));
    assert_int_equal(length, 3);
    assert_int_equal(spool_descriptor(spool), -1);
    spool_free(spool);
    (void)close(input[0]);
}

static void gathers_what_is_wanted_or_what_there_is(void **state)
{
    struct spool *spool = spool_of("0123456789");

    (void)state;
    assert_int_equal(spool_gather(spool, 0, 4), 0);
    assert_true(spool_end(spool) >= 4);
    assert_int_equal(spool_gather(spool, 0, UINT64_MAX), 0);
    assert_int_equal(spool_end(spool), 10);
    spool_free(spool);
    (void)close(input[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_bytes_until_they_are_acknowledged),
        cmocka_unit_test(knows_its_length_at_the_end),
        cmocka_unit_test(gathers_what_is_wanted_or_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
