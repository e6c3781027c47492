CREATE TABLE IF NOT EXISTS delivery_attempts
(
    application_id     String                 COMMENT 'The tenant',
    subscription_id    String                 COMMENT 'Where it was sent',
    event_id           String                 COMMENT 'What was sent',
    event_type         LowCardinality(String) COMMENT 'Name in dot notation',
    delivery_id        String                 COMMENT 'The delivery; the same over retries, replays and redrives',
    round              Int32                  COMMENT '1 at first; every replay or redrive is one more',
    attempt            Int32                  COMMENT '1, 2, 3 …; goes on counting over rounds',
    outcome            LowCardinality(String) COMMENT 'delivered, failed',
    error_class        LowCardinality(String) COMMENT 'status, timeout, dns, connect, tls, refused, protocol, internal; empty when delivered',
    status_code        Int32                  COMMENT 'Of the answer; 0 = there was none',
    delivery_state     LowCardinality(String) COMMENT 'Of the delivery after this attempt: retrying, delivered, dead, cancelled',
    created_at         DateTime64(3, 'UTC')   COMMENT 'When the delivery was made',
    scheduled_at       DateTime64(3, 'UTC')   COMMENT 'When the attempt was due',
    started_at         DateTime64(3, 'UTC')   COMMENT 'When the request began',
    finished_at        DateTime64(3, 'UTC')   COMMENT 'When the answer was read, or given up',
    duration_ms        Float64                COMMENT 'Of the request',
    log_offset         UInt64                 COMMENT 'Position in the log: of two rows of one identity the higher one counts',
    retry_depth        Int32                  ALIAS attempt - 1 COMMENT 'Attempts before this one',
    lateness_ms        Int64                  ALIAS dateDiff('millisecond', scheduled_at, started_at) COMMENT 'From due to begun',
    time_to_deliver_ms Nullable(Int64)        ALIAS if(outcome = 'delivered', dateDiff('millisecond', created_at, finished_at), NULL) COMMENT 'From the making of the delivery to the 2xx; null unless delivered'
)
ENGINE = ReplacingMergeTree(log_offset)
PARTITION BY toYYYYMMDD(finished_at)
ORDER BY (application_id, subscription_id, delivery_id, round, attempt)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1
