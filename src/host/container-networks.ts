// The networks of containers and virtual machines behind this host: those of bridges under which there is no network card,
// neither as a port nor below a bond, a VLAN or another link that is one. A bridge with a card is a link like any other, and
// every host on it is a stranger.
import { existsSync, readdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { type Prefix, parseAddress, parsePrefix, prefixContains } from "../wire/address.ts";

/**
 * Names that container engines and hypervisors give to the host's side of a network that is no bridge of the kernel. Docker's
 * "br-" has twelve digits: "br-ex" and "br-lan" are the names of others, with a LAN behind them.
 */
const ENGINES =
  /^(docker|br-[0-9a-f]{12}$|cni|podman|virbr|lxcbr|lxdbr|incusbr|nerdctl|kube-bridge|weave|flannel|vmbr-)/;
const MAX_NETWORKS = 256;
/** Links that are looked at below one: a bridge of a hypervisor has some thousands of ports at most. */
const MAX_LOWER = 4_096;

/** The questions to the host; tests give their own answers. */
export interface LinkHost {
  /** CIDRs by interface. */
  readonly addresses: () => Readonly<Record<string, readonly string[]>>;
  /** Default gateways, as text. */
  readonly gateways: () => readonly string[];
  readonly isBridge: (name: string) => boolean;
  /** The links that a link is made of: a bridge's ports, a bond's members, what carries a VLAN. */
  readonly lowerOf: (name: string) => readonly string[];
  /** Has a device behind it: a network card. */
  readonly isPhysical: (name: string) => boolean;
}

/** `folder`: where the kernel shows its links. */
export function thisLinks(gateways: () => readonly string[], folder = "/sys/class/net"): LinkHost {
  const list = (path: string): readonly string[] => {
    try {
      return readdirSync(path);
    } catch {
      // The link has gone, or is none of this kind.
      return [];
    }
  };
  return {
    addresses: () =>
      Object.fromEntries(
        Object.entries(networkInterfaces()).map(([name, list]) => [
          name,
          (list ?? []).flatMap(({ cidr }) => (cidr === null ? [] : [cidr])),
        ]),
      ),
    gateways,
    isBridge: (name) => existsSync(`${folder}/${name}/bridge`),
    lowerOf: (name) => [
      ...list(`${folder}/${name}/brif`),
      ...list(`${folder}/${name}`)
        .filter((entry) => entry.startsWith(LOWER))
        .map((entry) => entry.slice(LOWER.length)),
    ],
    isPhysical: (name) => existsSync(`${folder}/${name}/device`),
  };
}

const LOWER = "lower_";

export function listContainerNetworks(host: LinkHost): Prefix[] {
  const isGatewayIn = gatewaysOf(host);
  const networks = Object.entries(host.addresses())
    .filter(([name]) => isContainerLink(name, host))
    .map(([, cidrs]) => networksOf(cidrs))
    // The way out of this host leads over that link, so the hosts on it are not behind us.
    .filter((prefixes) => !prefixes.some(isGatewayIn))
    .flat();
  return networks.slice(0, MAX_NETWORKS);
}

/** Whether a bridge leads out of this host: it has a network card, or a default gateway is reached over it. */
export function isBridgeOut(name: string, host: LinkHost): boolean {
  if (!host.isBridge(name)) return false;
  return isOverNetworkCard(name, host) || networksOf(host.addresses()[name] ?? []).some(gatewaysOf(host));
}

function gatewaysOf(host: LinkHost): (network: Prefix) => boolean {
  const gateways = host
    .gateways()
    .map(parseAddress)
    .filter((gateway) => gateway !== undefined);
  return (network) => gateways.some((gateway) => prefixContains(network, gateway));
}

function networksOf(cidrs: readonly string[]): Prefix[] {
  return cidrs.map(parsePrefix).filter((network): network is Prefix => network !== undefined && isNetwork(network));
}

function isContainerLink(name: string, host: LinkHost): boolean {
  return (host.isBridge(name) || ENGINES.test(name)) && !isOverNetworkCard(name, host);
}

/** Also true when there are more links below it than are looked at. */
export function isOverNetworkCard(name: string, host: LinkHost): boolean {
  const seen = new Set<string>();
  const waiting = [...host.lowerOf(name)];
  for (let link = waiting.pop(); link !== undefined; link = waiting.pop()) {
    if (seen.has(link)) continue;
    if (host.isPhysical(link) || seen.size >= MAX_LOWER) return true;
    seen.add(link);
    waiting.push(...host.lowerOf(link));
  }
  return false;
}

/** Link-local addresses are on every link, and so say nothing of this one. */
function isNetwork({ w0, bits }: Prefix): boolean {
  const isLinkLocal = w0 >>> 22 === 0xfe80 >>> 6;
  return bits < 128 && !isLinkLocal;
}
