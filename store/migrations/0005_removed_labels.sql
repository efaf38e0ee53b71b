-- Tags and collections that were removed can come back for a while, with their clips. Until then
-- nobody sees them.
ALTER TABLE tags ADD COLUMN removed_ms INTEGER;
ALTER TABLE collections ADD COLUMN removed_ms INTEGER;
