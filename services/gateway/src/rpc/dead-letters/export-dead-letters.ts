import { create } from "@bufbuild/protobuf"
import { isRefusal, limits } from "@posthorn/core"
import { ExportDeadLettersResponseSchema, ListDeadLettersRequestSchema, type DeadLetterService } from "@posthorn/proto"
import type { FeedHandler } from "../../call.ts"
import { exported } from "../exported.ts"
import type { RpcContext } from "../rpc-context.ts"
import { listDeadLetters } from "./list-dead-letters.ts"

export const exportDeadLetters = (context: RpcContext): FeedHandler<typeof DeadLetterService.method.exportDeadLetters> => {
  const list = listDeadLetters(context)
  return async (request, call) =>
    exported({
      pageToken: request.pageToken,
      read: async (pageToken) => {
        const page = await list(
          { ...request, $typeName: ListDeadLettersRequestSchema.typeName, pageToken, pageSize: limits.PAGE_SIZE_MAX },
          call,
        )
        return isRefusal(page) ? page : { rows: page.deadLetters, nextPageToken: page.nextPageToken }
      },
      messageOf: (deadLetter, pageToken) => create(ExportDeadLettersResponseSchema, { pageToken, deadLetter }),
      signal: call.signal,
    })
}
