// Routes that lead nowhere: "ip route add blackhole $TARGET$" and net-tools' "route add -host $TARGET$ reject". Both
// are read back with "ip route show ... exact", which prints the route or nothing.
import { isIpv4 } from "../wire/address.ts";
import { fillWords, isProgram, isTargetWord, type KnownCommand } from "./known-forms.ts";

const NOWHERE = new Set(["blackhole", "unreachable", "prohibit"]);
/** Options of a route that take a value and are the same in both families. */
const ROUTE_OPTIONS = new Set(["metric", "preference", "table", "proto", "protocol", "dev"]);

export function recognizeIpRoute(words: readonly string[]): KnownCommand | undefined {
  const [program = "", ...rest] = words;
  if (!isProgram(program, /^ip$/)) return undefined;
  const forced = rest[0] === "-4" || rest[0] === "-6" ? rest[0] : "";
  const [object = "", verb = "", ...spec] = forced === "" ? rest : rest.slice(1);
  if (!/^(?:r|ro|rou|rout|route)$/.test(object) || !/^(?:a|ad|add|append|prepend|replace)$/.test(verb))
    return undefined;
  const route = parseNowhere(spec);
  if (route === undefined) return undefined;
  const table = spec.includes("table") ? ["table", spec[spec.indexOf("table") + 1] ?? ""] : [];
  return {
    kind: "ip-route",
    name: `ip route ${route.type}`,
    shutsOut: true,
    forms(values) {
      const four = isIpv4(values.target);
      if (four && forced === "-6") return "not run: the command is for IPv6";
      const family = four ? "-4" : "-6";
      const command = (...more: string[]) => fillWords([program, family, "route", ...more], values);
      return {
        block: command(verb, ...spec),
        unblock: command("del", ...spec),
        readBack: command("show", ...table, "type", route.type, "exact", "$TARGET$"),
        list: command("show", ...table, "type", route.type),
      };
    },
    isThere: isInRoutes,
  };
}

/** A type, the source, and options with their values; nothing else. */
function parseNowhere(spec: readonly string[]): { readonly type: string } | undefined {
  let type: string | undefined;
  let targets = 0;
  for (let at = 0; at < spec.length; at++) {
    const word = spec[at] ?? "";
    if (NOWHERE.has(word)) type = word;
    else if (isTargetWord(word)) targets++;
    else if (ROUTE_OPTIONS.has(word) && spec[at + 1] !== undefined) at++;
    else return undefined;
  }
  return type !== undefined && targets === 1 ? { type } : undefined;
}

export function recognizeRoute(words: readonly string[]): KnownCommand | undefined {
  const [program = "", verb, ...rest] = words;
  if (!isProgram(program, /^route$/) || verb !== "add") return undefined;
  const spec = rest[0] === "-host" || rest[0] === "-net" ? rest.slice(1) : rest;
  const [target, way, gateway] = spec;
  const reject = way === "reject" && spec.length === 2;
  const viaGateway = (way === "gw" || way === "gateway") && /^\d+\.\d+\.\d+\.\d+$/.test(gateway ?? "");
  if (!isTargetWord(target) || !(reject || (viaGateway && spec.length === 3))) return undefined;
  const toLoopback = viaGateway && (gateway ?? "").startsWith("127.");
  return {
    kind: "route",
    name: reject ? "route reject" : `route gw ${gateway}`,
    shutsOut: true,
    forms(values) {
      const type = reject ? ["type", "unreachable"] : [];
      if (isIpv4(values.target)) {
        const width = values.target.bits === 128 ? "-host" : "-net";
        const command = (as: string) => fillWords([program, as, width, ...spec], values);
        const readBack = fillWords(["ip", "-4", "route", "show", ...type, "exact", "$TARGET$"], values);
        const list = ["ip", "-4", "route", "show", ...type];
        return { block: command("add"), unblock: command("del"), readBack, list };
      }
      if (!reject && !toLoopback) return `not run: ${gateway} is no gateway for IPv6`;
      // net-tools has no "reject" for inet6 (2.10 takes the word for a device): the same route by ip.
      const command = (...more: string[]) => fillWords(["ip", "-6", "route", ...more], values);
      return {
        block: command("add", "unreachable", "$TARGET$"),
        unblock: command("del", "unreachable", "$TARGET$"),
        readBack: command("show", "type", "unreachable", "exact", "$TARGET$"),
        list: command("show", "type", "unreachable"),
      };
    },
    isThere: isInRoutes,
  };
}

function isInRoutes({ exitCode, output }: { readonly exitCode: number | undefined; readonly output: string }) {
  if (exitCode === 0) return output.trim() !== "";
  return output.includes("FIB table does not exist") ? false : undefined;
}
