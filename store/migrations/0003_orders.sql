-- The library in other orders than by number: one index an order, with the number behind the key, so
-- that a page anywhere costs what it shows. The expressions are those of catalog_search.c.
CREATE INDEX clips_by_rating ON clips(rating, id) WHERE trashed_ms IS NULL;
CREATE INDEX clips_by_seconds ON clips(CASE WHEN fps > 0 THEN frames / fps ELSE 0 END, id)
    WHERE trashed_ms IS NULL;
CREATE INDEX clips_by_prompt ON clips(lower(substr(prompt, 1, 40)), id) WHERE trashed_ms IS NULL;
