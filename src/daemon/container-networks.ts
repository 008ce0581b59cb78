// The networks of containers and virtual machines behind this host: those of bridges that have no physical port. A
// bridge with one is a link like any other, and everybody on it a stranger.
import { existsSync, readdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { type Prefix, parsePrefix } from "../wire/address.ts";

/** Names that container engines and hypervisors give to the host's side of a network, bridge or not. */
const ENGINES = /^(docker|br-|cni|podman|virbr|lxcbr|lxdbr|incusbr|nerdctl|kube-bridge|weave|flannel|vmbr-)/;
const MAX_NETWORKS = 256;

/** What is asked of the host; tests give their own. */
export interface LinkHost {
  /** CIDRs by interface. */
  readonly addresses: () => Readonly<Record<string, readonly string[]>>;
  readonly isBridge: (name: string) => boolean;
  readonly portsOf: (bridge: string) => readonly string[];
  /** Has a device behind it: a network card. */
  readonly isPhysical: (name: string) => boolean;
}

export function thisLinks(): LinkHost {
  const folder = "/sys/class/net";
  return {
    addresses: () =>
      Object.fromEntries(
        Object.entries(networkInterfaces()).map(([name, list]) => [
          name,
          (list ?? []).flatMap(({ cidr }) => (cidr === null ? [] : [cidr])),
        ]),
      ),
    isBridge: (name) => existsSync(`${folder}/${name}/bridge`),
    portsOf: (bridge) => {
      try {
        return readdirSync(`${folder}/${bridge}/brif`);
      } catch {
        return [];
      }
    },
    isPhysical: (name) => existsSync(`${folder}/${name}/device`),
  };
}

export function listContainerNetworks(host: LinkHost): Prefix[] {
  const networks = Object.entries(host.addresses())
    .filter(([name]) => isContainerLink(name, host))
    .flatMap(([, cidrs]) => cidrs)
    .map(parsePrefix)
    .filter((network) => network !== undefined && isNetwork(network));
  return networks.slice(0, MAX_NETWORKS).filter((network) => network !== undefined);
}

function isContainerLink(name: string, host: LinkHost): boolean {
  if (host.isBridge(name)) return !host.portsOf(name).some((port) => host.isPhysical(port));
  return ENGINES.test(name);
}

/** Link-local addresses are on every link, and so say nothing of this one. */
function isNetwork({ w0, bits }: Prefix): boolean {
  const isLinkLocal = w0 >>> 22 === 0xfe80 >>> 6;
  return bits < 128 && !isLinkLocal;
}
