#include "server/connections.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/refusal.h"
#include "tests/check.h"

/* Sockets whose other ends are ours. */
struct ends {
    int server, client;
    uint64_t id;
};

static struct connections *connections_of(size_t maximum, size_t per_address)
{
    struct connections *connections = NULL;
    struct connections_options options = { .maximum = maximum,
                                           .per_address_maximum = per_address,
                                           .kept_maximum = 3,
                                           .first_byte_timeout_ms = 3600000 };
    assert_int_equal(connections_new(&options, &connections), 0);
    return connections;
}

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage storage = { 0 };
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;

    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        v4->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        v6->sin6_family = AF_INET6;
    else
        storage.ss_family = AF_UNIX;
    return storage;
}

static int admit(struct connections *connections, const char *text, struct ends *ret_ends)
{
    struct sockaddr_storage from = address(text);
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    *ret_ends = (struct ends){ .server = pair[0], .client = pair[1] };
    int r = connections_admit(connections, pair[0], (struct sockaddr *)&from, sizeof(from),
                              &ret_ends->id);
    if (r != 0) {
        assert_int_equal(close(pair[0]), 0);
        assert_int_equal(close(pair[1]), 0);
    }
    return r;
}

static void leave(struct connections *connections, const struct ends *ends)
{
    connections_leave(connections, ends->server);
    assert_int_equal(fcntl(ends->server, F_GETFD), -1); /* it was silent: closed */
    assert_int_equal(close(ends->client), 0);
}

static void counts_in_all(void **state)
{
    struct connections *connections = connections_of(2, 2);
    struct ends one, two, three;

    (void)state;
    assert_int_equal(admit(connections, "10.0.0.1", &one), 0);
    assert_int_equal(admit(connections, "10.0.0.2", &two), 0);
    assert_int_equal(admit(connections, "10.0.0.3", &three), REFUSED_OVERLOADED);
    leave(connections, &one);
    assert_int_equal(admit(connections, "10.0.0.3", &three), 0);
    assert_int_equal(connections_count(connections), 2);
    leave(connections, &two);
    leave(connections, &three);
    connections_free(connections);
}

static void counts_per_address_and_per_ipv6_network(void **state)
{
    static const struct {
        const char *address;
        int result;
    } cases[] = {
        { "10.0.0.1", 0 },
        { "10.0.0.1", REFUSED_OVERLOADED },
        { "10.0.0.2", 0 },
        { "2001:db8:0:1::1", 0 },
        { "2001:db8:0:1::2", REFUSED_OVERLOADED },
        { "2001:db8:0:2::1", 0 },
    };
    struct connections *connections = connections_of(100, 1);
    struct ends ends[6];

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(admit(connections, cases[i].address, &ends[i]), cases[i].result);
    assert_int_equal(connections_count(connections), 4);
    leave(connections, &ends[0]);
    assert_int_equal(admit(connections, "10.0.0.1", &ends[1]), 0);
    leave(connections, &ends[1]);
    leave(connections, &ends[3]);
    assert_int_equal(admit(connections, "2001:db8:0:1::2", &ends[4]), 0);
    leave(connections, &ends[2]);
    leave(connections, &ends[4]);
    leave(connections, &ends[5]);
    connections_free(connections);
}

static void does_not_tell_local_clients_apart(void **state)
{
    struct connections *connections = connections_of(3, 1);
    struct ends ends[4];

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(admit(connections, "unix", &ends[i]), 0);
    assert_int_equal(admit(connections, "unix", &ends[3]), REFUSED_OVERLOADED);
    for (int i = 0; i < 3; i++)
        leave(connections, &ends[i]);
    connections_free(connections);
}

static void hands_on_who_speaks_and_closes_who_does_not(void **state)
{
    struct connections *connections = connections_of(3, 3);
    struct ends speaks, ends_at_once;
    struct arrival arrival = { .fd = -1 };
    atomic_size_t load = 0;

    (void)state;
    assert_int_equal(admit(connections, "10.0.0.1", &speaks), 0);
    assert_int_equal(admit(connections, "10.0.0.1", &ends_at_once), 0);
    assert_false(connections_event(connections, speaks.id, &arrival)); /* nothing is there yet */

    assert_int_equal(write(speaks.client, "G", 1), 1);
    assert_true(connections_event(connections, speaks.id, &arrival));
    assert_int_equal(arrival.fd, speaks.server);
    assert_int_equal(close(ends_at_once.client), 0);
    assert_false(connections_event(connections, ends_at_once.id, &arrival));
    assert_int_equal(connections_count(connections), 1);

    connections_assign(connections, speaks.server, &load);
    assert_int_equal(load, 1);
    connection_close(connections, connection_open(connections, speaks.server));
    assert_int_equal(load, 0);
    assert_int_equal(close(speaks.server), 0);
    assert_int_equal(close(speaks.client), 0);
    connections_free(connections);
}

