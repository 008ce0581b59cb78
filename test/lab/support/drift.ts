// What another program does to the kernel's rules, and how long it stands: from the start of that program until all that the
// daemon lists is enforced, and all rules and configured sets are there (programs/drift-times.ts).
import { join } from "node:path";
import { z } from "zod";
import type { Daemon } from "./daemon.ts";
import type { Lab } from "./lab.ts";

const program = join(import.meta.dirname, "programs/drift-times.js");
const repairSchema = z.object({
  commandMs: z.number(),
  repairedMs: z.number(),
  before: z.number(),
  after: z.number(),
});
export type Repair = z.infer<typeof repairSchema>;

/** Debian's /etc/nftables.conf, and one rule of an administrator's. */
export const NFTABLES_CONF = `#!/usr/sbin/nft -f

flush ruleset

table inet filter {
	chain input {
		type filter hook input priority filter;
		tcp dport 4711 accept
	}
	chain forward {
		type filter hook forward priority filter;
	}
	chain output {
		type filter hook output priority filter;
	}
}
`;

/** Runs `argv` in the target's namespace. `mayLift`: how many blocks it may end, as an unblock by hand. */
export async function timeRepair(lab: Lab, daemon: Daemon, argv: readonly string[], mayLift = 0): Promise<Repair> {
  const options = ["--socket", join(daemon.folder, "control.sock"), "--may-lift", String(mayLift)];
  const printed = await lab.target.mustRun([process.execPath, program, ...options, "--", ...argv]);
  return repairSchema.parse(JSON.parse(printed));
}

export function tellRepair({ commandMs, repairedMs }: Repair): string {
  return `true again after ${repairedMs.toFixed(1)} ms, of which the command itself ${commandMs.toFixed(1)} ms`;
}

/** What the log says of changes of the table. */
export const drifts = (daemon: Daemon): readonly string[] =>
  daemon.lines.filter((line) => /changed .*table inet portreeve/.test(line));
