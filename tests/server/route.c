#include "server/route.h"

#include "base/refusal.h"
#include "tests/check.h"

static int one(struct exchange *exchange)
{
    (void)exchange;
    return 0;
}

static int two(struct exchange *exchange)
{
    (void)exchange;
    return 0;
}

static const struct route routes[] = {
    { "GET", "/healthz", one },  { "GET", "/files/*", one }, { "PATCH", "/files/*", two },
    { "HEAD", "/files/*", two }, { "POST", "/files/", two }, { "POST", "/files/*/end", one },
};

enum {
    ROUTES = sizeof(routes) / sizeof(routes[0])
};

static int find(const char *method, const char *path, const struct route **ret_route, char *allow)
{
    return route_find(routes, ROUTES, bytes_of_text(method), bytes_of_text(path), ret_route, allow);
}

static void finds_by_method_and_path(void **state)
{
    static const struct {
        const char *method, *path;
        size_t index;
    } cases[] = {
        { "GET", "/healthz", 0 },      { "HEAD", "/healthz", 0 }, { "GET", "/files/4f0c", 1 },
        { "PATCH", "/files/x", 2 },    { "HEAD", "/files/x", 3 }, { "POST", "/files/", 4 },
        { "POST", "/files/x/end", 5 },
    };
    const struct route *route = NULL;
    char allow[ROUTE_ALLOW_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(find(cases[i].method, cases[i].path, &route, allow), 0);
        assert_ptr_equal(route, &routes[cases[i].index]);
        assert_string_equal(allow, "");
    }
}

static void the_first_path_that_matches_is_the_resource(void **state)
{
    static const struct route overlapping[] = {
        { "GET", "/healthz", one },
        { "GET", "/*", two },
        { "HEAD", "/*", two },
    };
    static const struct {
        const char *method, *path;
        size_t index;
    } cases[] = {
        { "GET", "/healthz", 0 },
        { "HEAD", "/healthz", 0 },
        { "GET", "/4f0c", 1 },
        { "HEAD", "/4f0c", 2 },
    };
    const struct route *route = NULL;
    char allow[ROUTE_ALLOW_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(route_find(overlapping, 3, bytes_of_text(cases[i].method),
                                    bytes_of_text(cases[i].path), &route, allow),
                         0);
        assert_ptr_equal(route, &overlapping[cases[i].index]);
    }
}

static void refuses_a_path_that_nobody_has(void **state)
{
    static const char *const paths[] = { "/",
                                         "",
                                         "*",
                                         "/healthz/",
                                         "/healthzz",
                                         "/files",
                                         "/files/a/b",
                                         "/files//",
                                         "/Files/x",
                                         "/files/%2e%2e/x",
                                         "/files//end",
                                         "/files/a/b/end",
                                         "/files/a/end/" };
    const struct route *route = NULL;
    char allow[ROUTE_ALLOW_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_int_equal(find("GET", paths[i], &route, allow), REFUSED_TARGET);
        assert_null(route);
        assert_string_equal(allow, "");
    }
}

static void refuses_a_method_and_tells_the_others(void **state)
{
    const struct route *route = NULL;
    char allow[ROUTE_ALLOW_BYTES];

    (void)state;
    assert_int_equal(find("PUT", "/files/x", &route, allow), REFUSED_METHOD);
    assert_string_equal(allow, "GET, PATCH, HEAD");
    assert_int_equal(find("get", "/healthz", &route, allow), REFUSED_METHOD);
    assert_string_equal(allow, "GET");
    assert_null(route);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_method_and_path),
        cmocka_unit_test(the_first_path_that_matches_is_the_resource),
        cmocka_unit_test(refuses_a_path_that_nobody_has),
        cmocka_unit_test(refuses_a_method_and_tells_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
