// A plain HTTP request over a Unix socket, for tests that look at the protocol itself.
import { type IncomingMessage, request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

export interface RawRequest {
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function open(socketPath: string, { path, body, headers = {} }: RawRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const outgoing = request({ socketPath, path, method, agent: false, headers }, resolve);
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

export async function ask(socketPath: string, raw: RawRequest): Promise<Answer> {
  const message = await open(socketPath, raw);
  const pieces: Buffer[] = [];
  for await (const piece of message) pieces.push(piece);
  const text = Buffer.concat(pieces).toString("utf8");
  return { status: message.statusCode ?? 0, type: message.headers["content-type"] ?? "", text };
}

/** The code of an error answer. */
export function failureCode(answer: Answer): unknown {
  const parsed: unknown = JSON.parse(answer.text);
  if (typeof parsed !== "object" || parsed === null || !("error" in parsed)) return undefined;
  const { error } = parsed;
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
