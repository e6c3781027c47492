import { control } from "./control.ts"
import { startStandalone } from "./installation.ts"

control("deliveries are controlled in one process on embedded parts", startStandalone)
