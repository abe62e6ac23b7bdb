#include "storage/lease.h"

#include "base/refusal.h"
#include "tests/check.h"

/* A lease that counts what happens to it. */
struct counted {
    struct lease lease;
    int ended, granted, result;
};

static void count_end(struct lease *lease)
{
    ((struct counted *)lease)->ended++;
}

static void count_granted(struct lease *lease, int result)
{
    struct counted *counted = (struct counted *)lease;

    counted->granted++;
    counted->result = result;
}

static struct counted counted_for(uint8_t id, uint64_t deadline_ms)
{
    return (struct counted){
        .lease = { .id = { .bytes = { id } },
                   .deadline_ms = deadline_ms,
                   .end = count_end,
                   .granted = count_granted },
    };
}

static int set_up(void **state)
{
    *state = lease_table_new();
    return *state == NULL;
}

static int tear_down(void **state)
{
    lease_table_free(*state);
    return 0;
}

static void different_uploads_do_not_meet(void **state)
{
    struct counted one = counted_for(1, 0), other = counted_for(2, 0);

    assert_true(lease_take(*state, &one.lease));
    assert_true(lease_take(*state, &other.lease));
    lease_release(*state, &one.lease);
    lease_release(*state, &other.lease);
    assert_int_equal(one.ended + other.ended + one.granted + other.granted, 0);
}

static void the_release_lets_the_waiter_in(void **state)
{
    struct counted holder = counted_for(1, 0), waiter = counted_for(1, 100);

    assert_true(lease_take(*state, &holder.lease));
    assert_false(lease_take(*state, &waiter.lease));
    assert_int_equal(holder.ended, 1);
    assert_int_equal(waiter.granted, 0);
    lease_release(*state, &holder.lease);
    assert_int_equal(waiter.granted, 1);
    assert_int_equal(waiter.result, 0);
    lease_expire(*state, 1000); /* its deadline means nothing any more */
    assert_int_equal(waiter.granted, 1);
    lease_release(*state, &waiter.lease);
}

static void the_newest_waiter_sends_the_older_away(void **state)
{
    struct counted holder = counted_for(1, 0), older = counted_for(1, 9),
                   newest = counted_for(1, 9);

    assert_true(lease_take(*state, &holder.lease));
    assert_false(lease_take(*state, &older.lease));
    assert_false(lease_take(*state, &newest.lease));
    assert_int_equal(holder.ended, 1); /* once */
    assert_int_equal(older.result, REFUSED_ENDED);
    lease_release(*state, &holder.lease);
    assert_int_equal(newest.granted, 1);
    assert_int_equal(older.granted, 1);
    lease_release(*state, &newest.lease);
}

static void patience_ends_at_the_deadline(void **state)
{
    struct counted holder = counted_for(1, 0), waiter = counted_for(1, 100);

    assert_true(lease_take(*state, &holder.lease));
    assert_false(lease_take(*state, &waiter.lease));
    lease_expire(*state, 99);
    assert_int_equal(waiter.granted, 0);
    lease_expire(*state, 100);
    assert_int_equal(waiter.result, REFUSED_LOCKED);
    lease_release(*state, &holder.lease);
    assert_int_equal(waiter.granted, 1);
}

static void trying_disturbs_nobody(void **state)
{
    struct counted holder = counted_for(1, 0), trier = counted_for(1, 0);

    assert_true(lease_take(*state, &holder.lease));
    assert_false(lease_try(*state, &trier.lease));
    assert_int_equal(holder.ended, 0);
    lease_release(*state, &holder.lease);
    assert_true(lease_try(*state, &trier.lease));
    lease_release(*state, &trier.lease);
}

static void who_is_silenced_is_not_told(void **state)
{
    struct counted holder = counted_for(1, 0), waiter = counted_for(1, 100);

    assert_true(lease_take(*state, &holder.lease));
    lease_silence(*state, &holder.lease);
    assert_false(lease_take(*state, &waiter.lease));
    assert_int_equal(holder.ended, 0);
    lease_release(*state, &holder.lease);
    assert_int_equal(waiter.result, 0);
    lease_release(*state, &waiter.lease);
}

#define LEASE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEASE_TEST(different_uploads_do_not_meet),
        LEASE_TEST(the_release_lets_the_waiter_in),
        LEASE_TEST(the_newest_waiter_sends_the_older_away),
        LEASE_TEST(patience_ends_at_the_deadline),
        LEASE_TEST(trying_disturbs_nobody),
        LEASE_TEST(who_is_silenced_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
