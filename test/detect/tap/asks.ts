// Contacts given to CoordinatedScans: from 198.51.100.0 + source to 192.0.2.0 + host, unless told otherwise.
import { Contact, Outcome } from "../../../src/detect/tap/contact.ts";
import {
  type CoordinatedFinding,
  type CoordinatedPolicy,
  CoordinatedScans,
  DEFAULT_COORDINATED,
} from "../../../src/detect/tap/coordinated.ts";
import { IPV4_MAPPED_WORD, prefixOfWords } from "../../../src/wire/address.ts";
import { seed } from "../probes.ts";

const MASSCAN = 1;

export interface Ask {
  readonly source: number;
  readonly host?: number;
  readonly port?: number;
  readonly outcome?: Outcome;
  readonly timeMs?: number;
  readonly fingerprint?: number;
}

export function ask(scans: CoordinatedScans, fields: Ask): CoordinatedFinding | undefined {
  const { source, host = 1, port = 80, outcome = Outcome.Unanswered, timeMs = 0, fingerprint = MASSCAN } = fields;
  const contact = new Contact();
  contact.host2 = IPV4_MAPPED_WORD;
  contact.host3 = 0xc0000200 + host;
  contact.protocol = 6;
  contact.port = port;
  contact.outcome = outcome;
  contact.timeMs = timeMs;
  return scans.note(contact, prefixOfWords(0, 0, IPV4_MAPPED_WORD, 0xc6336400 + source, 128), fingerprint);
}

export function createScans(fields: Partial<CoordinatedPolicy> = {}): CoordinatedScans {
  return new CoordinatedScans({ policy: { ...DEFAULT_COORDINATED, ...fields }, seed });
}
