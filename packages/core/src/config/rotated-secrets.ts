import { create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { SigningSecretSchema, type SigningSecret } from "@posthorn/proto"
import * as limits from "../limits.ts"
import { refuse, type Refusal } from "../refusal.ts"

/**
 * A subscription's secrets after a rotation, newest first: the earlier ones go on signing for the overlap, none longer than it would have anyway.
 * Refuses one more than `SIGNING_SECRETS_MAX`: dropping one would break receivers that were promised time.
 */
export function rotatedSecrets(
  today: readonly SigningSecret[],
  { secret, overlapSeconds }: { readonly secret: SigningSecret; readonly overlapSeconds: number },
  nowMs: number,
): readonly SigningSecret[] | Refusal {
  const overlapEndMs = nowMs + overlapSeconds * 1000
  const endMs = ({ expiresAt }: SigningSecret): number => Math.min(overlapEndMs, expiresAt ? timestampMs(expiresAt) : overlapEndMs)
  const earlier = today.filter((each) => endMs(each) > nowMs)
  if (earlier.length >= limits.SIGNING_SECRETS_MAX)
    return refuse(
      "failed_precondition",
      `${earlier.length} secrets sign already: wait until one of them ends, or end all of them at once with an overlap of 0 seconds.`,
    )
  return [secret, ...earlier.map((each) => create(SigningSecretSchema, { ...each, expiresAt: timestampFromMs(endMs(each)) }))]
}
