import { startStandalone } from "./installation.ts"
import { mainJob } from "./main-job.ts"

mainJob("the main job in one process on embedded parts", startStandalone)
