import { EVENT_TYPE_LENGTH_MAX } from "../limits.ts"

const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/

/** Whether a text can be the name of an event type: words of letters, digits, `_` and `-` joined by dots. */
export const isEventTypeName = (text: string): boolean => text.length <= EVENT_TYPE_LENGTH_MAX && NAME.test(text)
