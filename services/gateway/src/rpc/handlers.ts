import {
  ApplicationService,
  DeadLetterService,
  DeliveryService,
  EventService,
  KeyService,
  SubscriptionService,
  TaskService,
} from "@posthorn/proto"
import { Handlers } from "../call.ts"
import { cancelDelivery } from "./cancel-delivery.ts"
import { cancelTask } from "./cancel-task.ts"
import { createApplication } from "./create-application.ts"
import { createKey } from "./create-key.ts"
import { createSubscription } from "./create-subscription.ts"
import { deleteApplication } from "./delete-application.ts"
import { deleteSubscription } from "./delete-subscription.ts"
import { disableSubscription } from "./disable-subscription.ts"
import { discardDeadLetters } from "./discard-dead-letters.ts"
import { enableSubscription } from "./enable-subscription.ts"
import { getApplication } from "./get-application.ts"
import { getDelivery } from "./get-delivery.ts"
import { getEvent } from "./get-event.ts"
import { getEventPayload } from "./get-event-payload.ts"
import { getSubscription } from "./get-subscription.ts"
import { getTask } from "./get-task.ts"
import { listApplications } from "./list-applications.ts"
import { listDeadLetters } from "./list-dead-letters.ts"
import { listDeliveries } from "./list-deliveries.ts"
import { listEvents } from "./list-events.ts"
import { listKeys } from "./list-keys.ts"
import { listSubscriptions } from "./list-subscriptions.ts"
import { listTasks } from "./list-tasks.ts"
import { pauseSubscription } from "./pause-subscription.ts"
import { redriveDeadLetters } from "./redrive-dead-letters.ts"
import { resumeSubscription } from "./resume-subscription.ts"
import { retryDelivery } from "./retry-delivery.ts"
import { revokeKey } from "./revoke-key.ts"
import type { RpcContext } from "./rpc-context.ts"
import { updateApplication } from "./update-application.ts"
import { updateSubscription } from "./update-subscription.ts"

/** Every method of the contract but those of `IngestService`. */
export function createHandlers(context: RpcContext): Handlers {
  return new Handlers()
    .register(ApplicationService.method.createApplication, createApplication(context))
    .register(ApplicationService.method.listApplications, listApplications(context))
    .register(ApplicationService.method.getApplication, getApplication(context))
    .register(ApplicationService.method.updateApplication, updateApplication(context))
    .register(ApplicationService.method.deleteApplication, deleteApplication(context))
    .register(KeyService.method.createKey, createKey(context))
    .register(KeyService.method.listKeys, listKeys(context))
    .register(KeyService.method.revokeKey, revokeKey(context))
    .register(SubscriptionService.method.createSubscription, createSubscription(context))
    .register(SubscriptionService.method.listSubscriptions, listSubscriptions(context))
    .register(SubscriptionService.method.getSubscription, getSubscription(context))
    .register(SubscriptionService.method.updateSubscription, updateSubscription(context))
    .register(SubscriptionService.method.deleteSubscription, deleteSubscription(context))
    .register(SubscriptionService.method.enableSubscription, enableSubscription(context))
    .register(SubscriptionService.method.disableSubscription, disableSubscription(context))
    .register(SubscriptionService.method.pauseSubscription, pauseSubscription(context))
    .register(SubscriptionService.method.resumeSubscription, resumeSubscription(context))
    .register(EventService.method.listEvents, listEvents(context))
    .register(EventService.method.getEvent, getEvent(context))
    .register(EventService.method.getEventPayload, getEventPayload(context))
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
}
