/*
 * The way of a stream's connection out of libmicrohttpd
 *
 *     exchange_callbacks.c: a descriptor of our own for its socket  ->  libmicrohttpd closes its one
 *     -> exchange_begin_stream(), on the loop  ->  stream->begin()  ...  stream_end(), on any thread
 *
 * From the second step on the exchange belongs to who writes the stream, and no loop knows of it.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "server/exchange_private.h"
#include "server/stream.h"

void exchange_begin_stream(struct exchange *exchange)
{
    struct stream *stream = exchange->stream;

    connection_set_occupant(exchange->place, NULL);
    connection_detach(exchange->exchanges->options.connections, exchange->place);
    stream->begin(stream, exchange, exchange->socket); /* it may be over by now */
}

/* Who sees the end of the connection may count on being told of in the log, and no longer among the connections. */
void stream_end(struct exchange *exchange, uint64_t sent, const char *why)
{
    pthread_mutex_lock(&exchange->mutex);
    int fd = exchange->socket;
    exchange->socket = -1;
    pthread_mutex_unlock(&exchange->mutex);

    exchange_tell(exchange, sent, why);
    connection_close(exchange->exchanges->options.connections, exchange->place);
    (void)shutdown(fd, SHUT_WR); /* before what the client sent unasked makes a reset of the end */
    (void)close(fd);
    exchange_release(exchange);
}
