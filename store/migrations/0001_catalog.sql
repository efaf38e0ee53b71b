-- Clips, the queue, labels, and search over prompts and notes.
-- Applied by catalog_migrate.c in one transaction; a shipped migration is never edited.

CREATE TABLE models(
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    sha256 TEXT NOT NULL DEFAULT '',
    UNIQUE(name, sha256)
) STRICT;

-- What a page of the library shows. Long text lives in clip_details, so that pages stay small.
CREATE TABLE clips(
    id           INTEGER PRIMARY KEY AUTOINCREMENT, -- a number is never given twice
    status       TEXT NOT NULL CHECK(status IN
                 ('queued', 'paused', 'running', 'done', 'failed', 'cancelled', 'set aside')),
    origin       TEXT NOT NULL CHECK(origin IN
                 ('generate', 'branch', 'extend', 'vary', 'redo', 'import')),
    created_ms   INTEGER NOT NULL, -- milliseconds since 1970, UTC, as all times
    started_ms   INTEGER,
    finished_ms  INTEGER,
    trashed_ms   INTEGER,          -- in the trash since
    rating       INTEGER NOT NULL DEFAULT 0 CHECK(rating BETWEEN 0 AND 5),
    favourite    INTEGER NOT NULL DEFAULT 0 CHECK(favourite IN (0, 1)),
    width        INTEGER NOT NULL CHECK(width >= 0),
    height       INTEGER NOT NULL CHECK(height >= 0),
    frames       INTEGER NOT NULL CHECK(frames >= 0),
    fps          REAL NOT NULL CHECK(fps >= 0),
    chunks       INTEGER NOT NULL DEFAULT 0,
    chunks_done  INTEGER NOT NULL DEFAULT 0,
    seed         INTEGER NOT NULL CHECK(seed >= 0),
    noise        TEXT NOT NULL,
    model_id     INTEGER NOT NULL REFERENCES models(id),
    sampler      TEXT NOT NULL,
    attention    TEXT NOT NULL,
    backend      TEXT NOT NULL,
    parent_id    INTEGER REFERENCES clips(id) ON DELETE SET NULL,
    parent_chunk INTEGER,          -- first chunk that is not the parent's
    folder       TEXT NOT NULL,    -- relative to the library
    moving_to    TEXT,             -- the folder is being renamed to this
    prompt       TEXT NOT NULL,
    negative     TEXT NOT NULL,
    notes        TEXT NOT NULL
) STRICT;

-- What filters look at while they go through everything, without reading rows.
CREATE INDEX clips_live ON clips(id, created_ms, rating, favourite, status, model_id)
    WHERE trashed_ms IS NULL;
CREATE INDEX clips_trash ON clips(id) WHERE trashed_ms IS NOT NULL;
CREATE INDEX clips_moving ON clips(id) WHERE moving_to IS NOT NULL;
CREATE INDEX clips_status ON clips(status, id) WHERE status <> 'done';
CREATE INDEX clips_favourite ON clips(id) WHERE favourite = 1;
CREATE INDEX clips_seed ON clips(seed, id);
CREATE INDEX clips_parent ON clips(parent_id, id) WHERE parent_id IS NOT NULL;

CREATE TABLE clip_details(
    clip_id INTEGER PRIMARY KEY REFERENCES clips(id) ON DELETE CASCADE,
    request TEXT NOT NULL,           -- JSON, the whole request
    timings TEXT NOT NULL DEFAULT '' -- JSON, seconds by phase
) STRICT;

CREATE TABLE clip_files(
    clip_id INTEGER NOT NULL REFERENCES clips(id) ON DELETE CASCADE,
    kind    TEXT NOT NULL,    -- video, latents, poster, strip
    name    TEXT NOT NULL,    -- inside the clip's folder
    bytes   INTEGER NOT NULL,
    sha256  TEXT NOT NULL CHECK(length(sha256) = 64),
    frames  INTEGER NOT NULL,
    PRIMARY KEY(clip_id, kind)
) STRICT, WITHOUT ROWID;

