// @tus/server with its store of files, as its README has it, on a free port of 127.0.0.1.
//
//     node server.mjs DIRECTORY
import { createServer } from 'node:http'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'

const tus = new Server({ path: '/files', datastore: new FileStore({ directory: process.argv[2] }) })
const server = createServer(tus.handle.bind(tus))
server.listen(0, '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}/files/`),
)
