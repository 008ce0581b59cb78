// What the kernel itself says, asked with nft beside the daemon: the second witness of every "blocked".
import { z } from "zod";
import type { Lab } from "./lab.ts";

const elementSchema = z.union([z.string(), z.object({ elem: z.looseObject({ val: z.unknown() }) })]);
const listSchema = z.object({
  nftables: z.array(z.looseObject({ set: z.looseObject({ elem: z.array(elementSchema).default([]) }).optional() })),
});

/** The elements of one set of Portreeve's table; undefined when the set is not there. */
export async function setElements(lab: Lab, name: string): Promise<readonly string[] | undefined> {
  const { code, stdout } = await lab.target.run(["nft", "-j", "list", "set", "inet", "portreeve", name]);
  if (code !== 0) return undefined;
  const { nftables } = listSchema.parse(JSON.parse(stdout));
  return nftables.flatMap(({ set }) => set?.elem ?? []).map(elementText);
}

function elementText(element: z.infer<typeof elementSchema>): string {
  if (typeof element === "string") return element;
  return typeof element.elem.val === "string" ? element.elem.val : JSON.stringify(element.elem.val);
}

/** Whether the kernel drops everything from a source: "203.0.113.5" or "2001:db8:b:5::/64". */
export async function kernelBlocks(lab: Lab, source: string): Promise<boolean> {
  return (await blockedInKernel(lab)).includes(source);
}

/** All fully blocked sources as Portreeve writes them: an IPv6 key outside the lab's link is a /64. */
export async function blockedInKernel(lab: Lab): Promise<readonly string[]> {
  const four = (await setElements(lab, "blocked4")) ?? [];
  const six = (await setElements(lab, "blocked6")) ?? [];
  return [...four, ...six.map((address) => (address.startsWith("2001:db8:a:") ? address : `${address}/64`))];
}

/** The names of the chains of Portreeve's table; none when there is no table. */
export async function chains(lab: Lab): Promise<readonly string[]> {
  const { stdout } = await lab.target.run(["nft", "list", "table", "inet", "portreeve"]);
  return [...stdout.matchAll(/^\s*chain (\S+) /gm)].map((match) => match[1] ?? "");
}
