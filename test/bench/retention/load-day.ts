import type pg from "pg"

/** Rows of one statement. */
const STEP = 200_000

/** Fills one day by SQL: an event, a delivery and an attempt each, of which so many deliveries, evenly over the day, wait for another attempt. */
export async function loadDay(client: pg.Client, day: string, { rows, waiting }: { rows: number; waiting: number }): Promise<void> {
  await client.query("set synchronous_commit to off")
  const at = `timestamptz '${day} 00:00Z' + (n - 1) * interval '${Math.floor(86_400_000_000 / rows)} us'`
  const waits = waiting === 0 ? "false" : `n % ${Math.floor(rows / waiting)} = 0`
  for (let from = 1; from <= rows; from += STEP) {
    const drawn = `generate_series(${from}, ${Math.min(from + STEP - 1, rows)}) n`
    await client.query(`
      insert into posthorn.events (id, application_id, type, content_type, size_bytes, payload, metadata, idempotency_key, only_subscription_id, created_at)
      select 'evt_${day}' || md5(n::text), 'app_1', 'order.created', 'application/json', 200, decode(repeat(md5(n::text), 12), 'hex'), '{}', '', '', ${at}
      from ${drawn}`)
    await client.query(`
      insert into posthorn.deliveries (id, application_id, event_id, subscription_id, event_type, state, attempt_count, last_status_code, last_error,
        last_error_class, reason, created_at, sequence)
      select 'dlv_${day}' || md5(n::text), 'app_1', 'evt_${day}' || md5(n::text), 'sub_' || n % 100, 'order.created',
        case when ${waits} then 'retrying' else 'delivered' end, 1, case when ${waits} then 503 else 200 end, '',
        case when ${waits} then 'status' else 'unspecified' end, '', ${at}, 5
      from ${drawn}`)
    await client.query(`
      insert into posthorn.attempts (id, application_id, subscription_id, delivery_id, delivery_created_at, round, number, outcome, error_class, status_code,
        error, duration_ms, request_method, request_url, request_headers)
      select 'att_${day}' || md5(n::text), 'app_1', 'sub_' || n % 100, 'dlv_${day}' || md5(n::text), ${at}, 1, 1,
        case when ${waits} then 'failed' else 'delivered' end, 'unspecified', 200, '', 12, 'POST', 'https://endpoint.example/hooks', '{}'
      from ${drawn}`)
  }
  await client.query("vacuum analyze posthorn.events, posthorn.deliveries, posthorn.attempts")
}

/** Idempotency keys that are all of one time. */
export async function loadClaims(client: pg.Client, day: string, rows: number): Promise<void> {
  await client.query(`
    insert into posthorn.idempotency_keys (application_id, key, event_id, body_hash, accepted, claimed_at)
    select 'app_1', 'key ' || md5(n::text), 'evt_' || md5(n::text), decode(repeat(md5(n::text), 2), 'hex'), true, '${day} 12:00Z'
    from generate_series(1, ${rows}) n`)
  await client.query("vacuum analyze posthorn.idempotency_keys")
}
