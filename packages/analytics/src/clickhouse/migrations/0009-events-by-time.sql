CREATE TABLE IF NOT EXISTS events_by_time
(
    application_id  LowCardinality(String) COMMENT 'As in events, like all that is not said otherwise',
    subscription_id LowCardinality(String),
    event_type      LowCardinality(String),
    identity        UInt64                 COMMENT 'Hash of what identifies the event',
    accepted_at     DateTime64(3, 'UTC'),
    log_offset      UInt64
)
ENGINE = ReplacingMergeTree(log_offset)
PARTITION BY toYYYYMMDD(accepted_at)
ORDER BY (toStartOfMinute(accepted_at), identity)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1
