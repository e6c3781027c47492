export * from "./attempt-sender.ts"
export { type AddressPolicy, type ParsedServers, parseDnsServers } from "./guard/address-policy.ts"
export { type ParsedNetworks, parseAllowedNetworks } from "./guard/networks.ts"
export { judgeUrl, type UrlJudgement, type UrlRule } from "./guard/url-rules.ts"
