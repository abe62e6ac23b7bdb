#include "server/uploads.h"

#include "base/clock.h"

enum {
    TAKEOVER_PATIENCE_MS = 5000
};

/* One question to storage: all the arguments that one of them may need. */
struct question {
    struct exchange *exchange;
    struct store *store;
    const struct upload_creation *creation;
    const struct upload_concatenation *concatenation;
    const struct upload_id *id;
    struct upload_id *ret_id;
    struct upload_info *ret_info;
    struct upload_part_info **ret_parts;
    size_t *ret_count;
    struct content **ret_content;
    struct upload_page *page;
    struct store_figures *ret_figures;
    struct upload_writer writer;
    struct upload **ret_upload;
    struct upload *upload;
    uint64_t length;
    const struct digest_value *checksum;
    int (*ask)(struct question *question, struct done done);
    bool of_database; /* what it takes is all the database's; otherwise storage says how much */
    int result;
};

/* On a thread of storage. The question lies on the fiber's stack, which goes on by the wake. */
static void question_answered(void *argument, int result)
{
    struct question *question = argument;

    question->result = result;
    exchange_wake(question->exchange);
}

static void question_start(struct exchange *exchange, void *argument)
{
    struct question *question = argument;
    struct done done = { .call = question_answered, .argument = question };

    int r = question->ask(question, done);
    if (r != 0) { /* not begun: nobody will answer */
        question->result = r;
        exchange_wake(exchange);
    }
}

static uint64_t question_database_ns(const struct question *question)
{
    return question->upload == NULL ? 0 : upload_database_ns(question->upload);
}

/* Which upload it is about, as far as that is known by now. */
static void question_name(struct exchange *exchange, const struct question *question)
{
    bool created = question->ret_id != NULL && question->result == 0;
    const struct upload_id *id = created ? question->ret_id : question->id;

    if (id != NULL)
        exchange_name_upload(exchange, upload_id_format(id).text);
}

static int question_wait(struct exchange *exchange, struct question *question)
{
    uint64_t begun_ns = clock_monotonic_ns(), database_before_ns = question_database_ns(question);

    question->exchange = exchange;
    int r = exchange_await(exchange, question_start, question);
    if (r != 0)
        return r;

    uint64_t waited_ns = clock_monotonic_ns() - begun_ns;
    uint64_t database_ns = question_database_ns(question) - database_before_ns;
    if (question->of_database || database_ns > waited_ns) /* a commit of storage's own began before */
        database_ns = waited_ns;
    exchange_spend(exchange, EXCHANGE_DATABASE, database_ns);
    exchange_spend(exchange, EXCHANGE_DISK, waited_ns - database_ns);
    question_name(exchange, question);
    return question->result;
}

static int ask_create(struct question *question, struct done done)
{
    return upload_create(question->store, question->creation, question->ret_id, done);
}

int uploads_create(struct exchange *exchange, struct store *store,
                   const struct upload_creation *creation, struct upload_id *ret_id)
{
    struct question question = {
        .ask = ask_create,
        .store = store,
        .creation = creation,
        .ret_id = ret_id,
        .of_database = true,
    };
    return question_wait(exchange, &question);
}

static int ask_concatenate(struct question *question, struct done done)
{
    return upload_concatenate(question->store, question->concatenation, question->ret_id, done);
}

int uploads_concatenate(struct exchange *exchange, struct store *store,
                        const struct upload_concatenation *concatenation, struct upload_id *ret_id)
{
    struct question question = {
        .ask = ask_concatenate, .store = store, .concatenation = concatenation, .ret_id = ret_id
    };
    return question_wait(exchange, &question);
}

static int ask_find(struct question *question, struct done done)
{
    return upload_find(question->store, question->id, question->ret_info, done);
}

int uploads_find(struct exchange *exchange, struct store *store, const struct upload_id *id,
                 struct upload_info *ret_info)
{
    struct question question = {
        .ask = ask_find, .store = store, .id = id, .ret_info = ret_info, .of_database = true
    };
    return question_wait(exchange, &question);
}

static int ask_parts(struct question *question, struct done done)
{
    return upload_parts(question->store, question->id, question->ret_parts, question->ret_count,
                        done);
}

int uploads_parts(struct exchange *exchange, struct store *store, const struct upload_id *id,
                  /* NOLINTNEXTLINE(readability-non-const-parameter): storage writes to both */
                  struct upload_part_info **ret_parts, size_t *ret_count)
{
    struct question question = {
        .ask = ask_parts, .store = store, .id = id, .ret_parts = ret_parts, .ret_count = ret_count
    };
    return question_wait(exchange, &question);
}

static int ask_read(struct question *question, struct done done)
{
    return upload_read(question->store, question->id, question->ret_content, done);
}

