import { answer, hang, reset, startReceiver } from "@posthorn/testkit"
import { describeSender, type EndpointBehaviour } from "../conformance/sender-conformance.ts"
import { createUndiciSender } from "./undici-sender.ts"
import { policyAllowing } from "../conformance/policy-allowing.ts"

const replyTo = (behaviour: EndpointBehaviour) => {
  if (behaviour.kind !== "answer") return behaviour.kind === "hang" ? hang : reset
  const { statusCode, headers = {}, body } = behaviour
  return answer(statusCode, body === undefined ? { headers } : { headers, body })
}

describeSender("the undici sender", async (behaviour) => {
  const receiver = await startReceiver({ behaviour: replyTo(behaviour) })
  return {
    sender: createUndiciSender({ policy: policyAllowing("loopback") }),
    url: `${receiver.url}/hook`,
    requestCount: () => receiver.count,
    stop: () => receiver.stop(),
  }
})
