#pragma once

/*
 * The final response of an upload: what the request that completes it hears, and who lost it hears
 * again
 *
 * It is stored with the upload in the step that completes it, as lines of "name: value" behind the
 * status. What the answer says of the state of the upload is not in it: that is told anew.
 *
 *   Source   draft-ietf-httpbis-resumable-upload, "Responses to Uploads"
 */

#include "server/exchange.h"
#include "storage/upload.h"

/* Completes the upload and stores its response; as uploads_finish(). Waits. */
int ietf_final_finish(struct exchange *exchange, struct upload *upload);

/* Gives the answer the response of a complete upload. */
void ietf_final_answer(struct exchange *exchange, const struct upload_info *info);
