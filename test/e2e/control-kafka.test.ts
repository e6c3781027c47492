import { describe, test } from "vitest"
import { control } from "./control.ts"
import { startServices } from "./installation.ts"

const brokers = process.env["POSTHORN_TEST_KAFKA_BROKERS"]
if (brokers === undefined)
  describe("deliveries are controlled on Kafka", () => test("runs", ({ skip }) => skip("there is no Kafka for the tests")))
else control("deliveries are controlled in three processes on Kafka and Postgres", () => startServices(brokers.split(",")))
