import { describe, test } from "vitest"
import { startServices } from "./installation.ts"
import { mainJob } from "./main-job.ts"

const brokers = process.env["POSTHORN_TEST_KAFKA_BROKERS"]
if (brokers === undefined) describe("the main job on Kafka", () => test("runs", ({ skip }) => skip("there is no Kafka for the tests")))
else mainJob("the main job in three processes on Kafka and Postgres, one of them killed at a time", () => startServices(brokers.split(",")))
