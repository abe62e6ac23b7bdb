"""
What has to hold after a power cut, whatever it was that clients were told before

Every upload that the marks speak of is there with at least that offset, or gone if its deletion was asked for; one
whose deletion was acknowledged is gone. What was complete is, with its digest. A final has failed only if a part was
deleted. Every byte below every offset is right, also of uploads that no mark speaks of. Then the server goes on:
uploads are finished, made and deleted, and a final is complete as soon as its parts are.
"""

import base64
import json
import re

import checksums
from acknowledged import FINAL, IETF, PART, TUS, Told, Upload, content
from conversation import eventually
from power_cut_clients import LOST, SPEAKS_TUS, Violation, created, metadata_is

FINISHED_AGAIN = 6
JSON = "Accept: application/json"


def expect(right, what):
    if not right:
        raise Violation(what)


class Checker:
    def __init__(self, endpoint, told):
        self.endpoint, self.told = endpoint, told

    def status(self, path):
        """Parsed; None of what is gone."""
        answer = self.endpoint.say("GET", path, JSON)
        expect(answer.status in (200, *LOST), f"{path}: {answer}")
        return json.loads(answer.body) if answer.status == 200 else None

    # --- what is there ---

    def find(self, told_id):
        """(upload, status) of what is there, as it says itself; it must agree with what was told. A final that is one
        file has no parts any more, nor has one that failed those that are gone."""
        status = self.status(f"/files/{told_id}")
        if status is None:
            return None, None
        kind = {"single": status["protocol"], "partial": PART, "final": FINAL}[status["kind"]]
        told = self.told[told_id].upload
        parts = tuple(part["id"] for part in status["parts"] or ())
        if told and kind == FINAL and (status["file"] or status["state"] == "invalidated"):
            parts = told.parts
        upload = Upload(told_id, kind, status["metadata"]["filename"], parts)
        expect(told in (None, upload), f"{upload}, told {told}")
        return upload, status

    def check_upload(self, told_id):
        """What is there of it, as find() says."""
        told = self.told[told_id]
        upload, status = self.find(told_id)
        if upload is None:
            expect(told.deleting, f"{told_id}: gone: {told}")
            return None, None
        expect(not told.deleted, f"{told_id}: deleted, and there again: {status}")
        expect((status["offset"] or 0) >= told.offset, f"acknowledged {told.offset}: {status}")
        expect(status["complete"] or not told.complete, f"was complete: {status}")
        self.check_state(upload, status)
        return upload, status

    def check_state(self, upload, status):
        length, state, offset = len(upload.content), status["state"], status["offset"] or 0
        if state == "invalidated":
            expect(upload.kind == FINAL and any(self.told[part].deleting for part in upload.parts), f"failed: {status}")
            return
        allowed = ("complete", "receiving") + ("verifying",) * (upload.kind == FINAL)
        expect(state in allowed and status["length"] == length, f"not {length} long: {status}")
        if upload.kind != IETF and state != "verifying":
            expect(status["complete"] == (status["offset"] == length), f"{status}")
        self.check_head(upload, status)
        if status["complete"]:
            self.check_whole(upload, status)
        elif offset > 0 and upload.kind != FINAL:  # the bytes of one that is being verified are its parts'
            file = self.endpoint.data / "files" / upload.id[:2] / upload.id
            expect(file.read_bytes()[:offset] == upload.content[:offset], f"wrong bytes: {status}")

    def check_head(self, upload, status):
        answer = self.endpoint.ask("HEAD", upload)
        told = answer.field("Upload-Offset")
        expect(answer.status in (200, 204), f"{upload}: {answer}")
        expect(int(told or 0) == status["offset"] or upload.kind == FINAL, f"{answer}, {status}")
        if digest := checksums.told_digest(answer):
            expect(digest[1] == checksums.digest(digest[0], upload.content), f"a wrong digest: {answer}")

    def check_whole(self, upload, status):
        answer = self.endpoint.say("GET", upload.path)
        if upload.kind == PART and status["file"] is None:  # its bytes are in the files of finals
            expect(answer.status in LOST, f"{upload}: {answer}")
            return
        expect(answer.status == 200 and answer.body == upload.content, f"wrong bytes: {status}")

    def check_unknown(self):
        for file in self.endpoint.data.glob("files/??/*"):
            if file.name not in self.told and re.fullmatch("[0-9a-f]{32}", file.name):
                self.told[file.name] = Told(deleting=True)
                self.check_upload(file.name)

    # --- what can be done with it ---

    def finish(self, upload, offset):
        answer = self.endpoint.append(upload, offset, upload.content[offset:])
        expect(answer and answer.status in (201, 204), f"{upload}: cannot go on from {offset}: {answer}")
        status = self.status(upload.path)
        expect(status["complete"], f"not finished: {status}")
        self.check_state(upload, status)

    def finish_final(self, final):
        """It becomes complete by its parts."""
        for part in dict.fromkeys(final.parts):
            upload, status = self.find(part)
            if upload and not status["complete"]:  # one that is complete may be gone
                self.finish(upload, status["offset"])
        status = eventually(f"{final} is complete", lambda: (self.status(final.path)["complete"] and
                                                             self.status(final.path)))
        self.check_state(final, status)

    def delete(self, upload):
        answer = self.endpoint.ask("DELETE", upload)
        expect(answer.status == 204, f"{upload}: cannot be deleted: {answer}")
        expect(self.status(upload.path) is None, f"{upload}: deleted, and still there")

    def make(self):
        recipe = "new:5000"
        answer = self.endpoint.say("POST", "/files/", SPEAKS_TUS, "Upload-Length: 5000", metadata_is(recipe), body=b"")
        expect(answer.status == 201, f"nothing can be created: {answer}")
        upload = created(answer, TUS, recipe)
        self.told[upload.id] = Told()
        self.finish(upload, 0)

    def check(self):
        there = {}
        for told_id in list(self.told):
            upload, status = self.check_upload(told_id)
            if upload is not None and status["state"] != "invalidated":
                there[upload] = status
        self.check_unknown()

        unfinished = [upload for upload, status in there.items() if not status["complete"]]
        for final in [upload for upload in unfinished if upload.kind == FINAL][:FINISHED_AGAIN]:
            self.finish_final(final)
        for upload in [upload for upload in unfinished if upload.kind != FINAL][:FINISHED_AGAIN]:
            status = self.status(upload.path)
            if not status["complete"]:
                self.finish(upload, status["offset"])
        for upload in list(there)[:1]:
            self.delete(upload)
        self.make()
