// Run when the package is removed, after the daemon has stopped: undoes what KILL_ROUTE and KILL_HOSTS_DENY did for sources that
// are blocked, or says what is left of it. Nobody would end those blocks any more.
import { leaveHost } from "./build/src/enforce/leave.js";

try {
  for (const line of await leaveHost("/etc/portsentry/portsentry.conf")) process.stdout.write(`portreeve: ${line}\n`);
} catch (error) {
  process.stdout.write(`portreeve: rules of KILL_ROUTE and lines of KILL_HOSTS_DENY stay: ${error.message}\n`);
}
