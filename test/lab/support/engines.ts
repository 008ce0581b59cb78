// What other engines than Docker set up for a published port, by hand, in each of their backends: podman (netavark's
// src/firewall), libvirt's NAT network (its tests/networkxml2firewalldata) with the forwarding that its administrators add by a
// hook, LXD and Incus with a proxy device (their firewall drivers).
import { CONTAINER, TARGET } from "./addresses.ts";
import { insidePort } from "./docker.ts";
import type { Lab } from "./lab.ts";

type Ports = readonly number[];

interface Places {
  readonly ip: "ip" | "ip6";
  readonly host: string;
  readonly container: string;
  readonly bits: number;
  readonly network: string;
  readonly gateway: string;
  readonly loopback: string;
  /** Where a port of the container is, as rules write it. */
  readonly to: (port: number) => string;
}

const both: readonly Places[] = [
  {
    ...{ ip: "ip", host: TARGET.ipv4, container: CONTAINER.ipv4, bits: 32, network: "10.88.0.0/24" },
    ...{ gateway: CONTAINER.gateway4, loopback: "127.0.0.1" },
    to: (port) => `${CONTAINER.ipv4}:${port}`,
  },
  {
    ...{ ip: "ip6", host: TARGET.ipv6, container: CONTAINER.ipv6, bits: 128, network: "fd00:88::/64" },
    ...{ gateway: CONTAINER.gateway6, loopback: "::1" },
    to: (port) => `[${CONTAINER.ipv6}]:${port}`,
  },
];

export interface Engine {
  readonly name: string;
  readonly bridge: string;
  readonly tool: "iptables" | "nftables";
  /** For one family. */
  readonly rules: (places: Places, ports: Ports) => string;
}

const lines = (ports: Ports, rule: (port: number) => string) => ports.map(rule).join("\n");

const podmanIptables: Engine = {
  name: "podman, iptables",
  bridge: "podman0",
  tool: "iptables",
  rules: ({ bits, network, loopback, to }, ports) => `*nat
:NETAVARK-1D8721804F16F - [0:0]
:NETAVARK-DN-1D8721804F16F - [0:0]
:NETAVARK-HOSTPORT-DNAT - [0:0]
:NETAVARK-HOSTPORT-MASQ - [0:0]
:NETAVARK-HOSTPORT-SETMARK - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
-A OUTPUT -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
-A POSTROUTING -j NETAVARK-HOSTPORT-MASQ
-A POSTROUTING -s ${network} -j NETAVARK-1D8721804F16F
-A NETAVARK-1D8721804F16F -d ${network} -j ACCEPT
-A NETAVARK-1D8721804F16F ! -d ${bits === 32 ? "224.0.0.0/4" : "ff00::/8"} -j MASQUERADE
${lines(
  ports,
  (port) => `-A NETAVARK-DN-1D8721804F16F -s ${network} -p tcp -m tcp --dport ${port} -j NETAVARK-HOSTPORT-SETMARK
-A NETAVARK-DN-1D8721804F16F -s ${loopback}/${bits} -p tcp -m tcp --dport ${port} -j NETAVARK-HOSTPORT-SETMARK
-A NETAVARK-DN-1D8721804F16F -p tcp -m tcp --dport ${port} -j DNAT --to-destination ${to(insidePort(port))}
-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport ${port} -m comment --comment "dnat name: podman" -j NETAVARK-DN-1D8721804F16F`,
)}
-A NETAVARK-HOSTPORT-MASQ -m comment --comment "netavark portfw masq mark" -m mark --mark 0x2000/0x2000 -j MASQUERADE
-A NETAVARK-HOSTPORT-SETMARK -j MARK --set-xmark 0x2000/0x2000
COMMIT
*filter
:NETAVARK_FORWARD - [0:0]
:NETAVARK_INPUT - [0:0]
-A INPUT -m comment --comment "netavark firewall rules" -j NETAVARK_INPUT
-A FORWARD -m comment --comment "netavark firewall rules" -j NETAVARK_FORWARD
-A NETAVARK_FORWARD -m conntrack --ctstate INVALID -j DROP
-A NETAVARK_FORWARD -d ${network} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A NETAVARK_FORWARD -s ${network} -j ACCEPT
-A NETAVARK_INPUT -s ${network} -p udp -m udp --dport 53 -j ACCEPT
COMMIT
`,
};

