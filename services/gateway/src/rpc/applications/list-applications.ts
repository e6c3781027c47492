import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { type ApplicationService, ListApplicationsResponseSchema } from "@posthorn/proto"
import type { Handler } from "../../call.ts"
import { pageOf } from "../page.ts"
import type { RpcContext } from "../rpc-context.ts"

export const listApplications =
  ({ config }: RpcContext): Handler<typeof ApplicationService.method.listApplications> =>
  async (request, call) => {
    const own = call.caller.applicationId
    const page = own === undefined ? pageOf(config.table.applications(), "application", request) : { ids: [own], nextPageToken: "" }
    if (isRefusal(page)) return page
    const applications = page.ids.flatMap((id) => config.table.application(id)?.application ?? [])
    return create(ListApplicationsResponseSchema, { applications, nextPageToken: page.nextPageToken })
  }
