// Which interfaces a ring hears: one socket bound to each that is named, or one for all. Names are bound again when an
// interface of that name comes back; the filter leaves out packets that would be heard twice.
import { KernelError } from "../../kernel/errors.ts";
import { findLink, type Link, listLinks } from "../../kernel/links.ts";
import type { PacketSocket } from "../../kernel/packet-socket.ts";
import { type LinkFilter, MAX_SKIPPED_INTERFACES } from "./probe-filter.ts";

export type InterfaceChoice = "all" | "all-but-loopback" | { readonly names: readonly string[] };

export interface InterfaceReport {
  /** An interface that was named is not there, or not any more. */
  gone(name: string): void;
  /** It is heard again. */
  back(name: string): void;
}

interface Bound {
  readonly name: string;
  readonly socket: PacketSocket;
  /** The index of the interface that it is bound to; 0: of none. */
  index: number;
  isToldGone: boolean;
}

/** With more, a socket for all would be the cheaper way. */
export const MAX_NAMED_INTERFACES = 64;
/** How often it is looked whether those that are named are there, and which are parts of a bridge or bond. */
const NAMES_MS = 2_000;
const PARTS_MS = 30_000;

export class RingInterfaces {
  readonly #choice: InterfaceChoice;
  readonly #isTap: boolean;
  readonly #report: InterfaceReport;
  readonly #named: Bound[] = [];
  readonly #socketOfAll: PacketSocket | undefined;
  #parts: readonly number[] = [];

  /** `open` makes a socket that is not bound yet. Throws KernelError. */
  constructor(choice: InterfaceChoice, isTap: boolean, report: InterfaceReport, open: (what: string) => PacketSocket) {
    this.#choice = choice;
    this.#isTap = isTap;
    this.#report = report;
    if (typeof choice === "string") {
      this.#socketOfAll = open("packet ring on every interface");
      this.#parts = listParts();
      return;
    }
    if (choice.names.length > MAX_NAMED_INTERFACES)
      throw new KernelError(`${choice.names.length} interfaces are named, at most ${MAX_NAMED_INTERFACES} can be`, "");
    for (const name of new Set(choice.names))
      this.#named.push({ name, socket: open(`packet ring on ${name}`), index: 0, isToldGone: false });
  }

  /** Begins to hear, when the filter stands. Throws KernelError. */
  bind(): void {
    this.#socketOfAll?.bind(0);
    for (const bound of this.#named) this.#follow(bound, findLink(bound.name));
  }

  linkFilter(): Omit<LinkFilter, "snapBytes"> {
    return { skipLoopback: this.#choice === "all-but-loopback", skipInterfaces: this.#parts };
  }

  /** How often look() is to be called. */
  get lookMs(): number {
    return this.#socketOfAll === undefined ? NAMES_MS : PARTS_MS;
  }

  /** True when the filter has to be made anew. */
  look(): boolean {
    for (const bound of this.#named) this.#follow(bound, findLink(bound.name));
    if (this.#socketOfAll === undefined) return false;
    const parts = listParts();
    const isSame = parts.length === this.#parts.length && parts.every((index) => this.#parts.includes(index));
    this.#parts = parts;
    return !isSame;
  }

  #follow(bound: Bound, link: Link | undefined): void {
    if (link !== undefined && link.index === bound.index) return;
    // It may have another name now, by which it is not named, or is bound by another socket.
    if (link === undefined && bound.index !== 0) bound.socket.unbind();
    bound.index = link !== undefined && this.#tryBind(bound, link) ? link.index : 0;
    if (bound.index === 0 && !bound.isToldGone) this.#report.gone(bound.name);
    if (bound.index !== 0 && bound.isToldGone) this.#report.back(bound.name);
    bound.isToldGone = bound.index === 0;
  }

  /** False when the interface went between the two calls. */
  #tryBind({ socket }: Bound, link: Link): boolean {
    try {
      socket.bind(link.index);
      if (this.#isTap) socket.listenToAll(link.index);
      return true;
    } catch (error) {
      if (error instanceof KernelError && error.code === "ENODEV") return false;
      throw error;
    }
  }
}

function listParts(): readonly number[] {
  return listLinks()
    .filter(({ isPart }) => isPart)
    .map(({ index }) => index)
    .slice(0, MAX_SKIPPED_INTERFACES);
}
