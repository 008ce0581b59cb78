// What `--json` prints, as design section 7 fixes it: more fields may come, these stay. Parsing is the check.
import { z } from "zod";

const kindsOnHosts = ["syn", "connect", "null", "fin", "xmas", "synfin", "ack", "maimon", "udp", "unknown"] as const;
const kindsOnTaps = [
  "sctp-init",
  "sctp-cookie-echo",
  "ip-protocol",
  "icmp-echo",
  "icmp-timestamp",
  "icmp-netmask",
  "arp",
  "neighbor",
  "fragment",
  "os-detection",
  "idle-scan",
] as const;

export const statusSchema = z.looseObject({
  probes: z.number(),
  sources: z.number(),
  lost: z.number(),
  held: z.number(),
  blocked: z.number(),
  proven: z.number(),
  unproven: z.number(),
  uptimeSeconds: z.number(),
  capture: z.enum(["nflog", "ring", "listen"]),
  firewall: z.string(),
  watched: z.object({
    tcp: z.object({ mode: z.string(), ports: z.number() }).nullable(),
    udp: z.object({ mode: z.string(), ports: z.number() }).nullable(),
  }),
  warnings: z.array(z.string()),
});
export const blockedSchema = z.looseObject({
  source: z.string(),
  since: z.iso.datetime(),
  until: z.iso.datetime().nullable(),
  grade: z.enum(["handshake", "silence", "direct", "manual", "fleet"]),
  soft: z.boolean(),
  reason: z.string(),
  backend: z.string(),
  enforced: z.boolean(),
  offences: z.number(),
});
export const eventSchema = z.looseObject({
  time: z.iso.datetime(),
  type: z.enum(["probe", "finding", "block", "unblock", "drift", "warning", "outgoing"]),
  source: z.string().optional(),
  protocol: z.string().optional(),
  port: z.number().optional(),
  host: z.string().optional(),
  kind: z.enum([...kindsOnHosts, ...kindsOnTaps]).optional(),
  tool: z.string().optional(),
  known: z.string().optional(),
  grade: z.string().optional(),
  action: z.string().optional(),
  message: z.string().optional(),
});
export type Status = z.infer<typeof statusSchema>;
export type BlockedSource = z.infer<typeof blockedSchema>;
export type LabEvent = z.infer<typeof eventSchema>;
