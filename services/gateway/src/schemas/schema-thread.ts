/** The thread in which schemas are compiled and payloads checked: whatever takes too long there holds nobody else up, and is ended with it. */
import { parentPort } from "node:worker_threads"
import { assert } from "@posthorn/core"
import { CompiledSchemas, type Question } from "./compiled-schemas.ts"

const port = parentPort
assert(port, "this runs as a thread")
const schemas = new CompiledSchemas()
port.on("message", (question: Question) => port.postMessage(schemas.answer(question)))
port.postMessage("ready")
