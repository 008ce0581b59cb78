// What the packet ring cannot do of what the settings want, whether CAPTURE="ring" says so or "auto" has taken it.
import { blocksAnything } from "./enforcement.ts";
import type { Settings } from "./settings.ts";

/** undefined for nothing. `settings` are those of the file, or those in force, in which FIREWALL is "none" then. */
export function ringTrouble(settings: Settings): string | undefined {
  if (settings.proof !== "on" || !blocksAnything({ ...settings, firewall: "none" })) return undefined;
  const why = settings.capture === "ring" ? 'CAPTURE is "ring"' : "CAPTURE has taken the packet ring";
  return (
    `${why} and PROOF is "on": the silence test needs the hold of nftables, so a source is proven, and blocked, only when ` +
    'it connects to a port in mode "tcp"; PROOF="off" blocks every scanner, forged ones too'
  );
}
