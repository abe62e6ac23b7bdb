#include "server/endpoint.h"

#include <stdio.h>
#include <string.h>

#include "server/by_protocol.h"
#include "server/capabilities.h"
#include "server/download.h"
#include "server/health.h"

void endpoint_init(struct endpoint *endpoint, const char *base_path)
{
    const char *upload = endpoint->upload;

    (void)snprintf(endpoint->upload, sizeof(endpoint->upload), "%s*", base_path);
    /* clang-format off */
    const struct route routes[ENDPOINT_ROUTES] = {
        { "GET", "/healthz", health },
        { "OPTIONS", "*", capabilities },
        { "OPTIONS", base_path, capabilities },
        { "POST", base_path, create_by_protocol },
        { "PUT", base_path, put_by_protocol },
        { "OPTIONS", upload, capabilities },
        { "HEAD", upload, offset_by_protocol },
        { "GET", upload, download },
        { "PATCH", upload, append_by_protocol },
        { "DELETE", upload, delete_by_protocol },
    };
    /* clang-format on */
    memcpy(endpoint->routes, routes, sizeof(routes));
}
