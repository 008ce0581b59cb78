// What Docker 29 sets up for published ports, by hand: its bridge with a container behind it, and its rules as each of its two
// backends loads them (moby's documents integration/network/bridge/{iptablesdoc,nftablesdoc} list them).
import { CONTAINER, INNER_LINK } from "./addresses.ts";
import type { Lab } from "./lab.ts";
import { waitUntil } from "./wait.ts";

export const backends = ["iptables", "nftables"] as const;
export type Backend = (typeof backends)[number];

export const BRIDGE = "docker0";

/** The port of the container that a port of the host leads to: another number, as mostly. */
export function insidePort(port: number): number {
  return port < 10_000 ? port + 10_000 : port;
}

/** Puts the container of a lab with `inner` behind a bridge, as Docker and other engines do. */
export async function bridgeContainer({ target }: Lab, bridge = BRIDGE): Promise<void> {
  const { gateway4, gateway6 } = CONTAINER;
  const commands = [
    `link add ${bridge} type bridge`,
    `addr flush dev ${INNER_LINK}`,
    `link set ${INNER_LINK} master ${bridge}`,
    `addr add ${gateway4}/24 dev ${bridge}`,
    `addr add ${gateway6}/64 dev ${bridge} nodad`,
    `link set ${bridge} up`,
  ];
  await target.mustRun(["ip", "-batch", "-"], `${commands.join("\n")}\n`);
  await waitUntil(`${bridge} is up`, async () =>
    (await target.mustRun(["ip", "link", "show", bridge])).includes("state UP"),
  );
}

interface Port {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

/** `docker run -p PORT:INSIDE` for each of the ports, over both families. */
export async function publishByDocker(
  { target }: Lab,
  backend: Backend,
  { tcp = [], udp = [] }: { readonly tcp?: readonly number[]; readonly udp?: readonly number[] },
): Promise<void> {
  const ports: readonly Port[] = [
    ...tcp.map((port) => ({ protocol: "tcp", port }) as const),
    ...udp.map((port) => ({ protocol: "udp", port }) as const),
  ];
  for (const family of [4, 6] as const) {
    if (backend === "nftables") await target.mustRun(["nft", "-f", "-"], nftablesRules(family, ports));
    else await target.mustRun([family === 4 ? "iptables-restore" : "ip6tables-restore"], iptablesRules(family, ports));
  }
}

function placesOf(family: 4 | 6) {
  return family === 4
    ? { ip: "ip", container: CONTAINER.ipv4, bits: 32, network: "10.88.0.0/24", loopback: "127.0.0.0/8" }
    : { ip: "ip6", container: CONTAINER.ipv6, bits: 128, network: "fd00:88::/64", loopback: "::1/128" };
}

/** The tables raw, nat and filter; where Docker has switched forwarding on, FORWARD drops. */
function iptablesRules(family: 4 | 6, ports: readonly Port[]): string {
  const { container, bits, network, loopback } = placesOf(family);
  const to = (port: number) => (family === 4 ? `${container}:${port}` : `[${container}]:${port}`);
  const each = (rule: (of: Port) => string) => ports.map(rule).join("\n");
  return `*raw
-A PREROUTING -d ${container}/${bits} ! -i ${BRIDGE} -j DROP
COMMIT
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d ${loopback} -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s ${network} ! -o ${BRIDGE} -j MASQUERADE
${each(({ protocol, port }) => `-A DOCKER ! -i ${BRIDGE} -p ${protocol} -m ${protocol} --dport ${port} -j DNAT --to-destination ${to(insidePort(port))}`)}
COMMIT
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-INTERNAL - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
${each(({ protocol, port }) => `-A DOCKER -d ${container}/${bits} ! -i ${BRIDGE} -o ${BRIDGE} -p ${protocol} -m ${protocol} --dport ${insidePort(port)} -j ACCEPT`)}
-A DOCKER ! -i ${BRIDGE} -o ${BRIDGE} -j DROP
-A DOCKER-BRIDGE -o ${BRIDGE} -j DOCKER
-A DOCKER-CT -o ${BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-INTERNAL
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i ${BRIDGE} -j ACCEPT
COMMIT
`;
}

function nftablesRules(family: 4 | 6, ports: readonly Port[]): string {
  const { ip, container, network, loopback } = placesOf(family);
  const to = (port: number) => (family === 4 ? `${container}:${port}` : `[${container}]:${port}`);
  const each = (rule: (of: Port) => string) => ports.map((port) => `    ${rule(port)}`).join("\n");
  return `table ${ip} docker-bridges {
  map filter-forward-in-jumps { type ifname : verdict; elements = { "${BRIDGE}" : jump filter-forward-in__${BRIDGE} }; }
  map filter-forward-out-jumps { type ifname : verdict; elements = { "${BRIDGE}" : jump filter-forward-out__${BRIDGE} }; }
  map nat-postrouting-in-jumps { type ifname : verdict; elements = { "${BRIDGE}" : jump nat-postrouting-in__${BRIDGE} }; }
  map nat-postrouting-out-jumps { type ifname : verdict; elements = { "${BRIDGE}" : jump nat-postrouting-out__${BRIDGE} }; }
  chain filter-FORWARD {
    type filter hook forward priority filter; policy accept;
    oifname vmap @filter-forward-in-jumps
    iifname vmap @filter-forward-out-jumps
  }
  chain nat-OUTPUT {
    type nat hook output priority -100; policy accept;
    ${ip} daddr != ${loopback} fib daddr type local counter jump nat-prerouting-and-output
  }
  chain nat-POSTROUTING {
    type nat hook postrouting priority srcnat; policy accept;
    iifname vmap @nat-postrouting-out-jumps
    oifname vmap @nat-postrouting-in-jumps
  }
  chain nat-PREROUTING {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local counter jump nat-prerouting-and-output
  }
  chain nat-prerouting-and-output {
${each(({ protocol, port }) => `iifname != "${BRIDGE}" ${protocol} dport ${port} counter dnat to ${to(insidePort(port))} comment "DNAT"`)}
  }
  chain raw-PREROUTING {
    type filter hook prerouting priority raw; policy accept;
    ${ip} daddr ${container} iifname != "${BRIDGE}" counter drop comment "DROP DIRECT ACCESS"
  }
  chain filter-forward-in__${BRIDGE} {
    ct state established,related counter accept
    iifname "${BRIDGE}" counter accept comment "ICC"
${each(({ protocol, port }) => `${ip} daddr ${container} ${protocol} dport ${insidePort(port)} counter accept`)}
    counter drop comment "UNPUBLISHED PORT DROP"
  }
  chain filter-forward-out__${BRIDGE} {
    ct state established,related counter accept
    counter accept comment "OUTGOING"
  }
  chain nat-postrouting-in__${BRIDGE} {
  }
  chain nat-postrouting-out__${BRIDGE} {
    oifname != "${BRIDGE}" ${ip} saddr ${network} counter masquerade comment "MASQUERADE"
  }
}
`;
}
