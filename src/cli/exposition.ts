// The daemon's figures in Prometheus's text format (prometheus.io/docs/instrumenting/exposition_formats). Names never change once they
// were published, each series is there when it is 0, and no address is a label.
import type { Status } from "../control/api.ts";
import type { Figures } from "../control/record-api.ts";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** Reasons of findings and blocks that are there from the start, so that an alert on them works before the first one. */
const alwaysThere = [
  "probe held",
  "probe logged",
  "finding block",
  "finding soft",
  "block silence",
  "block handshake",
  "block direct",
  "block manual",
  "unblock expired",
  "drift",
  "warning",
];

/** `seconds`: the time of the wall clock, since the epoch. */
export function exposition(status: Status, figures: Figures, seconds: number): string {
  const actions = { ...Object.fromEntries(alwaysThere.map((action) => [action, 0])), ...figures.action };
  const families: Family[] = [
    gauge("portreeve_up", "Whether the daemon answers.", 1),
    {
      name: "portreeve_info",
      type: "gauge",
      help: "The version, the way packets are captured, and the maker of blocks.",
      samples: [[{ version: status.version, capture: status.capture, firewall: status.firewall }, 1]],
    },
    gauge("portreeve_blocking", "Whether the configuration makes the daemon block.", Number(status.blocking)),
    gauge("portreeve_uptime_seconds", "Time since the daemon started.", status.uptimeSeconds),
    gauge("portreeve_sources", "Sources that are tracked.", status.sources),
    gauge("portreeve_held", "Sources in the kernel's hold sets.", status.held),
    {
      name: "portreeve_blocked",
      type: "gauge",
      help: "Blocked sources, by whether their probes are proven to be theirs.",
      samples: [
        [{ proven: "yes" }, status.proven],
        [{ proven: "no" }, status.unproven],
      ],
    },
    gauge("portreeve_warnings", "Warnings that portreeve status shows.", status.warnings.length),
    gauge("portreeve_last_answer_timestamp_seconds", "When these figures were asked for.", seconds),
    counter("portreeve_lost_packets_total", "Packets that were lost before they could be judged.", [[{}, status.lost]]),
    counter("portreeve_probes_total", "Probes by kind of scan.", byLabel("kind", figures.kind)),
    counter(
      "portreeve_tool_findings_total",
      "Findings by the program that the source scans with.",
      byLabel("tool", figures.tool),
    ),
    counter(
      "portreeve_actions_total",
      "Probes, findings, blocks, unblocks and warnings by the action that followed.",
      byLabel("action", actions),
    ),
    {
      name: "portreeve_stage",
      type: "gauge",
      help: "The daemon's own counters and sizes, by the name that portreeve status --json has.",
      samples: byLabel("counter", status.counters),
    },
  ];
  return [...families.map(familyText), histogramText(figures.latency)].join("");
}

/** For a text file that is read while no daemon answers. */
export function expositionOfNone(): string {
  return familyText(gauge("portreeve_up", "Whether the daemon answers.", 0));
}

function gauge(name: string, help: string, value: number): Family {
  return { name, type: "gauge", help, samples: [[{}, value]] };
}

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: "counter", help, samples };
}

function byLabel(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([value, count]) => [{ [label]: value }, count]);
}

function familyText({ name, type, help, samples }: Family): string {
  return `${head(name, type, help)}${samples.map((sample) => sampleText(name, sample)).join("")}`;
}

function histogramText({ buckets, sumSeconds, count }: Figures["latency"]): string {
  const name = "portreeve_decision_seconds";
  const all = [...buckets.map(([bound = 0, below = 0]) => [String(bound), below] as const), ["+Inf", count] as const];
  return [
    head(name, "histogram", "From the first packet of a delivery until its verdicts stood in the kernel."),
    ...all.map(([le, below]) => sampleText(`${name}_bucket`, [{ le }, below])),
    sampleText(`${name}_sum`, [{}, sumSeconds]),
    sampleText(`${name}_count`, [{}, count]),
  ].join("");
}

function head(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

function sampleText(name: string, [labels, value]: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
