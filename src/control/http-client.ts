// One HTTP request over a Unix socket, and its answer as text or lines, with bounds on both. Faults of the socket
// become the errors of errors.ts.
import type { IncomingMessage } from "node:http";
import { errorCode, messageOf } from "../base/errors.ts";
import { ControlError, DaemonNotRunning, NotPermitted, ProtocolError } from "./errors.ts";

// Not by an import, which reads each export of the module: Node 24 loads undici for that of WebSocket, which takes 45 ms.
const { request } = process.getBuiltinModule("node:http");
const { connect } = process.getBuiltinModule("node:net");

export interface ControlRequest {
  readonly socketPath: string;
  readonly path: string;
  /** Sent as JSON with POST; absent: GET. */
  readonly body?: unknown;
  readonly accept?: string;
  /** Ends the request and whatever is still read of its answer. */
  readonly signal?: AbortSignal;
  /** Without an answer for so long, the daemon counts as hung; 0: wait for ever. */
  readonly timeoutMs: number;
}

const longestAnswerBytes = 128 * 1024 * 1024;
const longestLineChars = 4 * 1024 * 1024;

export function send(options: ControlRequest): Promise<IncomingMessage> {
  const { socketPath, path, body, accept, signal, timeoutMs } = options;
  return new Promise((resolve, reject) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const outgoing = request(
      {
        // No agent, which would look for a server's name to ask TLS for.
        createConnection: () => connect(socketPath),
        path,
        method: body === undefined ? "GET" : "POST",
        timeout: timeoutMs,
        headers: {
          host: "localhost",
          ...(accept === undefined ? {} : { accept }),
          ...(body === undefined
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
        },
        ...(signal === undefined ? {} : { signal }),
      },
      resolve,
    );
    outgoing.once("timeout", () => outgoing.destroy(new ControlError("timeout", silence(socketPath, timeoutMs))));
    outgoing.once("error", (error) => reject(transportError(error, socketPath)));
    outgoing.end(text);
  });
}

function silence(socketPath: string, timeoutMs: number): string {
  return `the daemon behind ${socketPath} was silent for ${timeoutMs / 1000} s: it is overloaded or hangs; see its log`;
}

export async function readText(message: IncomingMessage, socketPath: string): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of readPieces(message, socketPath)) {
    bytes += piece.byteLength;
    if (bytes > longestAnswerBytes) throw new ProtocolError(socketPath, `more than ${longestAnswerBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** The lines of an answer as they come, without their ends. */
export async function* readLines(message: IncomingMessage, socketPath: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of readPieces(message, socketPath)) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > longestLineChars) throw new ProtocolError(socketPath, "a line without end");
    yield* lines;
  }
  if (rest !== "") yield rest;
}

async function* readPieces(message: IncomingMessage, socketPath: string): AsyncGenerator<Buffer> {
  try {
    for await (const piece of message) {
      if (Buffer.isBuffer(piece)) yield piece;
    }
  } catch (error) {
    throw transportError(error, socketPath);
  }
}

function transportError(error: unknown, socketPath: string): Error {
  if (error instanceof ControlError) return error;
  switch (errorCode(error)) {
    case "ENOENT":
    case "ECONNREFUSED":
    case "ENOTDIR":
      return new DaemonNotRunning(socketPath, error);
    case "EACCES":
    case "EPERM":
      return new NotPermitted(socketPath, error);
    case "ECONNRESET":
    case "EPIPE":
      return new ControlError("connection-lost", `the daemon behind ${socketPath} closed the connection; see its log`, {
        cause: error,
      });
    case "ABORT_ERR":
      return new ControlError("aborted", "aborted", { cause: error });
    default:
      return new ProtocolError(socketPath, messageOf(error), error);
  }
}
