// What really came back over the wire, seen by tcpdump on the scanner's side: the judge of every leak test.
import { LINK, NOBODY, SCANNER } from "./addresses.ts";
import type { Running } from "./exec.ts";
import type { Lab } from "./lab.ts";
import { udp } from "./packets.ts";
import { sendPackets } from "./raw.ts";

/** "IP 198.51.100.1.80 > 203.0.113.5.40000: Flags [S.], ..." */
const LINE = /^IP6? (\S+)\.(\d+) > (\S+)\.(\d+): Flags \[([^\]]*)\]/;
/** SYN and RST segments of both families (byte 13 of the TCP header; behind a bare IPv6 header). */
const SEGMENTS = "tcp[13] & 6 != 0 or (ip6[6] = 6 and ip6[53] & 6 != 0)";

export interface Segment {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  /** As tcpdump prints them: "S" a SYN, "S." SYN+ACK, "R." RST+ACK. */
  readonly flags: string;
}

export class Capture {
  readonly #lab: Lab;
  readonly #tcpdump: Running;

  private constructor(lab: Lab, tcpdump: Running) {
    this.#lab = lab;
    this.#tcpdump = tcpdump;
  }

  /**
   * Returns when tcpdump is listening. It catches segments with SYN or RST set, unless told; 64 MiB of buffer hold big scans.
   * `more`: options of tcpdump's.
   */
  static async start(lab: Lab, filter = SEGMENTS, more: readonly string[] = []): Promise<Capture> {
    const options = ["-i", LINK, "-lnnt", "--immediate-mode", "-s", "128", "-B", "65536", ...more];
    const tcpdump = lab.spawn(lab.scanner, ["tcpdump", ...options, `(${filter}) or host ${NOBODY.ipv4}`]);
    await tcpdump.waitForLine(/listening on/);
    return new Capture(lab, tcpdump);
  }

  /**
   * Ends the capture once all that came before has been printed: a datagram to nobody marks the end.
   * Fails if packets were dropped on the way to tcpdump, for then no count can be trusted.
   */
  async stop(): Promise<readonly Segment[]> {
    return (await this.stopWithLines()).flatMap(parseSegment);
  }

  /** The same, as tcpdump's lines. */
  async stopWithLines(): Promise<readonly string[]> {
    const mark = udp({ from: SCANNER.ipv4, to: NOBODY.ipv4, port: 9 });
    await sendPackets(this.#lab, [mark], { mac: NOBODY.mac });
    await this.#tcpdump.waitForLine(new RegExp(`> ${NOBODY.ipv4}\\.9: UDP`));
    await this.#tcpdump.stop("SIGINT");
    const dropped = this.#tcpdump.lines.find((line) => /dropped by kernel/.test(line)) ?? "";
    if (!/^0 packets dropped/.test(dropped)) throw new Error(`tcpdump lost packets: "${dropped}"`);
    return this.#tcpdump.lines;
  }
}

function parseSegment(line: string): Segment[] {
  const [, from = "", fromPort = "", to = "", toPort = "", flags] = LINE.exec(line) ?? [];
  if (flags === undefined) return [];
  return [{ from, fromPort: Number(fromPort), to, toPort: Number(toPort), flags }];
}

/** The distinct ports that answered SYN+ACK to a source: what a SYN scan could learn. */
export function portsThatAnswered(segments: readonly Segment[], source: string): readonly number[] {
  const ports = new Set<number>();
  for (const segment of segments) {
    if (segment.to === source && segment.flags.startsWith("S") && segment.flags.includes(".")) {
      ports.add(segment.fromPort);
    }
  }
  return [...ports].sort((a, b) => a - b);
}
