#include "storage/pin.h"

#include <stddef.h>

void pins_init(struct pins *pins)
{
    pins->first = NULL;
    pthread_mutex_init(&pins->mutex, NULL);
}

void pins_done(struct pins *pins)
{
    pthread_mutex_destroy(&pins->mutex);
}

void pin_take(struct pins *pins, struct pin *pin, const struct upload_id *id)
{
    pthread_mutex_lock(&pins->mutex);
    *pin = (struct pin){ .id = *id, .next = pins->first, .link = &pins->first };
    if (pin->next != NULL)
        pin->next->link = &pin->next;
    pins->first = pin;
    pthread_mutex_unlock(&pins->mutex);
}

/* With the mutex held. */
static struct pin *pins_find(const struct pins *pins, const struct upload_id *id)
{
    struct pin *pin = pins->first;

    while (pin != NULL && !upload_id_equal(&pin->id, id))
        pin = pin->next;
    return pin;
}

bool pin_release(struct pins *pins, struct pin *pin)
{
    pthread_mutex_lock(&pins->mutex);
    *pin->link = pin->next;
    if (pin->next != NULL)
        pin->next->link = pin->link;
    struct pin *other = pin->awaited ? pins_find(pins, &pin->id) : NULL;
    if (other != NULL)
        other->awaited = true;
    bool awaited = pin->awaited && other == NULL;
    pthread_mutex_unlock(&pins->mutex);
    return awaited;
}

bool pin_await(struct pins *pins, const struct upload_id *id)
{
    pthread_mutex_lock(&pins->mutex);
    struct pin *pin = pins_find(pins, id);
    if (pin != NULL)
        pin->awaited = true;
    pthread_mutex_unlock(&pins->mutex);
    return pin != NULL;
}