-- The queue. A clip has one job at most; its number is the clip's.
CREATE TABLE jobs(
    clip_id     INTEGER PRIMARY KEY REFERENCES clips(id) ON DELETE CASCADE,
    state       TEXT NOT NULL CHECK(state IN
                ('queued', 'paused', 'running', 'done', 'failed', 'cancelled', 'set aside')),
    position    INTEGER NOT NULL,           -- lower runs earlier
    attempts    INTEGER NOT NULL DEFAULT 0, -- times it was started
    deaths      INTEGER NOT NULL DEFAULT 0, -- times its worker died
    owner       TEXT NOT NULL DEFAULT '',   -- the engine that runs it
    reason      TEXT NOT NULL DEFAULT ''    -- why it is in this state
) STRICT;
CREATE INDEX jobs_waiting ON jobs(state, position)
    WHERE state IN ('queued', 'paused', 'running');

CREATE TRIGGER jobs_state_insert AFTER INSERT ON jobs BEGIN
    UPDATE clips SET status = new.state WHERE id = new.clip_id;
END;
CREATE TRIGGER jobs_state_update AFTER UPDATE OF state ON jobs BEGIN
    UPDATE clips SET status = new.state WHERE id = new.clip_id;
END;

CREATE TABLE tags(
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE
) STRICT;
CREATE TABLE clip_tags(
    tag_id  INTEGER NOT NULL REFERENCES tags(id) ON DELETE CASCADE,
    clip_id INTEGER NOT NULL REFERENCES clips(id) ON DELETE CASCADE,
    PRIMARY KEY(tag_id, clip_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX clip_tags_clip ON clip_tags(clip_id, tag_id);

CREATE TABLE collections(
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE COLLATE NOCASE,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE collection_clips(
    collection_id INTEGER NOT NULL REFERENCES collections(id) ON DELETE CASCADE,
    clip_id       INTEGER NOT NULL REFERENCES clips(id) ON DELETE CASCADE,
    PRIMARY KEY(collection_id, clip_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX collection_clips_clip ON collection_clips(clip_id, collection_id);

-- Small facts of the catalog itself, as "queue paused".
CREATE TABLE settings(
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Words and prefixes; substrings of three letters and more. Order is by number (newest first), so
-- no column sizes are kept: nothing is ranked.
CREATE VIRTUAL TABLE clip_words USING fts5(prompt, notes, content = 'clips', content_rowid = 'id',
    columnsize = 0, prefix = '3 4 5', tokenize = 'unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE clip_parts USING fts5(prompt, notes, content = 'clips', content_rowid = 'id',
    columnsize = 0, tokenize = 'trigram');

CREATE TRIGGER clips_text_insert AFTER INSERT ON clips BEGIN
    INSERT INTO clip_words(rowid, prompt, notes) VALUES (new.id, new.prompt, new.notes);
    INSERT INTO clip_parts(rowid, prompt, notes) VALUES (new.id, new.prompt, new.notes);
END;
CREATE TRIGGER clips_text_delete AFTER DELETE ON clips BEGIN
    INSERT INTO clip_words(clip_words, rowid, prompt, notes)
        VALUES ('delete', old.id, old.prompt, old.notes);
    INSERT INTO clip_parts(clip_parts, rowid, prompt, notes)
        VALUES ('delete', old.id, old.prompt, old.notes);
END;
CREATE TRIGGER clips_text_update AFTER UPDATE OF prompt, notes ON clips BEGIN
    INSERT INTO clip_words(clip_words, rowid, prompt, notes)
        VALUES ('delete', old.id, old.prompt, old.notes);
    INSERT INTO clip_parts(clip_parts, rowid, prompt, notes)
        VALUES ('delete', old.id, old.prompt, old.notes);
    INSERT INTO clip_words(rowid, prompt, notes) VALUES (new.id, new.prompt, new.notes);
    INSERT INTO clip_parts(rowid, prompt, notes) VALUES (new.id, new.prompt, new.notes);
END;