/* What arrives: a connection on a loop. */
static struct connection *arrive(struct connections *connections, struct ends *ret_ends,
                                 atomic_size_t *load)
{
    struct arrival arrival;

    assert_int_equal(admit(connections, "10.0.0.1", ret_ends), 0);
    assert_int_equal(write(ret_ends->client, "G", 1), 1);
    assert_true(connections_event(connections, ret_ends->id, &arrival));
    connections_assign(connections, arrival.fd, load);
    return connection_open(connections, arrival.fd);
}

static void go(struct connections *connections, struct connection *connection,
               const struct ends *ends)
{
    connection_close(connections, connection);
    assert_int_equal(close(ends->server), 0);
    assert_int_equal(close(ends->client), 0);
}

/* However many there are; and none where there is not much room for those with a request. */
static void keeps_only_so_many_without_a_request(void **state)
{
    enum {
        KEPT = 3,
        MOST = 20
    };
    struct connections *connections = connections_of(MOST, MOST);
    struct connection *opened[MOST];
    struct ends ends[MOST];
    atomic_size_t load = 0;

    (void)state;
    for (size_t i = 0; i < MOST / 2; i++)
        opened[i] = arrive(connections, &ends[i], &load);
    for (size_t i = 0; i < MOST / 2; i++)
        assert_int_equal(connection_keep(connections, opened[i]), i < KEPT);
    assert_true(connection_keep(connections, opened[0])); /* once and for all */
    go(connections, opened[0], &ends[0]);
    assert_true(connection_keep(connections, opened[KEPT]));
    assert_false(connection_keep(connections, opened[KEPT + 1]));
    connection_detach(connections, opened[1]); /* it has no memory in libmicrohttpd any more */
    assert_true(connection_keep(connections, opened[KEPT + 1]));
    connection_close(connections, opened[1]);
    assert_int_equal(close(ends[1].client) | close(ends[1].server), 0);
    opened[1] = arrive(connections, &ends[1], &load);

    opened[0] = arrive(connections, &ends[0], &load);
    opened[MOST / 2] = arrive(connections, &ends[MOST / 2], &load);
    assert_false(connection_keep(connections, opened[1]));
    for (size_t i = 0; i <= MOST / 2; i++)
        go(connections, opened[i], &ends[i]);
    connections_free(connections);
}

static void tells_of_the_end_of_a_client_but_not_of_somebody_elses(void **state)
{
    struct connections *connections = connections_of(3, 3);
    struct ends old, new;
    struct arrival arrival;
    atomic_size_t load = 0;
    char byte;

    (void)state;
    connection_close(connections, arrive(connections, &old, &load));
    assert_int_equal(close(old.server), 0);

    /* The next one gets the same descriptor; an event of the old one is still to come. */
    struct connection *connection = arrive(connections, &new, &load);
    assert_int_equal(new.server, old.server);
    assert_false(connections_event(connections, old.id, &arrival));
    assert_int_equal(recv(new.server, &byte, 1, MSG_DONTWAIT), 1);
    assert_int_equal(recv(new.server, &byte, 1, MSG_DONTWAIT), -1); /* still open */

    assert_false(connections_event(connections, new.id, &arrival));
    assert_int_equal(recv(new.server, &byte, 1, MSG_DONTWAIT), 0); /* shut down */
    connection_close(connections, connection);
    assert_int_equal(close(new.server), 0);
    assert_int_equal(close(new.client), 0);
    assert_int_equal(close(old.client), 0);
    connections_free(connections);
}

