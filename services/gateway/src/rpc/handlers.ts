import {
  AnalyticsService,
  ApplicationService,
  AuditService,
  DeadLetterService,
  DeliveryService,
  EventService,
  EventTypeService,
  KeyService,
  SubscriptionService,
  TaskService,
} from "@posthorn/proto"
import { Handlers } from "../call.ts"
import { repeatable } from "../commands/keyed.ts"
import { batchCreateSubscriptions } from "./subscriptions/batch-create-subscriptions.ts"
import { cancelDelivery } from "./deliveries/cancel-delivery.ts"
import { cancelEvent } from "./events/cancel-event.ts"
import { cancelTask } from "./tasks/cancel-task.ts"
import { countDeliveries } from "./deliveries/count-deliveries.ts"
import { createApplication } from "./applications/create-application.ts"
import { createEventType } from "./event-types/create-event-type.ts"
import { createKey } from "./keys/create-key.ts"
import { createSubscription } from "./subscriptions/create-subscription.ts"
import { deleteApplication } from "./applications/delete-application.ts"
import { deleteEventType } from "./event-types/delete-event-type.ts"
import { deleteSubscription } from "./subscriptions/delete-subscription.ts"
import { disableSubscription } from "./subscriptions/disable-subscription.ts"
import { discardDeadLetters } from "./dead-letters/discard-dead-letters.ts"
import { enableSubscription } from "./subscriptions/enable-subscription.ts"
import { getConservation } from "./audit/get-conservation.ts"
import { exportAuditLog } from "./audit/export-audit-log.ts"
import { exportDeadLetters } from "./dead-letters/export-dead-letters.ts"
import { exportDeliveries } from "./deliveries/export-deliveries.ts"
import { exportEvents } from "./events/export-events.ts"
import { getApplication } from "./applications/get-application.ts"
import { getDelivery } from "./deliveries/get-delivery.ts"
import { getEvent } from "./events/get-event.ts"
import { getEventPayload } from "./events/get-event-payload.ts"
import { getEventType } from "./event-types/get-event-type.ts"
import { getKey } from "./keys/get-key.ts"
import { getSubscription } from "./subscriptions/get-subscription.ts"
import { getStats } from "./analytics/get-stats.ts"
import { getSubscriptionStats } from "./analytics/get-subscription-stats.ts"
import { getTask } from "./tasks/get-task.ts"
import { importEventTypes } from "./event-types/import-event-types.ts"
import { listAuditLog } from "./audit/list-audit-log.ts"
import { listApplications } from "./applications/list-applications.ts"
import { listDeadLetters } from "./dead-letters/list-dead-letters.ts"
import { listDeliveries } from "./deliveries/list-deliveries.ts"
import { listEvents } from "./events/list-events.ts"
import { listEventTypes } from "./event-types/list-event-types.ts"
import { listKeys } from "./keys/list-keys.ts"
import { listSubscriptions } from "./subscriptions/list-subscriptions.ts"
import { listTasks } from "./tasks/list-tasks.ts"
import { pauseTask } from "./tasks/pause-task.ts"
import { pauseSubscription } from "./subscriptions/pause-subscription.ts"
import { queryTimeseries } from "./analytics/query-timeseries.ts"
import { queryTop } from "./analytics/query-top.ts"
import { redriveDeadLetters } from "./dead-letters/redrive-dead-letters.ts"
import { replayEvent } from "./events/replay-event.ts"
import { replayEvents } from "./events/replay-events.ts"
import { replaySubscription } from "./subscriptions/replay-subscription.ts"
import { resumeTask } from "./tasks/resume-task.ts"
import { resumeSubscription } from "./subscriptions/resume-subscription.ts"
import { retryDelivery } from "./deliveries/retry-delivery.ts"
import { revokeKey } from "./keys/revoke-key.ts"
import { rotateSecret } from "./subscriptions/rotate-secret.ts"
import type { RpcContext } from "./rpc-context.ts"
import { testFilter } from "./subscriptions/test-filter.ts"
import { testSubscription } from "./subscriptions/test-subscription.ts"
import { updateApplication } from "./applications/update-application.ts"
import { updateEventType } from "./event-types/update-event-type.ts"
import { updateSubscription } from "./subscriptions/update-subscription.ts"
import { watchDeliveries } from "./deliveries/watch-deliveries.ts"

