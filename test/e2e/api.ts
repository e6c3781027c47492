import type { Installation } from "./installation.ts"

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers: Headers
}

/** REST as a user's program calls it. */
export interface Api {
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>
  /** Rejects unless the answer is a success. */
  must<T>(method: string, path: string, body?: unknown): Promise<T>
}

export function apiOf(installation: Pick<Installation, "httpUrl">, key: string): Api {
  const call: Api["call"] = async (method, path, body, headers = {}) => {
    const raw = typeof body === "string" || body instanceof Uint8Array
    const response = await fetch(installation.httpUrl + path, {
      method,
      headers: { ...(key === "" ? {} : { authorization: `Bearer ${key}` }), "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: raw ? Buffer.from(body) : JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text,
    }
  }
  return {
    call,
    async must<T>(method: string, path: string, body?: unknown) {
      const answer = await call(method, path, body)
      if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
      return answer.body as T
    },
  }
}
