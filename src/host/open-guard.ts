// The guard with the sources that a running system has.
import { listDefaultGateways } from "../kernel/routes.ts";
import { listContainerNetworks, thisLinks } from "./container-networks.ts";
import { Guard } from "./guard.ts";
import { listSessions, thisHost } from "./ssh-sessions.ts";
import { lookUp, readTimeServers } from "./time-servers.ts";

export function openGuard(): Guard {
  const host = thisHost();
  const links = thisLinks(listDefaultGateways);
  return new Guard({
    sessions: () => listSessions(host),
    containers: () => listContainerNetworks(links),
    timeServers: () => readTimeServers(),
    lookUp,
  });
}
