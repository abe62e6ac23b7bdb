/*
 * Invariants:
 *
 *   1. A stack belongs to one fiber, or is on the list of kept stacks, never both.
 *   2. fiber->resumer is valid from fiber_resume() to the switch back, and only then.
 *   3. Tools that follow the stack pointer (the sanitizers, valgrind) are told of every switch: before
 *      it where it goes, directly after it where it came from.
 */
#undef _FORTIFY_SOURCE /* it takes a longjmp() to another stack for a mistake */
#include "server/fiber.h"

#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <valgrind/valgrind.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

enum {
    STACKS_KEPT_MAX = 256,
#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
    STACK_BYTES = 4 * FIBER_STACK_BYTES, /* their frames are larger */
#else
    STACK_BYTES = FIBER_STACK_BYTES,
#endif
};

/* One mapping: the guard page, then the stack. */
struct stack {
    struct stack *next; /* while it is kept */
    char *mapping;
    size_t mapping_bytes;
    char *low; /* lowest usable address */
    unsigned valgrind_id;
};

/* A stack as the address sanitizer knows it. */
struct bounds {
    const void *low;
    size_t bytes;
};

/* Where a stack was left. */
struct place {
#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
    ucontext_t context; /* longjmp() has the address sanitizer forget the frames that it leaves */
#else
    jmp_buf registers; /* without the signal mask, which costs a system call */
#endif
};

struct fiber {
    fiber_body *body;
    void *argument;
    struct stack *stack;
    struct place self, resumer;
    bool started, finished;
    struct bounds resumer_stack;
    void *tsan_self, *tsan_resumer;
};

static _Thread_local struct fiber *running;
static atomic_size_t live_count;

static struct {
    pthread_mutex_t mutex;
    struct stack *first;
    size_t count;
} kept = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void stack_free(struct stack *stack)
{
    if (stack == NULL)
        return;
    if (stack->mapping != MAP_FAILED) {
        VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
        (void)munmap(stack->mapping, stack->mapping_bytes);
    }
    free(stack);
}

