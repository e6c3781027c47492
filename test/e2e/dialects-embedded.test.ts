import { dialects } from "./dialects.ts"
import { startStandalone } from "./installation.ts"

dialects("dialects are spoken by one process on embedded parts", startStandalone)
