#pragma once

/*
 * Finals: what is left to do in the background when all parts of a final upload are complete
 *
 *   prove   its digest is computed, where one was stated
 *   copy    its bytes come into one file of its own, where the store's options want that
 *   free    files of parts go whose bytes no final needs any more, because of that
 *
 *   Threads   a job of the store's workers for the disk, one for all finals, which does a bounded piece and
 *             then queues again behind the others; finals_poke() from any thread, under any lock
 *   Errors    said in the log; the next round tries again
 *   Crashes   a digest begins again; a copy goes on behind what is on record
 */

struct finals;
struct store;

/* NULL, said in the log, without memory. */
struct finals *finals_new(struct store *store);

/* Ends what is under way, after its piece. Waits. NULL is fine. */
void finals_free(struct finals *finals);

/* There may be something to do. Nothing happens in a manual store. */
void finals_poke(struct finals *finals);

/* All of it at once, on the calling thread: for a manual store. Blocks. */
void finals_work(struct finals *finals);
