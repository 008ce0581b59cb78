// What scanners learned of a server: the ports that answered them.
import { type Family, families, type Source } from "./addresses.ts";
import { Capture } from "./capture.ts";
import type { Lab } from "./lab.ts";
import type { Scanner } from "./scanners.ts";
import { addressesOf, type ServerName, secretsOf } from "./servers.ts";

/** SYN+ACKs (also behind a bare IPv6 header) and datagrams: all that is asked of all ports would fill a capture. */
const ANSWERS = "tcp[13] & 18 = 18 or (ip6[6] = 6 and ip6[53] & 18 = 18) or udp";
/** "IP 198.51.100.1.80 > 203.0.113.5.40000: tcp 0"; a datagram: "UDP, length 1". */
const LINE = /^IP6? (\S+) > (\S+)\.\d+: (tcp|UDP)/;

export interface Learned {
  /** "ADDRESS.PORT" of those that are not public. */
  readonly secrets: readonly string[];
  /** How many of the others: the scan has arrived. */
  readonly others: number;
}

export interface Asker {
  readonly scanner: Scanner;
  readonly family: Family;
  readonly source: Source;
}

/** For each of some scans that run at once. */
export async function disclosed(
  lab: Lab,
  server: ServerName,
  askers: readonly Asker[],
  seconds: number,
): Promise<readonly Learned[]> {
  const hosts = families.flatMap((family) => addressesOf(server, family)).map((address) => `src host ${address}`);
  const capture = await Capture.start(lab, `(${hosts.join(" or ")}) and (${ANSWERS})`, ["-q"]);
  await Promise.all(askers.map(({ scanner, family, source }) => scanner.run({ lab, server, family, source, seconds })));
  const lines = await capture.stopWithLines();
  return askers.map(({ scanner: { protocol }, family, source }) => {
    const answered = new Set<string>();
    for (const line of lines) {
      const [, from = "", to, what] = LINE.exec(line) ?? [];
      if (to === source[family] && what?.toLowerCase() === protocol) answered.add(from);
    }
    const secrets = secretsOf(server, family, protocol).filter((secret) => answered.has(secret));
    return { secrets, others: answered.size - secrets.length };
  });
}
