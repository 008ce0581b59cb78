// Serves the daemon's interface over HTTP on a Unix socket. Every request, queue and connection has a bound; a slow or
// hostile client costs the daemon no more than that. What the routes mean is in routes.ts.
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Counted } from "../base/counted.ts";
import type { ServedApi } from "./endpoints.ts";
import { Followers } from "./followers.ts";
import { type ControlLimits, controlLimits } from "./limits.ts";
import { createRoutes } from "./routes.ts";
import { listenOn, type SocketFile } from "./socket.ts";
import { readVersion } from "./version.ts";

export interface ControlServerOptions extends SocketFile {
  readonly api: ServedApi;
  /** Called with an error inside a request; the client gets a 500. Default: the error is dropped. */
  readonly report?: (error: Error) => void;
  readonly nowMs?: () => number;
  /**
   * The user at the other end of a connection, by its descriptor: only root and the daemon's own user may change anything.
   * Absent: every user who can open the socket may.
   */
  readonly peerUid?: (fd: number) => number | undefined;
  readonly limits?: Partial<ControlLimits>;
}

export interface ControlServer extends Counted {
  /** Ends all connections and removes the socket. */
  close(): Promise<void>;
}

/** Throws SocketUnusable when the path is taken by a living daemon or by something that is no socket. */
export async function serveControl(options: ControlServerOptions): Promise<ControlServer> {
  const limits = { ...controlLimits, ...options.limits };
  const { api } = options;
  const followers = new Followers({
    follow: (listener) => api.follow(listener),
    limits,
    nowMs: options.nowMs ?? Date.now,
  });
  const { peerUid, report = () => {} } = options;
  const mayChange = (socket: Socket) => peerUid === undefined || isOwner(peerUid(descriptorOf(socket)));
  const routes = createRoutes({ api, followers, limits, report, mayChange });
  const server = createHttpServer(limits, `portreeve/${readVersion()} (pid ${process.pid})`, routes.fetch);
  await listenOn(server, options);
  return {
    counters: followers.counters,
    close: () =>
      new Promise((resolve) => {
        followers.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function isOwner(uid: number | undefined): boolean {
  return uid !== undefined && (uid === 0 || uid === process.geteuid?.());
}

/** -1, of which the kernel knows no peer, when Node does not tell it. */
function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, "_handle");
  const fd: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : undefined;
  return typeof fd === "number" ? fd : -1;
}

type Fetch = Parameters<typeof getRequestListener>[0];

function createHttpServer(limits: ControlLimits, name: string, fetch: Fetch): Server {
  const answer = getRequestListener(fetch, {
    hostname: "localhost",
    overrideGlobalObjects: false,
    errorHandler: () =>
      Response.json({ error: { code: "bad-request", message: "unreadable request" } }, { status: 400 }),
  });
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: 1_000,
    },
    (incoming, outgoing) => {
      outgoing.setHeader("server", name);
      void answer(incoming, outgoing);
    },
  );
  server.maxConnections = limits.connections;
  server.timeout = limits.idleTimeoutMs;
  return server;
}
