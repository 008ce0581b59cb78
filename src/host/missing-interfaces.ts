// Interfaces that INTERFACE names and that are not there: nothing is seen on them, and a wrong name would be noticed by nobody.
import { escapeWord } from "../base/escape.ts";
import { findLink } from "../kernel/links.ts";

/** Of these names those of no interface; none where the interfaces cannot be listed. */
export function missingInterfaces(names: readonly string[], find: typeof findLink = findLink): readonly string[] {
  // Every network namespace has it: without /sys no interface is found.
  if (find("lo") === undefined) return [];
  return names.filter((name) => name !== "ALL" && name !== "ALL_NLO" && find(name) === undefined);
}

/** For a person; "" for none. */
export function describeMissing(missing: readonly string[]): string {
  if (missing.length === 0) return "";
  const [absent, it, comes] =
    missing.length === 1 ? ["this interface is", "it", "it comes"] : ["these interfaces are", "them", "they come"];
  const names = missing.map(escapeWord).join(", ");
  return `INTERFACE names ${names}, and ${absent} not there: no probe is seen on ${it} until ${comes}; "ip -br link" lists the interfaces of this host`;
}
