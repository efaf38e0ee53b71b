#!/usr/bin/env python3
"""Fills every text of a catalog with text that tries to be more than text: clips as the first one,
each with its own. Usage: hostile_catalog.py CATALOG COUNT. No engine may run."""
import json
import sqlite3
import sys

PIECES = ["\x1b[31m", "\x1b]0;title\a", "\x1b]52;c;QUJD\a", "\x1bP1$r\x1b\\", "\x1b_Gx\x1b\\", "\x1b^x\x1b\\",
          "\x9b31m", "\x9d0;x\x9c", "\a\b\f\x0e\x0f", "\x7f", "\u202eabc", "\u2066", "\u2028", "\u200b",
          "\u0301" * 9, "\U0001f468\u200d\U0001f469", "\u4e2d\u6587", "\r\n", "\x1b", "\x1b[", "\t", "e\u0300",
          "\U000e0041", "\x1b[6n", "\x1b[c", "\x1b[?2026h", "\x1bc", "\x18\x1a", "\ufeff", "%n%s", "\\", "'\""]


def hostile(number):
    n = len(PIECES)
    return f"{number}{PIECES[number % n]}{PIECES[number // n % n]}{PIECES[(number * 7 + 3) % n]}z"


def insert(db, table, row):
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    return db.execute(f"INSERT INTO {table}({names}) VALUES ({marks})", list(row.values())).lastrowid


db = sqlite3.connect(sys.argv[1])
db.row_factory = sqlite3.Row
first = dict(db.execute("SELECT * FROM clips ORDER BY id LIMIT 1").fetchone())
details = dict(db.execute("SELECT * FROM clip_details WHERE clip_id = ?", [first["id"]]).fetchone())
files = [dict(r) for r in db.execute("SELECT * FROM clip_files WHERE clip_id = ?", [first["id"]])]
number = 0


def text():
    global number
    number += 1
    return hostile(number)


for i in range(int(sys.argv[2])):
    clip = {k: v for k, v in first.items() if k != "id"}
    clip["model_id"] = insert(db, "models", {"name": "/" + text()})
    for column in ("sampler", "attention", "backend", "noise", "prompt", "notes", "folder"):
        clip[column] = text()
    clip["status"] = "done" if i % 2 else "failed"
    clip["parent_id"] = first["id"]
    key = insert(db, "clips", clip)
    request = json.loads(details["request"])
    request.update(prompt=text(), negative=text(), sampler=text())
    insert(db, "clip_details", {"clip_id": key, "request": json.dumps(request), "timings": ""})
    insert(db, "jobs", {"clip_id": key, "state": clip["status"], "position": i, "reason": text()})
    insert(db, "clip_tags", {"tag_id": insert(db, "tags", {"name": text()}), "clip_id": key})
    group = insert(db, "collections", {"name": text(), "created_ms": 1})
    insert(db, "collection_clips", {"collection_id": group, "clip_id": key})
    for f in files if i % 2 else []:
        insert(db, "clip_files", dict(f, clip_id=key, name=text()))
db.commit()
print(number)
