// What shuts a scanner out: the built-in firewall, PortSentry's own responses, or both. FIREWALL="auto" is the
// built-in one unless KILL_ROUTE is set: a line in hosts.deny alone shuts hardly anybody out, and so does not stand in
// for a firewall (docs/decisions/0009). KILL_RUN_CMD is no block.
import type { Settings } from "./settings.ts";

type Choice = Pick<Settings, "firewall" | "responses">;

/** True when KILL_ROUTE or KILL_HOSTS_DENY blocks. */
export function blocksByResponse({ responses }: Choice): boolean {
  return responses.killRoute !== undefined || responses.hostsDeny !== undefined;
}

/** True when the nftables table holds the blocks. */
export function blocksByFirewall(settings: Choice): boolean {
  switch (settings.firewall) {
    case "nftables":
      return true;
    case "auto":
      return settings.responses.killRoute === undefined;
    case "none":
      return false;
  }
}

/** True when a scanner of some protocol is shut out by anything. */
export function blocksAnything(settings: Settings): boolean {
  if (!settings.tcp.block && !settings.udp.block) return false;
  return blocksByFirewall(settings) || blocksByResponse(settings);
}

/** Whether ANSWER="open" does anything: the decoy stands where the sensor may hold, and has no listener of its own. */
export function usesDecoy({ answer, firewall, tcp }: Settings): boolean {
  return answer === "open" && firewall !== "none" && tcp.block && tcp.mode !== "listen" && tcp.watched.length > 0;
}

/**
 * Whether GREYLIST does anything while no decoy stands. Where closed ports answer at once, by the decoy or by listeners of ours, a
 * served one would be told by its silence.
 */
export function greylists({ greylist, tcp, firewall }: Settings): boolean {
  return greylist && firewall !== "none" && tcp.block && tcp.mode !== "listen";
}
