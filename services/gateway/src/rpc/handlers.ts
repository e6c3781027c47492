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
import { batchCreateSubscriptions } from "./batch-create-subscriptions.ts"
import { cancelDelivery } from "./cancel-delivery.ts"
import { cancelEvent } from "./cancel-event.ts"
import { cancelTask } from "./cancel-task.ts"
import { createApplication } from "./create-application.ts"
import { createEventType } from "./create-event-type.ts"
import { createKey } from "./create-key.ts"
import { createSubscription } from "./create-subscription.ts"
import { deleteApplication } from "./delete-application.ts"
import { deleteEventType } from "./delete-event-type.ts"
import { deleteSubscription } from "./delete-subscription.ts"
import { disableSubscription } from "./disable-subscription.ts"
import { discardDeadLetters } from "./discard-dead-letters.ts"
import { enableSubscription } from "./enable-subscription.ts"
import { getApplication } from "./get-application.ts"
import { getDelivery } from "./get-delivery.ts"
import { getEvent } from "./get-event.ts"
import { getEventPayload } from "./get-event-payload.ts"
import { getEventType } from "./get-event-type.ts"
import { getKey } from "./get-key.ts"
import { getSubscription } from "./get-subscription.ts"
import { getStats } from "./get-stats.ts"
import { getSubscriptionStats } from "./get-subscription-stats.ts"
import { getTask } from "./get-task.ts"
import { importEventTypes } from "./import-event-types.ts"
import { listAuditLog } from "./list-audit-log.ts"
import { listApplications } from "./list-applications.ts"
import { listDeadLetters } from "./list-dead-letters.ts"
import { listDeliveries } from "./list-deliveries.ts"
import { listEvents } from "./list-events.ts"
import { listEventTypes } from "./list-event-types.ts"
import { listKeys } from "./list-keys.ts"
import { listSubscriptions } from "./list-subscriptions.ts"
import { listTasks } from "./list-tasks.ts"
import { pauseSubscription } from "./pause-subscription.ts"
import { queryTimeseries } from "./query-timeseries.ts"
import { queryTop } from "./query-top.ts"
import { redriveDeadLetters } from "./redrive-dead-letters.ts"
import { resumeSubscription } from "./resume-subscription.ts"
import { retryDelivery } from "./retry-delivery.ts"
import { revokeKey } from "./revoke-key.ts"
import { rotateSecret } from "./rotate-secret.ts"
import type { RpcContext } from "./rpc-context.ts"
import { testFilter } from "./test-filter.ts"
import { testSubscription } from "./test-subscription.ts"
import { updateApplication } from "./update-application.ts"
import { updateEventType } from "./update-event-type.ts"
import { updateSubscription } from "./update-subscription.ts"

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
    .register(SubscriptionService.method.rotateSecret, rotateSecret(context))
    .register(SubscriptionService.method.testSubscription, testSubscription(context))
    .register(AuditService.method.listAuditLog, listAuditLog(context))
    .register(EventTypeService.method.createEventType, createEventType(context))
    .register(EventTypeService.method.listEventTypes, listEventTypes(context))
    .register(EventTypeService.method.getEventType, getEventType(context))
    .register(EventTypeService.method.updateEventType, updateEventType(context))
    .register(EventTypeService.method.deleteEventType, deleteEventType(context))
    .register(EventTypeService.method.importEventTypes, importEventTypes(context))
    .register(EventService.method.listEvents, listEvents(context))
    .register(EventService.method.getEvent, getEvent(context))
    .register(EventService.method.getEventPayload, getEventPayload(context))
    .register(EventService.method.cancelEvent, cancelEvent(context))
    .register(DeliveryService.method.listDeliveries, listDeliveries(context))
    .register(DeliveryService.method.getDelivery, getDelivery(context))
    .register(DeliveryService.method.retryDelivery, retryDelivery(context))
    .register(DeliveryService.method.cancelDelivery, cancelDelivery(context))
    .register(DeadLetterService.method.listDeadLetters, listDeadLetters(context))
    .register(DeadLetterService.method.redriveDeadLetters, redriveDeadLetters(context))
    .register(DeadLetterService.method.discardDeadLetters, discardDeadLetters(context))
    .register(TaskService.method.listTasks, listTasks(context))
    .register(TaskService.method.getTask, getTask(context))
    .register(TaskService.method.cancelTask, cancelTask(context))
    .register(AnalyticsService.method.getStats, getStats(context))
    .register(AnalyticsService.method.getSubscriptionStats, getSubscriptionStats(context))
    .register(AnalyticsService.method.queryTimeseries, queryTimeseries(context))
    .register(AnalyticsService.method.queryTop, queryTop(context))
}