static struct stack *stack_new(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct stack *stack = calloc(1, sizeof(*stack));
    if (stack == NULL)
        return NULL;

    stack->mapping_bytes = page + STACK_BYTES;
    stack->mapping = mmap(NULL, stack->mapping_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (stack->mapping == MAP_FAILED || mprotect(stack->mapping, page, PROT_NONE) != 0) {
        stack_free(stack);
        return NULL;
    }

    stack->low = stack->mapping + page;
    stack->valgrind_id = VALGRIND_STACK_REGISTER(stack->low, stack->low + STACK_BYTES);
    return stack;
}

static struct stack *stack_take(void)
{
    pthread_mutex_lock(&kept.mutex);
    struct stack *stack = kept.first;
    if (stack != NULL) {
        kept.first = stack->next;
        kept.count--;
    }
    pthread_mutex_unlock(&kept.mutex);

    return stack != NULL ? stack : stack_new();
}

static void stack_keep(struct stack *stack)
{
#ifdef FIBER_ASAN
    /* The outermost frame never returned: its red zones are still marked. */
    ASAN_UNPOISON_MEMORY_REGION(stack->low, STACK_BYTES);
#endif
    pthread_mutex_lock(&kept.mutex);
    bool keep = kept.count < STACKS_KEPT_MAX;
    if (keep) {
        stack->next = kept.first;
        kept.first = stack;
        kept.count++;
    }
    pthread_mutex_unlock(&kept.mutex);

    if (!keep)
        stack_free(stack);
}

void fiber_release_stacks(void)
{
    pthread_mutex_lock(&kept.mutex);
    struct stack *stack = kept.first;
    kept.first = NULL;
    kept.count = 0;
    pthread_mutex_unlock(&kept.mutex);

    while (stack != NULL) {
        struct stack *next = stack->next;
        stack_free(stack);
        stack = next;
    }
}

/* Before a switch: the stack it goes to; fake is NULL when the present one is left for good. */
static void switch_begins(void **fake, struct bounds stack)
{
#ifdef FIBER_ASAN
    __sanitizer_start_switch_fiber(fake, stack.low, stack.bytes);
#else
    (void)fake, (void)stack;
#endif
}

/* Directly after a switch, on the new stack: tells the stack it came from. */
static void switch_ended(void *fake, struct bounds *ret_stack)
{
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(fake, &ret_stack->low, &ret_stack->bytes);
#else
    (void)fake, (void)ret_stack;
#endif
}

static void thread_switches_to(void *tsan_fiber)
{
#ifdef FIBER_TSAN
    __tsan_switch_to_fiber(tsan_fiber, 0);
#else
    (void)tsan_fiber;
#endif
}

/* The thread sanitizer counts calls by stack: one that begins on one and returns on another would confuse it. */
#ifdef FIBER_TSAN
#define UNSEEN __attribute__((no_sanitize("thread")))
#else
#define UNSEEN
#endif

UNSEEN static void place_switch(struct place *from, struct place *to)
{
#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
    (void)swapcontext(&from->context, &to->context);
#else
    if (_setjmp(from->registers) == 0)
        _longjmp(to->registers, 1);
#endif
}

/* The same, to a stack that has not been left yet. */
UNSEEN static void place_start(struct place *from, ucontext_t *to)
{
#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
    (void)swapcontext(&from->context, to);
#else
    if (_setjmp(from->registers) == 0)
        (void)setcontext(to);
#endif
}

/* makecontext() passes ints: the pointer comes in two halves. */
static void fiber_entry(unsigned high, unsigned low)
{
    struct fiber *fiber = (struct fiber *)(((uintptr_t)high << 32) | low);

    switch_ended(NULL, &fiber->resumer_stack);
    fiber->body(fiber->argument);
    fiber->finished = true;

    thread_switches_to(fiber->tsan_resumer);
    switch_begins(NULL, fiber->resumer_stack);
    place_switch(&fiber->self, &fiber->resumer);
    abort(); /* nobody comes back to a fiber that has finished */
}

/* Alone in its function: getcontext() returns twice as far as the compiler knows. */
static void fiber_prepare(struct fiber *fiber, ucontext_t *ret_context)
{
    fiber->started = true;
    (void)getcontext(ret_context);
    ret_context->uc_stack.ss_sp = fiber->stack->low;
    ret_context->uc_stack.ss_size = STACK_BYTES;
    ret_context->uc_link = NULL;
    makecontext(ret_context, (void (*)(void))fiber_entry, 2, (unsigned)((uintptr_t)fiber >> 32),
                (unsigned)(uintptr_t)fiber);
}

struct fiber *fiber_create(fiber_body *body, void *argument)
{
    struct fiber *fiber = calloc(1, sizeof(*fiber));
    if (fiber == NULL)
        return NULL;

    fiber->stack = stack_take();
    if (fiber->stack == NULL) {
        free(fiber);
        return NULL;
    }
    fiber->body = body;
    fiber->argument = argument;
#ifdef FIBER_TSAN
    fiber->tsan_self = __tsan_create_fiber(0);
#endif
    atomic_fetch_add(&live_count, 1);
    return fiber;
}

void fiber_resume(struct fiber *fiber)
{
    bool started = fiber->started;
    ucontext_t start;
    void *fake = NULL;
    struct bounds own; /* the fiber's, which we know */

    assert(!fiber->finished);
    assert(running == NULL); /* one level: nobody resumes a fiber from inside a fiber */

    if (!started)
        fiber_prepare(fiber, &start);
    running = fiber;
#ifdef FIBER_TSAN
    fiber->tsan_resumer = __tsan_get_current_fiber();
#endif
    thread_switches_to(fiber->tsan_self);
    switch_begins(&fake, (struct bounds){ fiber->stack->low, STACK_BYTES });
    if (started)
        place_switch(&fiber->resumer, &fiber->self);
    else
        place_start(&fiber->resumer, &start);
    switch_ended(fake, &own);
    running = NULL;
}

void fiber_suspend(void)
{
    struct fiber *fiber = running;
    void *fake = NULL;

    assert(fiber != NULL);
    thread_switches_to(fiber->tsan_resumer);
    switch_begins(&fake, fiber->resumer_stack);
    place_switch(&fiber->self, &fiber->resumer);
    switch_ended(fake, &fiber->resumer_stack);
}

bool fiber_finished(const struct fiber *fiber)
{
    return fiber->finished;
}

size_t fiber_count(void)
{
    return atomic_load(&live_count);
}

void fiber_destroy(struct fiber *fiber)
{
    if (fiber == NULL)
        return;

    assert(fiber->finished || !fiber->started);
#ifdef FIBER_TSAN
    __tsan_destroy_fiber(fiber->tsan_self);
#endif
    stack_keep(fiber->stack);
    free(fiber);
    atomic_fetch_sub(&live_count, 1);
}
