#include "server/route.h"

#include <stdio.h>

#include "base/refusal.h"

static bool route_has_path(const struct route *route, struct bytes path)
{
    size_t before = strcspn(route->path, "*");

    if (route->path[before] == '\0')
        return bytes_equal_text(path, route->path);

    const char *behind = route->path + before + 1;
    size_t fixed = before + strlen(behind);
    return path.count > fixed && memcmp(path.data, route->path, before) == 0 &&
           bytes_equal_text(bytes_after(path, path.count - strlen(behind)), behind) &&
           memchr(path.data + before, '/', path.count - fixed) == NULL;
}

static void allow_add(char allow[static ROUTE_ALLOW_BYTES], const char *method)
{
    size_t used = strlen(allow);
    (void)snprintf(allow + used, ROUTE_ALLOW_BYTES - used, "%s%s", used > 0 ? ", " : "", method);
}

int route_find(const struct route *routes, size_t count, struct bytes method, struct bytes path,
               const struct route **ret_route, char allow[static ROUTE_ALLOW_BYTES])
{
    const struct route *found = NULL;
    const char *resource = NULL;
    bool head = bytes_equal_text(method, "HEAD");

    allow[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const struct route *route = &routes[i];
        if (resource != NULL ? strcmp(route->path, resource) != 0 : !route_has_path(route, path))
            continue;

        resource = route->path;
        allow_add(allow, route->method);
        if (bytes_equal_text(method, route->method) ||
            (head && found == NULL && strcmp(route->method, "GET") == 0))
            found = route;
    }
    if (found == NULL)
        return allow[0] == '\0' ? REFUSED_TARGET : REFUSED_METHOD;

    allow[0] = '\0';
    *ret_route = found;
    return 0;
}
