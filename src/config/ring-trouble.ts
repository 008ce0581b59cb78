// What the packet ring cannot do of what the settings want, whether CAPTURE="ring" says so or "auto" has taken it.
import { blocksAnything } from "./enforcement.ts";
import type { Settings } from "./settings.ts";

/** undefined for nothing. `settings` are those of the file, or those in force, in which FIREWALL is "none" then. */
export function ringTrouble(settings: Settings): string | undefined {
  const { capture, proof, tcp, udp } = settings;
  const why = capture === "ring" ? 'CAPTURE is "ring"' : "CAPTURE has taken the packet ring";
  if (!tcp.block && !udp.block) return undefined;
  if (!blocksAnything({ ...settings, firewall: "none" })) {
    const keys = tcp.block ? (udp.block ? "BLOCK_TCP and BLOCK_UDP ask" : "BLOCK_TCP asks") : "BLOCK_UDP asks";
    return `${keys} for blocks and ${why}: no source is held or blocked, because the ring has no nftables table and neither KILL_ROUTE nor KILL_HOSTS_DENY is set`;
  }
  if (proof !== "on") return undefined;
  return (
    `${why} and PROOF is "on": the silence test needs the hold of nftables, so a source is proven, and blocked, only when ` +
    'it connects to a port in mode "tcp"; PROOF="off" blocks every scanner, forged ones too'
  );
}
