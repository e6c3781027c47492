CREATE TABLE IF NOT EXISTS events
(
    application_id  String                   COMMENT 'The tenant',
    event_id        String                   COMMENT 'The event; with application_id the identity of a row',
    event_type      LowCardinality(String)   COMMENT 'Name in dot notation',
    subscription_id String                   COMMENT 'The one subscription that an ingested event goes to; empty for a published one',
    payload_bytes   UInt32                   COMMENT 'Size of the payload',
    accepted_at     DateTime64(3, 'UTC')     COMMENT 'When the gateway accepted it',
    log_offset      UInt64                   COMMENT 'Position in the log: of two rows of one identity the higher one counts'
)
ENGINE = ReplacingMergeTree(log_offset)
PARTITION BY toYYYYMMDD(accepted_at)
ORDER BY (application_id, event_id)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1
