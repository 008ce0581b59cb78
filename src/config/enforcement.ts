// What shuts a scanner out: the built-in firewall, PortSentry's own responses, or both. FIREWALL="auto" is the
// built-in one only where the file names no response that blocks; KILL_RUN_CMD is none.
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
      return !blocksByResponse(settings);
    case "none":
      return false;
  }
}

/** True when a scanner of some protocol is shut out by anything. */
export function blocksAnything(settings: Settings): boolean {
  if (!settings.tcp.block && !settings.udp.block) return false;
  return blocksByFirewall(settings) || blocksByResponse(settings);
}
