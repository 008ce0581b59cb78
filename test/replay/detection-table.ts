// The table of docs/reference/detection.md, "The corpus": how many scanners of each kind each scorer finds, after how many of their
// probes, and how many innocents it calls scanners. scripts/detection-table.mjs writes it, a test compares.
import { type ScorerName, scorerNames } from "../../src/detect/tap/tap-source.ts";
import { type Capture, captures } from "../support/corpus.ts";
import { found, replayed } from "./support.ts";

const BEGIN = "<!-- corpus table -->";
const END = "<!-- end of the corpus table -->";
const policies: readonly (ScorerName | "all")[] = ["all", ...scorerNames];

/** After how many probes each was found; undefined: it was not. */
type Flags = (number | undefined)[];

/** "syn", "syn+ack+os-detection" -> policy -> flags. */
type Rows = Map<string, Map<string, Flags>>;

interface Flagged {
  /** Of a source that was found, or undefined. */
  readonly flagOf: (source: string) => number | undefined;
  readonly found: number;
}

async function flagsOf(capture: Capture, policy: string): Promise<Flagged> {
  const { scanners } = await replayed(capture, { policy });
  const reports = new Map(scanners.map((report) => [report.source, report]));
  return { flagOf: (source) => found(reports, source)?.flaggedAfter, found: scanners.length };
}

interface Collected {
  readonly rows: Rows;
  readonly innocents: Map<string, Flags>;
  /** By policy, a number for each capture without a scanner: the sources that were called one. */
  readonly benign: Map<string, number[]>;
}

async function collect(): Promise<Collected> {
  const rows: Rows = new Map();
  const innocents = new Map<string, Flags>();
  const benign = new Map<string, number[]>();
  for (const capture of captures()) {
    for (const policy of policies) {
      const { flagOf, found } = await flagsOf(capture, policy);
      for (const { source, kinds } of capture.expected.scanners) {
        const kind = kinds.join("+");
        const row = rows.get(kind) ?? new Map<string, Flags>();
        rows.set(kind, row);
        row.set(policy, [...(row.get(policy) ?? []), flagOf(source)]);
      }
      const flags = capture.expected.innocent.map(flagOf);
      innocents.set(policy, [...(innocents.get(policy) ?? []), ...flags]);
      if (capture.expected.scanners.length > 0) continue;
      benign.set(policy, [...(benign.get(policy) ?? []), found]);
    }
  }
  return { rows, innocents, benign };
}

function cell(flags: Flags): string {
  const after = flags.filter((flag) => flag !== undefined).sort((a, b) => a - b);
  if (after.length === 0) return "-";
  const share = after.length === flags.length ? "" : `${after.length} of ${flags.length}: `;
  const [first, middle, last] = [after[0], after[Math.floor((after.length - 1) / 2)], after.at(-1)];
  return first === last ? `${share}${first}` : `${share}${middle} (${first}-${last})`;
}

export async function renderTable(): Promise<string> {
  const { rows, innocents, benign } = await collect();
  const lines = [
    `| kind | scanners | ${policies.join(" | ")} |`,
    `|---|---|${policies.map(() => "---|").join("")}`,
    ...[...rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([kind, row]) => {
        const count = row.get("all")?.length ?? 0;
        return `| ${kind} | ${count} | ${policies.map((policy) => cell(row.get(policy) ?? [])).join(" | ")} |`;
      }),
    `| innocent sources called scanners | ${innocents.get("all")?.length ?? 0} sources | ${policies
      .map((policy) => String((innocents.get(policy) ?? []).filter((flag) => flag !== undefined).length))
      .join(" | ")} |`,
    `| captures without a scanner in which one is found | ${benign.get("all")?.length ?? 0} captures | ${policies
      .map((policy) => String((benign.get(policy) ?? []).filter((found) => found > 0).length))
      .join(" | ")} |`,
  ];
  return `${BEGIN}\n${lines.join("\n")}\n${END}`;
}

/** The page with the table in its place; throws where it has none. */
export function withTable(page: string, table: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/reference/detection.md has no ${BEGIN} ... ${END}`);
  return page.slice(0, begin) + table + page.slice(end + END.length);
}
