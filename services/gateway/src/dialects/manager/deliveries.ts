import { isRefusal } from "@posthorn/core"
import { AnalyticsService } from "@posthorn/proto"
import { newestAttempts } from "../attempts-of.ts"
import type { DialectRoute } from "../dialect.ts"
import { shownAttempt } from "./shown-attempt.ts"

const recent: DialectRoute = {
  method: "GET",
  path: "/api/deliveries",
  answer: async (_request, calls) => {
    const newest = await newestAttempts(calls, "")
    return isRefusal(newest) ? newest : { status: 200, body: newest.map(({ delivery, attempt }) => shownAttempt(delivery, attempt)) }
  },
}

/** Deliveries are counted by their attempts, over the last 24 hours. */
const stats: DialectRoute = {
  method: "GET",
  path: "/api/stats",
  answer: async (_request, calls) => {
    const found = await calls.rpc(AnalyticsService.method.getStats, (applicationId) => ({ applicationId }))
    if (isRefusal(found)) return found
    const { attempts, subscriptions } = found.stats ?? {}
    return {
      status: 200,
      body: {
        webhooks: { active: subscriptions?.active ?? 0, total: subscriptions?.total ?? 0 },
        deliveries_24h: {
          total: attempts?.total ?? 0,
          successful: attempts?.delivered ?? 0,
          failed: attempts?.failed ?? 0,
          avg_duration_ms: Math.round((attempts?.durationMs?.average ?? 0) * 10) / 10,
        },
      },
    }
  },
}

export const deliveryRoutes: readonly DialectRoute[] = [recent, stats]
