// Servers of several kinds, of which the benches and test/lab/disclosure.test.ts ask what scanners learn.
import { CONTAINER, type Family, families, LINK, TARGET } from "./addresses.ts";
import { bridgeContainer, insidePort, publishByDocker } from "./docker.ts";
import { openGateway, PROTECTED } from "./gateway.ts";
import { Lab } from "./lab.ts";
import { popularPorts } from "./scan.ts";
import { PUBLIC, type Settings, shipped } from "./settings.ts";
import { serve } from "./traffic.ts";

/** The shipped judgement, told to block. */
export const blocking: Settings = { ...shipped, PROOF: "on", GREYLIST: "on" };
/** PUBLIC_PORTS_UDP of the shipped file. */
const PUBLIC_UDP: readonly number[] = [53, 443];

export interface Server {
  /** Served by the host itself. */
  readonly tcp: readonly number[];
  readonly udp?: readonly number[];
  /** Served by a container behind it, and published by Docker's rules. */
  readonly published?: readonly number[];
  /** Served by each of the hosts behind it, for which it is the router. */
  readonly behind?: readonly (readonly number[])[];
  /** Beside those that all have. */
  readonly settings?: Settings;
}

export const servers = {
  web: { tcp: [22, 80, 443] },
  mail: { tcp: [22, 25, 80, 110, 143, 443, 465, 587, 993, 995, 4190] },
  database: { tcp: [22, 3306, 5432, 6379, 9200, 27017], udp: [161, 11211] },
  docker: { tcp: [22], published: [80, 443, 3306, 5432, 6379, 8080, 9000], udp: [1194] },
  gateway: {
    tcp: [22],
    behind: [
      [22, 3306],
      [22, 80, 443],
      [22, 25, 5432],
    ],
    settings: { PROTECT: PROTECTED },
  },
  popular: { tcp: popularPorts(20), udp: popularPorts(20, "udp") },
} as const satisfies Readonly<Record<string, Server>>;
export type ServerName = keyof typeof servers;

/** Its addresses: its own, or those of the hosts behind it. */
export function addressesOf(name: ServerName, family: Family): readonly string[] {
  const { behind = [] }: Server = servers[name];
  // The container's and those that follow it.
  const next = (index: number) => CONTAINER[family].replace(/2$/, String(2 + index));
  return behind.length === 0 ? [TARGET[family]] : behind.map((_, index) => next(index));
}

/** The ports that it serves and that are not public, as "ADDRESS.PORT". */
export function secretsOf(name: ServerName, family: Family, protocol: "tcp" | "udp"): readonly string[] {
  const { tcp, udp = [], published = [], behind }: Server = servers[name];
  const served = protocol === "udp" ? [udp] : (behind ?? [[...tcp, ...published]]);
  const publicPorts = protocol === "udp" ? PUBLIC_UDP : PUBLIC;
  return addressesOf(name, family).flatMap((address, index) =>
    (served[index] ?? []).filter((port) => !publicPorts.includes(port)).map((port) => `${address}.${port}`),
  );
}

/** The ports of these, each once. */
export function secretPortsOf(name: ServerName, protocol: "tcp" | "udp"): readonly number[] {
  return [...new Set(secretsOf(name, "ipv4", protocol).map((secret) => Number(secret.split(".").at(-1))))];
}

/** A lab in which it serves; the caller closes the lab. */
export async function openServer(name: ServerName): Promise<Lab> {
  const { tcp, udp = [], published = [], behind }: Server = servers[name];
  const lab = behind === undefined ? await Lab.open({ inner: published.length > 0 }) : await openGateway();
  try {
    await serve(lab, lab.target, { tcp, udp });
    if (behind !== undefined) await serveBehind(lab, name, behind);
    if (published.length > 0) {
      await bridgeContainer(lab);
      await serve(lab, lab.inner, { tcp: published.map(insidePort) });
      await publishByDocker(lab, "nftables", { tcp: published });
    }
  } catch (error) {
    await lab.close();
    throw error;
  }
  return lab;
}

async function serveBehind(lab: Lab, name: ServerName, behind: readonly (readonly number[])[]): Promise<void> {
  for (const family of families) {
    const [bits, nodad] = family === "ipv4" ? ["24", []] : ["64", ["nodad"]];
    for (const [index, address] of addressesOf(name, family).entries()) {
      if (index > 0) await lab.inner.mustRun(["ip", "addr", "add", `${address}/${bits}`, "dev", LINK, ...nodad]);
      await serve(lab, lab.inner, { tcp: behind[index] ?? [], address });
    }
  }
}

export const settingsOf = (name: ServerName): Settings => ({ ...blocking, ...(servers[name] as Server).settings });
