#!/usr/bin/python3
"""Uploads a file by tuspy; goes on with an upload that is in STATE.

    put_tuspy.py FILE URL STATE [CHUNK_SIZE]
"""

import sys

from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage

file, endpoint, state = sys.argv[1:4]
chunk_size = int(sys.argv[4]) if len(sys.argv) > 4 else 48 * 1024 * 1024

uploader = TusClient(endpoint).uploader(
    file,
    chunk_size=chunk_size,
    metadata={"filename": "voyage.mp4", "filetype": "video/mp4"},
    retries=400,  # of one chunk: a server may take seconds to start under valgrind
    retry_delay=0.05,
    store_url=True,
    url_storage=FileStorage(state),
)
uploader.upload()
print(uploader.url)
