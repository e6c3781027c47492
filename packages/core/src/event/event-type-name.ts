import { EVENT_TYPE_LENGTH_MAX } from "../limits.ts"

const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/

/** Whether a text is words of letters, digits, `_` and `-` joined by dots, however long. */
export const isDotted = (text: string): boolean => NAME.test(text)

/** Whether a text can be the name of an event type. */
export const isEventTypeName = (text: string): boolean => text.length <= EVENT_TYPE_LENGTH_MAX && isDotted(text)
