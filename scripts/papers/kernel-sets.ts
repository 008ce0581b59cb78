// The table in docs/reference/kernel-table.md, made from src/table/sets.ts. scripts/docs.mjs writes it; a test fails when the
// page differs.
import { kernelSets } from "../../src/table/kernel-sets.ts";

/** The page with the table that the rows make. */
export function withKernelSets(page: string): string {
  return page.replace(/^\| set \|[\s\S]*?(?=\n\n)/m, () => renderTable());
}

type Row = (typeof kernelSets)[number]["row"];

function renderTable(): string {
  const byRow = new Map<Row, string[]>();
  for (const { name, row } of kernelSets) byRow.set(row, [...(byRow.get(row) ?? []), name]);
  const lines = [...byRow].map(([row, names]) => {
    const kept = row.isLearned === true ? "; kept over a restart of the host" : "";
    return `| ${namesOf(names)} | ${row.members}${kept} | ${row.filledBy} | ${boundOf(row, names.length)} |`;
  });
  return ["| set | members | filled by | bound, and what happens at it |", "|---|---|---|---|", ...lines].join("\n");
}

/** "`held4/6`", "`watched_tcp/udp`", "`many24`, `many56`" */
function namesOf(names: readonly string[]): string {
  const [first = "", second] = names;
  const end = /(?:\d|udp)$/.exec(second ?? "")?.[0];
  const isPair = names.length === 2 && end !== undefined;
  return isPair ? `\`${first}/${end}\`` : names.map((name) => `\`${name}\``).join(", ");
}

function boundOf({ size, atBound }: Row, sets: number): string {
  if (size === undefined) return atBound;
  return `${size.toLocaleString("en-US")}${sets > 1 ? " each" : ""}: ${atBound}`;
}
