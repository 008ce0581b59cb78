// How many different ports a source has asked, and what it was told, for `portreeve why`.
import type { TriedPortCounts } from "../control/api.ts";
import type { Daemon } from "../daemon/daemon.ts";
import type { SourceEvidence } from "../detect/detector.ts";
import { readServedHere } from "../host/served-here.ts";
import type { Block } from "../judge/block.ts";
import type { Prefix } from "../wire/address.ts";

/** Undefined where no port is known. */
export function triedPortsOf(
  { sources }: Pick<Daemon, "sources">,
  source: Prefix,
  { block, history }: { readonly block: Block | undefined; readonly history: SourceEvidence | undefined },
): TriedPortCounts | undefined {
  const tried = sources.triedBy(source);
  const proof = typeof block?.reason === "object" ? block.reason.proof : undefined;
  const tested = sources.silenceOf(source) ?? proof;
  const testedPorts = tested === undefined ? 0 : tested.answeredPorts + tested.silentPorts;
  const known = tried === undefined ? 0 : tried.tcp.length + tried.udp.length;
  const most = Math.max(known, testedPorts, history?.contacts.length ?? 0, history?.slowContacts ?? 0);
  if (most === 0) return undefined;
  const served = readServedHere();
  const openOf = (ports: readonly number[] = [], among: readonly number[] = []) => {
    const open = new Set(among);
    return ports.filter((port) => open.has(port)).length;
  };
  return {
    tried: most,
    all: tried?.isAll === true && known === most,
    answered: Math.max(tested?.answeredPorts ?? 0, proof?.answeredPorts ?? 0),
    open: openOf(tried?.tcp, served?.tcp) + openOf(tried?.udp, served?.udp),
  };
}
