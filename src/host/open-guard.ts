// The guard with the sources that a running system has.
import { listDefaultGateways } from "../kernel/routes.ts";
import { listContainerNetworks, thisLinks } from "./container-networks.ts";
import { Guard } from "./guard.ts";
import { thisHost } from "./ssh-sessions.ts";
import { lookUp, readTimeServers } from "./time-servers.ts";
import { UnseenLogins } from "./unseen-logins.ts";

export function openGuard(): Guard {
  const logins = new UnseenLogins(thisHost(), () => performance.now());
  const links = thisLinks(listDefaultGateways);
  return new Guard({
    sessions: () => logins.look(),
    containers: () => listContainerNetworks(links),
    timeServers: () => readTimeServers(),
    lookUp,
  });
}
