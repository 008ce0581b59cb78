// Floods from very many different sources, as fast as one core can send them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { prefix } from "../../support/prefix.ts";
import { LINK, SCANNER, TARGET } from "./addresses.ts";
import type { Lab } from "./lab.ts";

/**
 * One SYN from each of `sources` different addresses in 11.0.0.0/8. The three last bytes count on with every packet in
 * rounds of 253, 255 and 256, which have no common divisor: no address comes twice in 16,515,840 packets, and
 * neighbours in time are no neighbours in address. Answers with trafgen's own account of what it sent.
 */
export async function floodOfSyns(lab: Lab, sources: number, port: number): Promise<string> {
  const file = join(lab.folder, `flood-${port}.trafgen`);
  writeFileSync(file, synFrame(port));
  const argv = ["trafgen", "--dev", LINK, "--cpus", "1", "-Q", "-C", "--conf", file, "--num", String(sources)];
  return await lab.scanner.mustRun(argv);
}

/** One SYN from each of as many IPv6 /48 networks in 2a00::/8, no network twice. */
export async function floodOfNetworks(lab: Lab, networks: number, perSecond: number): Promise<void> {
  const mac = (text: string) => text.split(":").map((part) => `0x${part}`);
  const { w0, w1, w2, w3 } = prefix(TARGET.ipv6);
  const target = [w0, w1, w2, w3].map((word) => `c32(${word})`);
  const parts: readonly (string | number)[] = [
    ...mac(TARGET.mac),
    ...mac(SCANNER.mac),
    "c16(0x86dd)",
    // IPv6: 40 bytes of header, TCP, hop limit 64
    ...[0x60, 0, 0, 0, "c16(20)", 6, 64],
    ...[0x2a, 0, 0, "dinc(0, 252)", "dinc(0, 254)", "dinc(0, 255)", 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    ...target,
    ...["c16(40000)", "c16(4999)", "c32(1)", "c32(0)", 0x50, 0x02, "c16(1024)", "csumtcp(14, 54)", "c16(0)"],
  ];
  const file = join(lab.folder, "networks.trafgen");
  writeFileSync(file, `{ ${parts.join(", ")} }\n`);
  const argv = ["trafgen", "--dev", LINK, "--cpus", "1", "-Q", "-C", "--conf", file, "--num", String(networks)];
  await lab.scanner.mustRun([...argv, "--rate", `${perSecond}pps`]);
}

function synFrame(port: number): string {
  const mac = (text: string) => text.split(":").map((part) => `0x${part}`);
  const parts: readonly (string | number)[] = [
    ...mac(TARGET.mac),
    ...mac(SCANNER.mac),
    "c16(0x0800)",
    // IPv4: 20 bytes of header, 40 in all, TTL 64, TCP
    ...[0x45, 0, "c16(40)", "c16(1)", "c16(0)", 64, 6, "csumip(14, 33)"],
    ...[11, "dinc(0, 252)", "dinc(0, 254)", "dinc(0, 255)"],
    ...TARGET.ipv4.split("."),
    // TCP: sequence 1, SYN, window 1024
    ...["c16(40000)", `c16(${port})`, "c32(1)", "c32(0)", 0x50, 0x02, "c16(1024)", "csumtcp(14, 34)", "c16(0)"],
  ];
  return `{ ${parts.join(", ")} }\n`;
}

/** "999,999 of 1,000,000 (99.9999 %)" */
export function share(part: number, whole: number): string {
  return `${part.toLocaleString("en")} of ${whole.toLocaleString("en")} (${((100 * part) / whole).toFixed(4)} %)`;
}
