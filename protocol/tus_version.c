#include "protocol/tus_version.h"

#include "base/refusal.h"

static int version_check(const struct message *message, int missing)
{
    const struct field *version;

    int r = message_field_once(message, "Tus-Resumable", &version);
    if (r != 0)
        return r;
    if (version == NULL)
        return missing;

    /* "If the version specified by the Client is not supported by the Server, it MUST respond with
     *  the 412 Precondition Failed status and MUST include the Tus-Version header into the
     *  response. In addition, the Server MUST NOT process the request."  — tus, Tus-Resumable */
    return bytes_equal_text(version->value, TUS_VERSION) ? 0 : REFUSED_VERSION;
}

int tus_version_check(const struct message *message)
{
    return version_check(message, REFUSED_VERSION);
}

int tus_version_check_stated(const struct message *message)
{
    return version_check(message, 0);
}
