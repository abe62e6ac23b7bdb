// Uploads a file by tus-js-client, as its README does it; goes on with an upload that is in STATE.
//
//     node put.mjs FILE URL STATE [PROTOCOL [CHUNK_SIZE [PARALLEL]]]
//
// PROTOCOL is tus-v1, ietf-draft-03 or ietf-draft-05. A CHUNK_SIZE of 0 is no limit. PARALLEL parts are sent at
// the same time, and joined.

import fs from 'node:fs'
import tus from 'tus-js-client'

const [file, endpoint, state, protocol, chunkSize, parallel] = process.argv.slice(2)

const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  protocol: protocol || 'tus-v1',
  chunkSize: Number(chunkSize) || Infinity,
  parallelUploads: Number(parallel) || 1,
  retryDelays: Array(400).fill(50), // a server may take seconds to start under valgrind
  metadata: { filename: 'voyage.mp4', filetype: 'video/mp4' },
  urlStorage: new tus.FileUrlStorage(state),
  onError(error) {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess() {
    console.log(upload.url)
  },
})

const previous = await upload.findPreviousUploads()
if (previous.length > 0) upload.resumeFromPreviousUpload(previous[0])
upload.start()
