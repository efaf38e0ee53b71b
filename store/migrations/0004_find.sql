-- What finds clips by one of few values in order of their number (as clips_by_rating
-- does), and a file by its content.
CREATE INDEX clips_model ON clips(model_id, id) WHERE trashed_ms IS NULL;
CREATE INDEX clips_frames ON clips(frames, id) WHERE trashed_ms IS NULL;
CREATE INDEX clips_width ON clips(width, id) WHERE trashed_ms IS NULL;
CREATE INDEX clips_height ON clips(height, id) WHERE trashed_ms IS NULL;
CREATE INDEX clips_sampler ON clips(sampler COLLATE NOCASE, id) WHERE trashed_ms IS NULL;
CREATE INDEX clips_attention ON clips(attention COLLATE NOCASE, id) WHERE trashed_ms IS NULL;
CREATE INDEX clips_backend ON clips(backend COLLATE NOCASE, id) WHERE trashed_ms IS NULL;
CREATE INDEX clips_origin ON clips(origin COLLATE NOCASE, id) WHERE trashed_ms IS NULL;
CREATE INDEX clips_created ON clips(created_ms) WHERE trashed_ms IS NULL;

-- The beginning of the hash is enough to find it; the rest is compared.
CREATE INDEX clip_files_content ON clip_files(substr(sha256, 1, 16)) WHERE kind = 'video';
