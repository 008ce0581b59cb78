// The administrator's own rules that KILL_ROUTE can make, as the tests look at them and take them away: with the
// administrator's tools, in the target's namespace.
import type { Family } from "./addresses.ts";
import { LINK } from "./addresses.ts";
import type { Lab } from "./lab.ts";

export interface OwnRule {
  readonly name: string;
  readonly killRoute: string;
  readonly family: Family;
  /** What the administrator has made before. */
  prepare?(lab: Lab): Promise<void>;
  /** How many copies of the source's rule there are. */
  copies(lab: Lab, key: string): Promise<number>;
  /** The packets of the source that came as far as the rule. */
  counted(lab: Lab, key: string): Promise<number>;
  /** What the administrator types to let the source in again. */
  remove(lab: Lab, key: string): Promise<void>;
}

function linesWith(text: string, key: string): readonly string[] {
  const [address = ""] = key.split("/");
  return text.split("\n").filter((line) => line.split(/[\s,{}]+/).some((word) => word.split("/")[0] === address));
}

function iptables(
  program: string,
  family: Family,
  killRoute = `/usr/sbin/${program} -I INPUT -s $TARGET$ -j DROP`,
): OwnRule {
  const tool = family === "ipv6" ? program.replace(/^iptables/, "ip6tables") : program;
  return {
    name: `${killRoute.split(" ")[0]} for ${family}`,
    killRoute,
    family,
    async copies(lab, key) {
      return linesWith(await lab.target.mustRun([tool, "-S", "INPUT"]), key).length;
    },
    async counted(lab, key) {
      const [line = ""] = linesWith(await lab.target.mustRun([tool, "-L", "INPUT", "-n", "-v", "-x"]), key);
      return Number(line.trim().split(/\s+/)[0] ?? Number.NaN);
    },
    async remove(lab, key) {
      await lab.target.mustRun([tool, "-D", "INPUT", "-s", key, "-j", "DROP"]);
    },
  };
}

const nftSet: OwnRule = {
  name: "nft add element",
  killRoute: "/usr/sbin/nft add element inet admin scanners { $TARGET$ }",
  family: "ipv4",
  async prepare(lab) {
    const rules = `table inet admin {
      set scanners { type ipv4_addr; counter; }
      chain input { type filter hook input priority filter; ip saddr @scanners drop; }
    }`;
    await lab.target.mustRun(["nft", "-f", "-"], rules);
  },
  async copies(lab, key) {
    return linesWith(await lab.target.mustRun(["nft", "list", "set", "inet", "admin", "scanners"]), key).length;
  },
  async counted(lab, key) {
    const [line = ""] = linesWith(await lab.target.mustRun(["nft", "list", "set", "inet", "admin", "scanners"]), key);
    const at = line.slice(line.indexOf(key));
    return Number(/^\S+ counter packets (\d+)/.exec(at)?.[1] ?? Number.NaN);
  },
  async remove(lab, key) {
    await lab.target.mustRun(["nft", "delete", "element", "inet", "admin", "scanners", `{ ${key} }`]);
  },
};

/** Routes count nothing: a rule that only counts, behind our sensor, tells what came as far as the routes' work. */
function route(killRoute: string, type: string, remove: (key: string) => readonly string[]): OwnRule {
  return {
    name: killRoute.split(" $")[0] ?? "",
    killRoute,
    family: "ipv4",
    async prepare(lab) {
      const rules = `table inet seen {
        set sources { type ipv4_addr; size 256; flags dynamic; counter; }
        chain input { type filter hook input priority 100; iif ${LINK} tcp dport 1-1023 add @sources { ip saddr }; }
      }`;
      await lab.target.mustRun(["nft", "-f", "-"], rules);
    },
    async copies(lab, key) {
      return linesWith(await lab.target.mustRun(["ip", "route", "show", "type", type]), key).length;
    },
    async counted(lab, key) {
      const text = await lab.target.mustRun(["nft", "list", "set", "inet", "seen", "sources"]);
      return Number(new RegExp(`${key} counter packets (\\d+)`).exec(text)?.[1] ?? 0);
    },
    async remove(lab, key) {
      await lab.target.mustRun(remove(key));
    },
  };
}

export const ownRules: readonly OwnRule[] = [
  iptables("iptables-nft", "ipv4"),
  iptables("iptables-legacy", "ipv4"),
  iptables("iptables", "ipv6", "/sbin/ip6tables -I INPUT -s $TARGET$ -j DROP"),
  iptables("iptables", "ipv6", "/sbin/iptables -I INPUT -s $TARGET$ -j DROP"),
  nftSet,
  route("/sbin/ip route add blackhole $TARGET$", "blackhole", (key) => ["ip", "route", "del", "blackhole", key]),
  route("/sbin/route add -host $TARGET$ reject", "unreachable", (key) => ["route", "del", "-host", key, "reject"]),
];