const podmanNftables: Engine = {
  name: "podman, nftables",
  bridge: "podman0",
  tool: "nftables",
  // One table for both families, to which each adds its rules.
  rules: ({ ip, network, loopback, to }, ports) => `table inet netavark {
  chain INPUT {
    type filter hook input priority filter; policy accept;
    ${ip} saddr ${network} meta l4proto { tcp, udp } th dport 53 accept
  }
  chain FORWARD {
    type filter hook forward priority filter; policy accept;
    ct state invalid drop
    jump NETAVARK-ISOLATION-1
    ${ip} daddr ${network} ct state established,related accept
    ${ip} saddr ${network} accept
  }
  chain POSTROUTING {
    type nat hook postrouting priority srcnat; policy accept;
    meta mark & 0x00002000 == 0x00002000 masquerade
    ${ip} saddr ${network} jump nv_2f259bab_${ip}
  }
  chain PREROUTING {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump NETAVARK-HOSTPORT-DNAT
  }
  chain OUTPUT {
    type nat hook output priority -100; policy accept;
    fib daddr type local jump NETAVARK-HOSTPORT-DNAT
  }
  chain NETAVARK-HOSTPORT-DNAT {
${lines(ports, (port) => `    tcp dport ${port} jump nv_2f259bab_${ip}_dnat`)}
  }
  chain NETAVARK-HOSTPORT-SETMARK {
    meta mark set meta mark | 0x00002000
  }
  chain NETAVARK-ISOLATION-1 {
  }
  chain nv_2f259bab_${ip} {
    ${ip} daddr ${network} accept
    ${ip === "ip" ? "ip daddr != 224.0.0.0/4" : "ip6 daddr != ff00::/8"} masquerade
  }
  chain nv_2f259bab_${ip}_dnat {
${lines(
  ports,
  (port) => `    ${ip} saddr ${network} tcp dport ${port} jump NETAVARK-HOSTPORT-SETMARK
    ${ip} saddr ${loopback} tcp dport ${port} jump NETAVARK-HOSTPORT-SETMARK
    tcp dport ${port} dnat ${ip} to ${to(insidePort(port))}`,
)}
  }
}
`,
};

const libvirtIptables: Engine = {
  name: "libvirt, iptables",
  bridge: "virbr0",
  tool: "iptables",
  // What its hook adds stands in front, as "-I" puts it.
  rules: ({ container, bits, network, to }, ports) => `*nat
:LIBVIRT_PRT - [0:0]
${lines(ports, (port) => `-A PREROUTING -p tcp -m tcp --dport ${port} -j DNAT --to-destination ${to(insidePort(port))}`)}
-A POSTROUTING -j LIBVIRT_PRT
-A LIBVIRT_PRT -s ${network} -d ${bits === 32 ? "224.0.0.0/24" : "ff02::/16"} -j RETURN
-A LIBVIRT_PRT -s ${network} ! -d ${network} -p tcp -j MASQUERADE --to-ports 1024-65535
-A LIBVIRT_PRT -s ${network} ! -d ${network} -p udp -j MASQUERADE --to-ports 1024-65535
-A LIBVIRT_PRT -s ${network} ! -d ${network} -j MASQUERADE
COMMIT
*filter
:LIBVIRT_FWI - [0:0]
:LIBVIRT_FWO - [0:0]
:LIBVIRT_FWX - [0:0]
:LIBVIRT_INP - [0:0]
-A INPUT -j LIBVIRT_INP
${lines(ports, (port) => `-A FORWARD -d ${container}/${bits} -o virbr0 -p tcp -m tcp --dport ${insidePort(port)} -j ACCEPT`)}
-A FORWARD -j LIBVIRT_FWX
-A FORWARD -j LIBVIRT_FWI
-A FORWARD -j LIBVIRT_FWO
-A LIBVIRT_FWI -d ${network} -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A LIBVIRT_FWI -o virbr0 -j REJECT
-A LIBVIRT_FWO -s ${network} -i virbr0 -j ACCEPT
-A LIBVIRT_FWO -i virbr0 -j REJECT
-A LIBVIRT_FWX -i virbr0 -o virbr0 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 53 -j ACCEPT
COMMIT
`,
};

