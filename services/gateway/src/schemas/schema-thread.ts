/** The thread in which schemas are compiled and payloads checked: whatever takes too long there holds nobody else up, and is ended with it. */
import { parentPort, workerData } from "node:worker_threads"
import { assert } from "@posthorn/core"
import { CompiledSchemas } from "./compiled-schemas.ts"
import type { QuestionBatch } from "./question-batch.ts"

const port = parentPort
assert(port, "this runs as a thread")
const schemas = new CompiledSchemas()
port.on("message", (batch: QuestionBatch) => port.postMessage(schemas.answerAll(batch, workerData as Int32Array)))
port.postMessage("ready")
