// The detectors over a recorded capture: frames from the file, through the same decoders and scorers as on a tap.

import { isoTime } from "../base/clock.ts";
import { ExitCode } from "../base/exit-code.ts";
import { CaptureError } from "../capture/file/capture-report.ts";
import { randomSeed } from "../detect/keyed-hash.ts";
import type { ContactSink } from "../detect/tap/contact.ts";
import { TapJudge } from "../detect/tap/tap-judge.ts";
import type { TapPolicy } from "../detect/tap/tap-rules.ts";
import { tapPolicy } from "../policy/tap-policy.ts";
import { formatPrefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { explainStep } from "./explain.ts";
import { type CoordinatedReport, describeCoordinated, describeScanner, type ScannerReport } from "./report.ts";
import { ReplayError, type ReplaySettings } from "./settings.ts";
import { type Tracked, type Tracking, trackContacts } from "./tracking.ts";

export interface ReplayHooks {
  readonly progress: (readBytes: number, totalBytes: number | undefined) => void;
  /** A line of the evidence about the source that `explain` names. */
  readonly explain: (line: string) => void;
}

export interface Summary {
  readonly packets: number;
  readonly undecodable: number;
  /** Sources that began something. */
  readonly sources: number;
  readonly scanners: number;
  /** From the first packet to the last. */
  readonly seconds: number;
  readonly first?: string;
  readonly last?: string;
  /** Packets that are no probes and look like some: not counted against any source. */
  readonly backscatter: number;
  readonly lateSegments: number;
  readonly amplification: number;
  /** SYN+ACKs that nobody asked for, by which an idle scan reads the counter of a host. */
  readonly idProbes: number;
  /** Counts of what was not remembered because a table was full. */
  readonly forgotten: { readonly contacts: number } & TapJudge["forgotten"];
  readonly coordinated: readonly CoordinatedReport[];
  /** IPv6 prefixes of which several parts scan. */
  readonly prefixes: readonly string[];
}

export interface Replayed {
  readonly scanners: readonly ScannerReport[];
  readonly summary: Summary;
  /** The parts of the file that could not be read, each with its offset. */
  readonly problems: readonly string[];
}

/** `file`: a path, or "-" for standard input. Throws ReplayError. */
export async function replay(file: string, settings: ReplaySettings, hooks: ReplayHooks): Promise<Replayed> {
  const seed = randomSeed();
  const policy = policyOf(settings);
  const judge = new TapJudge(policy, seed, {
    ...(settings.explain !== undefined && {
      explain: { source: settings.explain, step: (step) => hooks.explain(explainStep(step)) },
    }),
  });
  const { maxContacts, answerWaitMs } = policy;
  const tracked = await track({ file, seed, homes: settings.homes, maxContacts, answerWaitMs }, judge, hooks);
  return summarize(judge, tracked, settings);
}

function policyOf({ settings, homes, scorers, limits }: ReplaySettings): TapPolicy {
  return tapPolicy(settings, homes.length === 0 ? undefined : new AddressRanges(homes), scorers, limits);
}

async function track(tracking: Tracking, sink: ContactSink, { progress }: ReplayHooks): Promise<Tracked> {
  try {
    return await trackContacts(tracking, sink, progress);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    throw new ReplayError(error.message, error.code === "unreadable" ? ExitCode.NoInput : ExitCode.Data);
  }
}

function summarize(judge: TapJudge, tracked: Tracked, settings: ReplaySettings): Replayed {
  const { report, firstMs, lastMs, counters } = tracked;
  const scanners = judge
    .scanners()
    .sort((a, b) => a.firstMs - b.firstMs)
    .map((source) =>
      describeScanner(source, {
        shape: judge.shapeOf(source),
        known: settings.known.nameOf(source.source),
        coordinated: judge.groups.coordinatedOf(source.source),
      }),
    );
  const isEmpty = lastMs < firstMs;
  return {
    scanners,
    summary: {
      packets: report.packets,
      undecodable: tracked.undecodable,
      sources: judge.sourceCount,
      scanners: scanners.length,
      seconds: isEmpty ? 0 : (lastMs - firstMs) / 1000,
      ...(!isEmpty && { first: isoTime(firstMs), last: isoTime(lastMs) }),
      backscatter: counters.backscatter,
      lateSegments: counters.late,
      amplification: counters.amplified,
      idProbes: counters.idProbe,
      forgotten: { contacts: counters.evictions, ...judge.forgotten },
      coordinated: judge.groups.coordinated.map(describeCoordinated),
      prefixes: judge.groups.widerPrefixes.map(formatPrefix),
    },
    problems: [
      ...report.problems.map(({ offset, message }) => `offset ${offset}: ${message}`),
      ...(report.furtherProblems > 0 ? [`${report.furtherProblems} further problems`] : []),
    ],
  };
}
