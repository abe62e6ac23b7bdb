#include "server/health.h"

int health(struct exchange *exchange)
{
    exchange_name_operation(exchange, OPERATION_HEALTH);
    answer_field(exchange_answer(exchange), "Cache-Control", "no-store");
    answer_text(exchange_answer(exchange), 200, "ok");
    return 0;
}