const libvirtNftables: Engine = {
  name: "libvirt, nftables",
  bridge: "virbr0",
  tool: "nftables",
  // libvirt refuses what it has not begun, and another table's "accept" ends nothing: the hook puts its rule into this chain.
  rules: ({ ip, container, network, to }, ports) => `table ${ip} libvirt_network {
  chain forward {
    type filter hook forward priority filter; policy accept;
    counter jump guest_cross
    counter jump guest_input
    counter jump guest_output
  }
  chain guest_output {
    ${ip} saddr ${network} iifname "virbr0" counter accept
    iifname "virbr0" counter reject
  }
  chain guest_input {
${lines(ports, (port) => `    oifname "virbr0" ${ip} daddr ${container} tcp dport ${insidePort(port)} counter accept`)}
    oifname "virbr0" ${ip} daddr ${network} ct state established,related counter accept
    oifname "virbr0" counter reject
  }
  chain guest_cross {
    iifname "virbr0" oifname "virbr0" counter accept
  }
  chain guest_nat {
    type nat hook postrouting priority srcnat; policy accept;
    ${ip} saddr ${network} ${ip} daddr ${ip === "ip" ? "224.0.0.0/24" : "ff02::/16"} counter return
    meta l4proto tcp ${ip} saddr ${network} ${ip} daddr != ${network} counter masquerade to :1024-65535
    meta l4proto udp ${ip} saddr ${network} ${ip} daddr != ${network} counter masquerade to :1024-65535
    ${ip} saddr ${network} ${ip} daddr != ${network} counter masquerade
  }
}
table ${ip} forwarding {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
${lines(ports, (port) => `    tcp dport ${port} dnat to ${to(insidePort(port))}`)}
  }
}
`,
};

const lxdIptables: Engine = {
  name: "LXD, iptables",
  bridge: "lxdbr0",
  tool: "iptables",
  rules: ({ host, bits, network, container, to }, ports) => `*nat
${lines(
  ports,
  (
    port,
  ) => `-A PREROUTING -d ${host}/${bits} -p tcp -m tcp --dport ${port} -j DNAT --to-destination ${to(insidePort(port))}
-A OUTPUT -d ${host}/${bits} -p tcp -m tcp --dport ${port} -j DNAT --to-destination ${to(insidePort(port))}
-A POSTROUTING -s ${container}/${bits} -d ${container}/${bits} -p tcp -m tcp --dport ${insidePort(port)} -j MASQUERADE`,
)}
-A POSTROUTING -s ${network} ! -d ${network} -m comment --comment "generated for LXD network lxdbr0" -j MASQUERADE
COMMIT
*filter
-A FORWARD -o lxdbr0 -m comment --comment "generated for LXD network lxdbr0" -j ACCEPT
-A FORWARD -i lxdbr0 -m comment --comment "generated for LXD network lxdbr0" -j ACCEPT
COMMIT
`,
};

const incusNftables: Engine = {
  name: "Incus, nftables",
  bridge: "incusbr0",
  tool: "nftables",
  rules: ({ ip, host, container, network, to }, ports) => `table inet incus {
  chain pstrt.incusbr0 {
    type nat hook postrouting priority srcnat; policy accept;
    ${ip} saddr ${network} ${ip} daddr != ${network} masquerade
  }
  chain fwd.incusbr0 {
    type filter hook forward priority filter; policy accept;
    ${ip === "ip" ? "ip version 4" : "ip6 version 6"} oifname "incusbr0" accept
    ${ip === "ip" ? "ip version 4" : "ip6 version 6"} iifname "incusbr0" accept
  }
  chain prert.c1 {
    type nat hook prerouting priority -100; policy accept;
${lines(ports, (port) => `    ${ip} daddr ${host} tcp dport ${port} dnat ${ip} to ${to(insidePort(port))}`)}
  }
  chain out.c1 {
    type nat hook output priority -100; policy accept;
${lines(ports, (port) => `    ${ip} daddr ${host} tcp dport ${port} dnat ${ip} to ${to(insidePort(port))}`)}
  }
  chain pstrt.c1 {
    type nat hook postrouting priority srcnat; policy accept;
${lines(ports, (port) => `    ${ip} saddr ${container} ${ip} daddr ${container} tcp dport ${insidePort(port)} masquerade`)}
  }
}
`,
};

export const engines: readonly Engine[] = [
  podmanIptables,
  podmanNftables,
  libvirtIptables,
  libvirtNftables,
  lxdIptables,
  incusNftables,
];

/** Publishes TCP ports over both families. */
export async function publishBy({ target }: Lab, { tool, rules }: Engine, ports: Ports): Promise<void> {
  for (const places of both) {
    if (tool === "nftables") await target.mustRun(["nft", "-f", "-"], rules(places, ports));
    else await target.mustRun([places.ip === "ip" ? "iptables-restore" : "ip6tables-restore"], rules(places, ports));
  }
}
