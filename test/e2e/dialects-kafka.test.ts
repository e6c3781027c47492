import { describe, test } from "vitest"
import { dialects } from "./dialects.ts"
import { startServices } from "./installation.ts"

const brokers = process.env["POSTHORN_TEST_KAFKA_BROKERS"]
if (brokers === undefined) describe("dialects on Kafka", () => test("are spoken", ({ skip }) => skip("there is no Kafka for the tests")))
else dialects("dialects are spoken by three processes on Kafka and Postgres", () => startServices(brokers.split(",")))
