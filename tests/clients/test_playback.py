"""A stored video, read by a program that plays it

ffmpeg asks for the end of a file first when its index lies there, then for the pieces that it needs.
"""

import re
import subprocess

import voyage
from conversation import eventually, request
from voyage import MIB


def store(server, video, filetype="dmlkZW8vbXA0"):
    content = video.path.read_bytes()
    with server.line() as line:
        line.send(request("POST", "/files/", "Tus-Resumable: 1.0.0", f"Upload-Length: {len(content)}",
                          f"Upload-Metadata: filetype {filetype}", "Content-Type: application/offset+octet-stream",
                          body=content))
        return server.url + line.expect(201).field("Location").rpartition("/")[2]


def probe(source):
    """What is in it, packet for packet."""
    return subprocess.run(["ffprobe", "-hide_banner", "-loglevel", "error", "-show_streams", "-show_packets", source],
                          check=True, capture_output=True).stdout


def test_a_stored_video_can_be_probed_and_sought(ferryd):
    video = voyage.make_video(8 * MIB)
    server = ferryd()
    url = store(server, video)
    assert probe(url) == probe(video.path)

    def frame(source):
        return subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-ss", "0.2", "-i", source,
                               "-frames:v", "1", "-f", "rawvideo", "-"], check=True, capture_output=True).stdout

    assert frame(url) == frame(video.path)
    eventually("more requests than one by each", lambda: len(re.findall(r"GET \S+ status=206", server.server.log())) > 2)
