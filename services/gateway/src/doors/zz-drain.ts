import { Agent, request } from "node:http"
import { openTestDoors } from "./doors-under-test.ts"
const doors = await openTestDoors()
const agent = new Agent({ keepAlive: true })
const r = request(doors.url + "/v1/events", { method: "POST", agent, headers: { authorization: "Bearer operator", "content-type": "application/json" } })
const answered = new Promise<void>((ok) => r.on("response", (res) => { res.resume(); console.log(res.statusCode, res.headers.connection); res.on("end", ok) }))
r.write('{"type":'); await new Promise((ok) => setTimeout(ok, 300))
const t = performance.now(); const closed = doors.close().then(() => console.log("closed after", performance.now() - t))
r.end('"a"}'); await answered; await closed; agent.destroy()
