/** Of every part of Posthorn; the same as in the root's package.json. */
export const VERSION = "0.1.0"