/** Every method of the contract but those of `IngestService`. */
export function createHandlers(context: RpcContext): Handlers {
  return new Handlers((method, handler) => repeatable(context, method, handler))
    .register(ApplicationService.method.createApplication, createApplication(context))
    .register(ApplicationService.method.listApplications, listApplications(context))
    .register(ApplicationService.method.getApplication, getApplication(context))
    .register(ApplicationService.method.updateApplication, updateApplication(context))
    .register(ApplicationService.method.deleteApplication, deleteApplication(context))
    .register(KeyService.method.createKey, createKey(context))
    .register(KeyService.method.getKey, getKey(context))
    .register(KeyService.method.listKeys, listKeys(context))
    .register(KeyService.method.revokeKey, revokeKey(context))
    .register(SubscriptionService.method.createSubscription, createSubscription(context))
    .register(SubscriptionService.method.batchCreateSubscriptions, batchCreateSubscriptions(context))
    .register(SubscriptionService.method.testFilter, testFilter(context))
    .register(SubscriptionService.method.listSubscriptions, listSubscriptions(context))
    .register(SubscriptionService.method.getSubscription, getSubscription(context))
    .register(SubscriptionService.method.updateSubscription, updateSubscription(context))
    .register(SubscriptionService.method.deleteSubscription, deleteSubscription(context))
    .register(SubscriptionService.method.enableSubscription, enableSubscription(context))
    .register(SubscriptionService.method.disableSubscription, disableSubscription(context))
    .register(SubscriptionService.method.pauseSubscription, pauseSubscription(context))
    .register(SubscriptionService.method.resumeSubscription, resumeSubscription(context))
    .register(SubscriptionService.method.replaySubscription, replaySubscription(context))
    .register(SubscriptionService.method.rotateSecret, rotateSecret(context))
    .register(SubscriptionService.method.testSubscription, testSubscription(context))
    .register(AuditService.method.listAuditLog, listAuditLog(context))
    .register(AuditService.method.getConservation, getConservation(context))
    .registerFeed(AuditService.method.exportAuditLog, "export", exportAuditLog(context))
    .register(EventTypeService.method.createEventType, createEventType(context))
    .register(EventTypeService.method.listEventTypes, listEventTypes(context))
    .register(EventTypeService.method.getEventType, getEventType(context))
    .register(EventTypeService.method.updateEventType, updateEventType(context))
    .register(EventTypeService.method.deleteEventType, deleteEventType(context))
    .register(EventTypeService.method.importEventTypes, importEventTypes(context))
    .register(EventService.method.listEvents, listEvents(context))
    .registerFeed(EventService.method.exportEvents, "export", exportEvents(context))
    .register(EventService.method.getEvent, getEvent(context))
    .register(EventService.method.getEventPayload, getEventPayload(context))
    .register(EventService.method.cancelEvent, cancelEvent(context))
    .register(EventService.method.replayEvent, replayEvent(context))
    .register(EventService.method.replayEvents, replayEvents(context))
    .register(DeliveryService.method.listDeliveries, listDeliveries(context))
    .register(DeliveryService.method.countDeliveries, countDeliveries(context))
    .registerFeed(DeliveryService.method.exportDeliveries, "export", exportDeliveries(context))
    .registerFeed(DeliveryService.method.watchDeliveries, "watch", watchDeliveries(context))
    .register(DeliveryService.method.getDelivery, getDelivery(context))
    .register(DeliveryService.method.retryDelivery, retryDelivery(context))
    .register(DeliveryService.method.cancelDelivery, cancelDelivery(context))
    .register(DeadLetterService.method.listDeadLetters, listDeadLetters(context))
    .registerFeed(DeadLetterService.method.exportDeadLetters, "export", exportDeadLetters(context))
    .register(DeadLetterService.method.redriveDeadLetters, redriveDeadLetters(context))
    .register(DeadLetterService.method.discardDeadLetters, discardDeadLetters(context))
    .register(TaskService.method.listTasks, listTasks(context))
    .register(TaskService.method.getTask, getTask(context))
    .register(TaskService.method.cancelTask, cancelTask(context))
    .register(TaskService.method.pauseTask, pauseTask(context))
    .register(TaskService.method.resumeTask, resumeTask(context))
    .register(AnalyticsService.method.getStats, getStats(context))
    .register(AnalyticsService.method.getSubscriptionStats, getSubscriptionStats(context))
    .register(AnalyticsService.method.queryTimeseries, queryTimeseries(context))
    .register(AnalyticsService.method.queryTop, queryTop(context))
}
