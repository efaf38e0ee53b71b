-- The sums of the status line, kept by triggers: counting them takes a second at a million clips.
CREATE TABLE totals(
    name  TEXT PRIMARY KEY, -- a status (outside the trash), "trashed", or "bytes"
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO totals SELECT status, count(*) FROM clips WHERE trashed_ms IS NULL GROUP BY status;
INSERT OR IGNORE INTO totals VALUES ('queued', 0), ('paused', 0), ('running', 0), ('done', 0),
    ('failed', 0), ('cancelled', 0), ('set aside', 0);
INSERT INTO totals SELECT 'trashed', count(*) FROM clips WHERE trashed_ms IS NOT NULL;
INSERT INTO totals SELECT 'bytes', coalesce(sum(bytes), 0) FROM clip_files;

CREATE TRIGGER totals_clip_insert AFTER INSERT ON clips BEGIN
    UPDATE totals SET value = value + 1
        WHERE name = iif(new.trashed_ms IS NULL, new.status, 'trashed');
END;
CREATE TRIGGER totals_clip_delete AFTER DELETE ON clips BEGIN
    UPDATE totals SET value = value - 1
        WHERE name = iif(old.trashed_ms IS NULL, old.status, 'trashed');
END;
CREATE TRIGGER totals_clip_update AFTER UPDATE OF status, trashed_ms ON clips BEGIN
    UPDATE totals SET value = value - 1
        WHERE name = iif(old.trashed_ms IS NULL, old.status, 'trashed');
    UPDATE totals SET value = value + 1
        WHERE name = iif(new.trashed_ms IS NULL, new.status, 'trashed');
END;
CREATE TRIGGER totals_file_insert AFTER INSERT ON clip_files BEGIN
    UPDATE totals SET value = value + new.bytes WHERE name = 'bytes';
END;
CREATE TRIGGER totals_file_delete AFTER DELETE ON clip_files BEGIN
    UPDATE totals SET value = value - old.bytes WHERE name = 'bytes';
END;
CREATE TRIGGER totals_file_update AFTER UPDATE OF bytes ON clip_files BEGIN
    UPDATE totals SET value = value + new.bytes - old.bytes WHERE name = 'bytes';
END;
