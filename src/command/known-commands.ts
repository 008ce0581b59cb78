// KILL_ROUTE commands whose meaning we know: what undoes them, what reads them back, and what they become for an IPv6
// source. Everything else is the administrator's own, and is only run as it stands.
import { isSourceKey } from "../detect/source-key.ts";
import { isIpv4 } from "../wire/address.ts";
import type { KnownCommand } from "./known-forms.ts";
import { recognizeIpset } from "./known-ipset.ts";
import { recognizeIptables } from "./known-iptables.ts";
import { recognizeFirewalld, recognizeUfw } from "./known-managers.ts";
import { recognizeNft } from "./known-nft.ts";
import { recognizeIpRoute, recognizeRoute } from "./known-routes.ts";
import { fill, type Template, type TemplateValues } from "./template.ts";

const recognizers = [
  ...[recognizeIptables, recognizeNft, recognizeIpRoute, recognizeRoute],
  ...[recognizeIpset, recognizeUfw, recognizeFirewalld],
];

export function recognizeCommand(template: Template): KnownCommand | undefined {
  if (template.words === undefined) return undefined;
  for (const recognize of recognizers) {
    const known = recognize(template.words);
    if (known !== undefined) return known;
  }
  return undefined;
}

/**
 * The command that blocks a source: the template as it stands wherever it fits, or why there is none. `takesIpv6`: it was
 * written for 2.x, which hands over sources of both families.
 */
export function blockCommand(
  template: Template,
  known: KnownCommand | undefined,
  values: TemplateValues,
  takesIpv6 = false,
): { readonly argv: readonly string[]; readonly text: string } | string {
  const forms = known?.forms(values);
  if (typeof forms === "string") return forms;
  if (isIpv4(values.target) && (forms === undefined || values.target.bits === 128)) return fill(template, values);
  if (forms === undefined && takesIpv6 && isSourceKey(values.target)) return fill(template, values);
  if (forms === undefined) return "not run: the command is for IPv4, and no IPv6 form of it is known";
  return { argv: forms.block, text: printArgv(forms.block) };
}

/** Arguments as a person would type them. */
export function printArgv(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}
