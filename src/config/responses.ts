// PortSentry's own responses out of the file: KILL_ROUTE, KILL_HOSTS_DENY, KILL_RUN_CMD and what belongs to them. A
// template without $TARGET$ is skipped, as in PortSentry, and that is said.
import { hasTarget } from "./command.ts";
import type { Key, Take } from "./key.ts";
import { keys } from "./keys.ts";
import type { Entry } from "./lines.ts";
import type { ProblemLog } from "./problems.ts";
import type { ResponseSettings } from "./settings.ts";

const HOSTS_DENY_FILE = "/etc/hosts.deny";

export function takeResponses(take: Take, entries: ReadonlyMap<string, Entry>, log: ProblemLog): ResponseSettings {
  const takeTemplate = (key: Key<string | undefined>): string | undefined => {
    const template = take(key);
    if (template === undefined || hasTarget(template)) return template;
    const message = `${key.name} names no $TARGET$, and is skipped as in PortSentry; write $TARGET$ where the address belongs`;
    log.add({ severity: "warning", line: entries.get(key.name)?.line ?? 0, key: key.name, message });
    return undefined;
  };
  const runCommand = take(keys.runCommand);
  return {
    killRoute: takeTemplate(keys.killRoute),
    unkillRoute: takeTemplate(keys.unkillRoute),
    hostsDeny: takeTemplate(keys.hostsDeny),
    hostsDenyFile: HOSTS_DENY_FILE,
    runCommand,
    runCommandFirst: take(keys.runCommandFirst, runCommand !== undefined),
    runCommandLimitMs: take(keys.runCommandLimitMs, runCommand !== undefined),
  };
}
