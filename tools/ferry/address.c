#include "tools/ferry/address.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static void cleanup_urlp(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void cleanup_curlp(char **text)
{
    curl_free(*text);
}

/* A copy of one part that free() takes; NULL when the URL has none. */
static char *url_part(CURLU *url, CURLUPart part, unsigned flags)
{
    CLEANUP(cleanup_curlp) char *text = NULL;

    if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
        return NULL;
    return strdup(text);
}

static bool url_is_web(CURLU *url)
{
    AUTO_FREE char *scheme = url_part(url, CURLUPART_SCHEME, 0);
    return scheme != NULL && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
}

bool address_parse(const char *text, struct address *ret_address)
{
    CLEANUP(cleanup_urlp) CURLU *url = curl_url();

    if (url == NULL || strstr(text, "://") == NULL ||
        curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK || !url_is_web(url))
        return false;

    struct address address = {
        .user = url_part(url, CURLUPART_USER, CURLU_URLDECODE),
        .password = url_part(url, CURLUPART_PASSWORD, CURLU_URLDECODE),
    };
    (void)curl_url_set(url, CURLUPART_USER, NULL, 0);
    (void)curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
    (void)curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
    address.url = url_part(url, CURLUPART_URL, 0);
    if (address.url == NULL) {
        address_done(&address);
        return false;
    }
    *ret_address = address;
    return true;
}

void address_done(struct address *address)
{
    free(address->url);
    free(address->user);
    free(address->password);
    *address = (struct address){ 0 };
}

static bool address_is_https(const char *url)
{
    return strncmp(url, "https:", 6) == 0;
}

char *address_resolve(const char *base, const char *reference)
{
    CLEANUP(cleanup_urlp) CURLU *url = curl_url();

    if (url == NULL || curl_url_set(url, CURLUPART_URL, base, 0) != CURLUE_OK ||
        curl_url_set(url, CURLUPART_URL, reference, 0) != CURLUE_OK || !url_is_web(url))
        return NULL;
    (void)curl_url_set(url, CURLUPART_USER, NULL, 0);
    (void)curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
    (void)curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);

    AUTO_FREE char *resolved = url_part(url, CURLUPART_URL, 0);
    if (resolved == NULL || (address_is_https(base) && !address_is_https(resolved)))
        return NULL;
    return TAKE_PTR(resolved);
}

/* "http://host:80" in lower case. */
static char *address_origin(const char *text)
{
    CLEANUP(cleanup_urlp) CURLU *url = curl_url();

    if (url == NULL || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
        return NULL;
    AUTO_FREE char *scheme = url_part(url, CURLUPART_SCHEME, 0);
    AUTO_FREE char *host = url_part(url, CURLUPART_HOST, 0);
    AUTO_FREE char *port = url_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    if (scheme == NULL || host == NULL || port == NULL)
        return NULL;

    size_t size = strlen(scheme) + strlen(host) + strlen(port) + 5;
    char *origin = malloc(size);
    if (origin != NULL)
        (void)stpcpy(stpcpy(stpcpy(stpcpy(stpcpy(origin, scheme), "://"), host), ":"), port);
    return origin;
}

bool address_same_origin(const char *one, const char *other)
{
    AUTO_FREE char *first = address_origin(one);
    AUTO_FREE char *second = address_origin(other);
    return first != NULL && second != NULL && strcasecmp(first, second) == 0;
}
