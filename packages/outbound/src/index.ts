export * from "./attempt-sender.ts"
export { type AddressPolicy, addressPolicy, type PolicySettings } from "./guard/address-policy.ts"
export { judgeUrl, type UrlJudgement, urlJudge, type UrlRule } from "./guard/url-rules.ts"
