// How long customers wait for a server's first byte; see programs/first-byte.ts.
import { z } from "zod";
import type { Host } from "./lab.ts";
import { program } from "./traffic.ts";

const firstByteSchema = z.array(
  z.object({ from: z.string(), port: z.number(), ms: z.number().nullable(), tries: z.number() }),
);
export type FirstBytes = z.infer<typeof firstByteSchema>;

export interface Customers {
  readonly to: string;
  readonly ports: readonly number[];
  readonly from: readonly string[];
  /** Milliseconds after which a try is given up. */
  readonly timeout: number;
  /** From the beginning of a try to that of the next one; at once when absent. */
  readonly every?: number;
  /** One when absent. */
  readonly tries?: number;
  /** They go on until each is served, and end each connection by an RST, as the health checks of load balancers do. */
  readonly checks?: true;
}

/** A connection of each source to each port, all at once. */
export async function firstBytes(host: Host, customers: Customers): Promise<FirstBytes> {
  const { ports, from, ...how } = customers;
  const argv = program("first-byte", { ...how, ports: ports.join(","), from: from.join(",") });
  return firstByteSchema.parse(JSON.parse(await host.mustRun(argv)));
}

/** Milliseconds of those that were served, in order of time. */
export function served(all: FirstBytes): readonly number[] {
  return all.flatMap(({ ms }) => (ms === null ? [] : [ms])).sort((a, b) => a - b);
}