int uploads_read(struct exchange *exchange, struct store *store, const struct upload_id *id,
                 struct content **ret_content)
{
    struct question question = {
        .ask = ask_read, .store = store, .id = id, .ret_content = ret_content
    };
    return question_wait(exchange, &question);
}

static int ask_list(struct question *question, struct done done)
{
    return upload_list(question->store, question->page, done);
}

int uploads_list(struct exchange *exchange, struct store *store, struct upload_page *page)
{
    struct question question = { .ask = ask_list, .store = store, .page = page };
    return question_wait(exchange, &question);
}

static int ask_expire(struct question *question, struct done done)
{
    return upload_expire(question->store, question->id, done);
}

int uploads_expire(struct exchange *exchange, struct store *store, const struct upload_id *id)
{
    struct question question = { .ask = ask_expire, .store = store, .id = id };
    return question_wait(exchange, &question);
}

static int ask_figures(struct question *question, struct done done)
{
    return store_figures(question->store, question->ret_figures, done);
}

int uploads_figures(struct exchange *exchange, struct store *store,
                    struct store_figures *ret_figures)
{
    struct question question = { .ask = ask_figures, .store = store, .ret_figures = ret_figures };
    return question_wait(exchange, &question);
}

/* On any thread, under a lock of storage. */
static void exchange_is_ended(void *argument)
{
    (void)exchange_end(argument);
}

struct upload_writer uploads_writer(struct exchange *exchange)
{
    return (struct upload_writer){ .ended = exchange_is_ended,
                                   .argument = exchange,
                                   .patience_ms = TAKEOVER_PATIENCE_MS };
}

static int ask_open(struct question *question, struct done done)
{
    return upload_open(question->store, question->id, &question->writer, question->ret_upload,
                       done);
}

int uploads_open(struct exchange *exchange, struct store *store, const struct upload_id *id,
                 struct upload **ret_upload)
{
    struct question question = {
        .ask = ask_open,
        .store = store,
        .id = id,
        .writer = uploads_writer(exchange),
        .ret_upload = ret_upload,
    };
    return question_wait(exchange, &question);
}

int uploads_check_and_open(struct exchange *exchange, struct store *store,
                           const struct upload_id *id,
                           int (*check)(void *argument, const struct upload_info *info),
                           void *argument, struct upload **ret_upload)
{
    struct question question = {
        .ask = ask_open,
        .store = store,
        .id = id,
        .writer = uploads_writer(exchange),
        .ret_upload = ret_upload,
    };
    question.writer.check = check;
    question.writer.check_argument = argument;
    return question_wait(exchange, &question);
}

static int ask_when_ready(struct question *question, struct done done)
{
    upload_when_ready(question->upload, done);
    return 0;
}

int uploads_when_ready(struct exchange *exchange, struct upload *upload)
{
    struct question question = { .ask = ask_when_ready, .upload = upload };
    return question_wait(exchange, &question);
}

static int ask_verify(struct question *question, struct done done)
{
    upload_verify(question->upload, question->checksum, done);
    return 0;
}

int uploads_verify(struct exchange *exchange, struct upload *upload,
                   const struct digest_value *checksum)
{
    struct question question = { .ask = ask_verify, .upload = upload, .checksum = checksum };
    return question_wait(exchange, &question);
}

static int ask_commit(struct question *question, struct done done)
{
    upload_commit(question->upload, done);
    return 0;
}

int uploads_commit(struct exchange *exchange, struct upload *upload)
{
    struct question question = { .ask = ask_commit, .upload = upload };
    return question_wait(exchange, &question);
}

static int ask_finish(struct question *question, struct done done)
{
    upload_finish(question->upload, done);
    return 0;
}

int uploads_finish(struct exchange *exchange, struct upload *upload)
{
    struct question question = { .ask = ask_finish, .upload = upload };
    return question_wait(exchange, &question);
}

static int ask_set_length(struct question *question, struct done done)
{
    upload_set_length(question->upload, question->length, done);
    return 0;
}

int uploads_set_length(struct exchange *exchange, struct upload *upload, uint64_t length)
{
    struct question question = { .ask = ask_set_length, .upload = upload, .length = length };
    return question_wait(exchange, &question);
}

static int ask_invalidate(struct question *question, struct done done)
{
    upload_invalidate(question->upload, done);
    return 0;
}

int uploads_invalidate(struct exchange *exchange, struct upload *upload)
{
    struct question question = { .ask = ask_invalidate, .upload = upload };
    return question_wait(exchange, &question);
}

static int ask_delete(struct question *question, struct done done)
{
    upload_delete(question->upload, done);
    return 0;
}

int uploads_delete(struct exchange *exchange, struct upload *upload)
{
    struct question question = { .ask = ask_delete, .upload = upload };
    return question_wait(exchange, &question);
}
