#pragma once

/*
 * Fibers
 *
 * A fiber is a function with a stack of its own that can stop in the middle and go on later, so that
 * a request handler reads top-down while the thread below it serves everybody else.
 *
 *   Source     makecontext(3) starts one, setjmp(3) and longjmp(3) of glibc switch: about 20 ns. They keep
 *              no signal mask: a thread and all its fibers have one. Not with shadow
 *              stacks, as longjmp() stays on one; libmicrohttpd is not built for them either
 *   Stack      FIBER_STACK_BYTES with a guard page below it: an overflow is a SIGSEGV, not somebody
 *              else's memory. Stacks of destroyed fibers are kept for the next ones.
 *   Threads    a fiber is resumed by one thread for all its life (what a compiler keeps of errno and
 *              of thread-local variables across fiber_suspend() stays true)
 *   Ownership  fiber_create() gives the caller a fiber, fiber_destroy() takes it back
 *
 * Calling sequence:  fiber_create  { fiber_resume } until fiber_finished  fiber_destroy
 */

#include <stdbool.h>
#include <stddef.h>

struct fiber;
typedef void fiber_body(void *argument);

enum {
    FIBER_STACK_BYTES = 64 * 1024
};

/* NULL when there is no memory, or no more mappings (vm.max_map_count), for its stack. */
struct fiber *fiber_create(fiber_body *body, void *argument);

/* Runs the fiber until it suspends itself or its function returns. */
void fiber_resume(struct fiber *fiber);

/* From inside a fiber: back to who resumed it. */
void fiber_suspend(void);

bool fiber_finished(const struct fiber *fiber);

/* Finished, or never started; NULL is fine. */
void fiber_destroy(struct fiber *fiber);

/* Fibers created and not yet destroyed. */
size_t fiber_count(void);

/* Gives the kept stacks back to the system: at the end, when no fiber is left. */
void fiber_release_stacks(void);
