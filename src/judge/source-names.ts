// Names a source: the tool that its packets show and its name in KNOWN_SCANNERS. Names change nothing about the answer to
// a source.

import { escapeText } from "../base/escape.ts";
import { plural } from "../base/plural.ts";
import type { Finding } from "../detect/finding.ts";
import { ResearchList } from "../detect/research-list.ts";
import type { ToolFound } from "../detect/tool/tool-evidence.ts";
import type { Prefix } from "../wire/address.ts";
import type { ToolMemory } from "./tool-memory.ts";
import type { Verdict } from "./verdict.ts";

export class SourceNames {
  readonly tools: ToolMemory;
  #known: ResearchList;

  constructor(tools: ToolMemory, known: ConstructorParameters<typeof ResearchList>[0]) {
    this.tools = tools;
    this.#known = new ResearchList(known);
  }

  /** KNOWN_SCANNERS was read again. */
  setKnown(known: ConstructorParameters<typeof ResearchList>[0]): void {
    this.#known = new ResearchList(known);
  }

  /** The verdict with the names of its finding's source; the same one where there are none. */
  name<V extends Verdict>(verdict: V): V {
    const { finding } = verdict;
    const tool = finding.tool ?? this.tools.toolsOf(finding.source)[0]?.tool;
    const known = this.#known.nameOf(finding.source);
    if (tool === finding.tool && known === undefined) return verdict;
    const named: Finding = {
      ...finding,
      ...(tool !== undefined && { tool }),
      ...(known !== undefined && { known }),
    };
    return { ...verdict, finding: named };
  }

  /** For `portreeve why`. */
  describe(source: Prefix): string[] {
    const known = this.#known.nameOf(source);
    const sentences = this.tools.toolsOf(source).map(describeTool);
    if (known !== undefined) sentences.unshift(`The source is known as "${escapeText(known)}" (KNOWN_SCANNERS).`);
    return sentences;
  }
}

export function describeTool({ tool, packets, chanceBits }: ToolFound): string {
  const count = plural(packets, "packet bears", "packets bear");
  return `${count} the marks of ${tool}; by chance one source in 2^${chanceBits} looks like that.`;
}