static void one_that_has_left_its_loop_is_counted_and_nothing_else(void **state)
{
    struct connections *connections = connections_of(2, 1);
    struct ends left, half_closed, next, refused;
    struct arrival arrival;
    atomic_size_t load = 0;
    char byte;

    (void)state;
    struct connection *connection = arrive(connections, &left, &load);
    connection_detach(connections, connection);
    assert_int_equal(load, 0);
    assert_int_equal(admit(connections, "10.0.0.1", &refused), REFUSED_OVERLOADED);
    assert_int_equal(connections_count(connections), 1);

    /* Its descriptor, which its loop closes, may be another's. */
    int own = fcntl(left.server, F_DUPFD_CLOEXEC, 100);
    assert_int_equal(close(left.server), 0);
    assert_int_equal(admit(connections, "10.0.0.2", &next), 0);
    assert_int_equal(next.server, left.server);
    assert_int_equal(connections_count(connections), 2);
    assert_false(connections_event(connections, left.id, &arrival));
    assert_int_equal(recv(own, &byte, 1, MSG_DONTWAIT), 1);
    assert_int_equal(recv(own, &byte, 1, MSG_DONTWAIT), -1); /* still open */

    connection_close(connections, connection);
    assert_int_equal(connections_count(connections), 1);
    leave(connections, &next);
    assert_int_equal(close(own), 0);
    assert_int_equal(close(left.client), 0);

    /* It is not told of any more that the client has shut down its side. */
    connection = arrive(connections, &half_closed, &load);
    assert_false(connections_event(connections, half_closed.id, &arrival));
    connection_detach(connections, connection);
    assert_int_not_equal(connections_expire(connections), -1);
    connection_close(connections, connection);
    assert_int_equal(connections_expire(connections), -1);
    assert_int_equal(close(half_closed.server), 0);
    assert_int_equal(close(half_closed.client), 0);
    connections_free(connections);
}

static void a_record_that_was_closed_silently_is_mended(void **state)
{
    struct connections *connections = connections_of(1, 1);
    struct ends lost, next;
    atomic_size_t load = 0;

    (void)state;
    (void)arrive(connections, &lost, &load);
    assert_int_equal(close(lost.server), 0); /* by libmicrohttpd, without a word */
    assert_int_equal(load, 1);
    assert_int_equal(admit(connections, "10.0.0.1", &next), 0);
    assert_int_equal(next.server, lost.server);
    assert_int_equal(connections_count(connections), 1);
    assert_int_equal(load, 0);
    leave(connections, &next);
    assert_int_equal(close(lost.client), 0);
    connections_free(connections);
}

/* With no time at all, whatever waits for a request is overdue at once. */
static void ends_what_waits_for_a_request_too_long(void **state)
{
    struct connections *connections = connections_of(3, 3);
    struct ends arriving, busy;
    atomic_size_t load = 0;
    char text[512];

    (void)state;
    struct connection *one = arrive(connections, &arriving, &load);
    struct connection *other = arrive(connections, &busy, &load);
    connection_busy(connections, other);
    assert_true(connections_expire(connections) > 0);

    ssize_t count = recv(arriving.client, text, sizeof(text) - 1, MSG_DONTWAIT);
    assert_true(count > 0);
    text[count] = '\0';
    assert_non_null(strstr(text, "408 Request Timeout"));
    assert_int_equal(recv(arriving.client, text, 1, MSG_DONTWAIT), 0);
    assert_int_equal(recv(busy.client, text, 1, MSG_DONTWAIT), -1);

    connection_idle(connections, other);
    (void)connections_expire(connections);
    assert_true(recv(busy.client, text, sizeof(text), MSG_DONTWAIT) > 0);

    connection_close(connections, one);
    connection_close(connections, other);
    assert_int_equal(connections_expire(connections), -1); /* nothing is left to be waited for */
    assert_int_equal(close(arriving.server) + close(arriving.client), 0);
    assert_int_equal(close(busy.server) + close(busy.client), 0);
    connections_free(connections);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_in_all),
        cmocka_unit_test(keeps_only_so_many_without_a_request),
        cmocka_unit_test(counts_per_address_and_per_ipv6_network),
        cmocka_unit_test(does_not_tell_local_clients_apart),
        cmocka_unit_test(hands_on_who_speaks_and_closes_who_does_not),
        cmocka_unit_test(tells_of_the_end_of_a_client_but_not_of_somebody_elses),
        cmocka_unit_test(one_that_has_left_its_loop_is_counted_and_nothing_else),
        cmocka_unit_test(a_record_that_was_closed_silently_is_mended),
        cmocka_unit_test(ends_what_waits_for_a_request_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
