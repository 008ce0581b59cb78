// The cases of the differential test: which configuration and which probes show what PortSentry does.
import { type Case, type Mode, type Probe, RECORD } from "./contest.ts";
import type { Settings } from "./settings.ts";

export const modes: readonly Mode[] = ["tcp", "udp", "stcp", "sudp", "atcp", "audp"];
export const reactions = ["0", "1", "2"] as const;

/** Every response, each recorded with what it was given. */
export const responses: Settings = {
  KILL_ROUTE: `${RECORD} route $TARGET$ $PORT$ $MODE$`,
  KILL_HOSTS_DENY: "ALL: $TARGET$ : DENY",
  KILL_RUN_CMD: `${RECORD} run $TARGET$ $PORT$ $MODE$`,
};

const isTcp = (mode: Mode): boolean => mode.endsWith("tcp");

export const IGNORED = 77;
export const PORTS = [300, 301, 302] as const;

/** Which ports each mode watches: the same three, in the words of the mode. */
export function watching(mode: Mode): Settings {
  const protocol = isTcp(mode) ? "TCP" : "UDP";
  if (!mode.startsWith("a")) return { [`${protocol}_PORTS`]: PORTS.join(",") };
  return { [`ADVANCED_PORTS_${protocol}`]: "400", [`ADVANCED_EXCLUDE_${protocol}`]: "113,139" };
}

/** BLOCK_* for the protocol of the mode, and SCAN_TRIGGER, without which 1.2 complains. */
export function reacting(mode: Mode, reaction: string): Settings {
  return { [isTcp(mode) ? "BLOCK_TCP" : "BLOCK_UDP"]: reaction, SCAN_TRIGGER: "0" };
}

/** The probe that a mode sees at least. */
export function probeIn(mode: Mode, from: number | string, port: number = PORTS[0]): Probe {
  const kind = mode === "tcp" ? "connect" : isTcp(mode) ? "syn" : "udp";
  return { kind, from, port };
}

/** One source that comes back, on another port and on the same; a second one; one that is ignored. */
export function ordinary(mode: Mode): readonly Probe[] {
  return [
    probeIn(mode, 1),
    probeIn(mode, 1, PORTS[1]),
    probeIn(mode, 1),
    { ...probeIn(mode, IGNORED), silent: true },
    probeIn(mode, 2, PORTS[2]),
    probeIn(mode, 2, PORTS[2]),
  ];
}

export function caseOf(name: string, mode: Mode, reaction: string, more: Partial<Case> = {}): Case {
  const { conf, ...rest } = more;
  const usual = { ...watching(mode), ...reacting(mode, reaction) };
  return {
    name: `${mode}, BLOCK ${reaction}: ${name}`,
    mode,
    conf: { ...usual, ...conf },
    ignored: [`203.0.113.${IGNORED}`],
    probes: ordinary(mode),
    ...rest,
  };
}

/** Each mode with each BLOCK_*, every response set. */
const matrix = modes.flatMap((mode, index) =>
  reactions.map((reaction) => {
    const first = String(index % 2);
    return caseOf(`all responses, KILL_RUN_CMD_FIRST ${first}`, mode, reaction, {
      conf: { ...responses, KILL_RUN_CMD_FIRST: first },
    });
  }),
);

const kinds: readonly Probe[] = (["null", "fin", "xmas", "syn", "synfin", "all"] as const).map((kind, index) => ({
  kind,
  from: 10 + index,
  port: PORTS[0],
  ...(kind === "all" && { silent: true }),
}));

const FALSE = { command: /^\/bin\/false /, detail: "exit code 1" };

function withoutTrigger(asked: Case): Case {
  const { SCAN_TRIGGER: _, ...conf } = asked.conf;
  return { ...asked, conf };
}

/** Every case ends with a probe of a source that was found before, so that its lines end visibly. */
export const cases: readonly Case[] = [
  ...matrix,
  caseOf("kinds of packets", "stcp", "0", {
    probes: [
      ...kinds,
      { kind: "ack", from: 20, port: PORTS[0], silent: true },
      { kind: "maimon", from: 21, port: PORTS[0], silent: true },
      { kind: "rst", from: 22, port: PORTS[0], silent: true },
      probeIn("stcp", 10),
    ],
  }),
  caseOf("kinds of packets", "atcp", "1", { conf: responses, probes: [...kinds, probeIn("atcp", 10)] }),
  caseOf("IP options", "stcp", "0", {
    probes: [
      { ...probeIn("stcp", 1), ipOptions: true },
      { ...probeIn("stcp", 1), ipOptions: true },
    ],
  }),
  caseOf("IP options", "audp", "1", {
    conf: responses,
    probes: [
      { ...probeIn("audp", 1), ipOptions: true },
      { ...probeIn("audp", 1), ipOptions: true },
    ],
  }),
  caseOf("SCAN_TRIGGER 1", "stcp", "1", { conf: { ...responses, SCAN_TRIGGER: "1" } }),
  ...(["stcp", "tcp", "audp"] as const).map((mode) =>
    caseOf("SCAN_TRIGGER 2, the same port counts", mode, "1", {
      conf: { ...responses, SCAN_TRIGGER: "2" },
      probes: [
        { ...probeIn(mode, 1), silent: true },
        probeIn(mode, 1),
        { ...probeIn(mode, 2), silent: true },
        probeIn(mode, 2, PORTS[1]),
        probeIn(mode, 2),
      ],
    }),
  ),
  withoutTrigger(caseOf("no SCAN_TRIGGER", "stcp", "0")),
  ...(["tcp", "stcp", "atcp", "sudp"] as const).map((mode) => caseOf("no response at all", mode, "1")),
  caseOf("no command to run", "atcp", "2"),
  caseOf("KILL_ROUTE succeeds", "stcp", "1", { conf: { KILL_ROUTE: "/bin/true $TARGET$" } }),
  caseOf("KILL_ROUTE fails", "stcp", "1", {
    conf: { KILL_ROUTE: "/bin/false $TARGET$" },
    failing: FALSE,
  }),
  caseOf("KILL_ROUTE fails, hosts.deny works", "tcp", "1", {
    conf: { ...responses, KILL_ROUTE: "/bin/false $TARGET$" },
    failing: FALSE,
  }),
  caseOf("KILL_ROUTE is no program", "audp", "1", {
    conf: { KILL_ROUTE: "/nowhere/no-program $TARGET$" },
    failing: { command: /no-program/, detail: "cannot run /nowhere/no-program: ENOENT" },
  }),
  caseOf("KILL_RUN_CMD fails", "stcp", "2", { conf: { KILL_RUN_CMD: "/bin/false $TARGET$" }, failing: FALSE }),
  caseOf("only hosts.deny", "stcp", "1", { conf: { KILL_HOSTS_DENY: "ALL: $TARGET$" } }),
  caseOf("shell syntax", "stcp", "1", { conf: { KILL_ROUTE: `${RECORD} a $TARGET$ && ${RECORD} b $TARGET$ | cat` } }),
  caseOf("KILL_ROUTE without a target", "stcp", "1", {
    conf: { KILL_ROUTE: `${RECORD} route`, KILL_RUN_CMD: `${RECORD} run` },
  }),
  caseOf("a banner", "tcp", "0", { conf: { PORT_BANNER: "** UNAUTHORIZED ACCESS PROHIBITED **" } }),
  caseOf("a banner", "udp", "0", {
    conf: { PORT_BANNER: "go away" },
    probes: [
      { kind: "datagram", from: 1, port: PORTS[0] },
      { kind: "short datagram", from: 1, port: PORTS[1] },
    ],
  }),
  ...modes.map((mode) =>
    caseOf("a served port", mode, "0", {
      served: [PORTS[1]],
      probes: ordinary(mode).map((probe) => (probe.port === PORTS[1] ? { ...probe, silent: true } : probe)),
    }),
  ),
  caseOf("ports in any order", "tcp", "0", { conf: { TCP_PORTS: "302,300,301,300" } }),
  caseOf("ports in any order", "sudp", "0", { conf: { UDP_PORTS: "302,300,301" } }),
  caseOf("nothing excluded", "atcp", "0", { conf: { ADVANCED_EXCLUDE_TCP: "" } }),
  caseOf("an excluded port", "audp", "0", {
    conf: { ADVANCED_EXCLUDE_UDP: "302,301" },
    probes: [{ ...probeIn("audp", 1, PORTS[1]), silent: true }, probeIn("audp", 1), probeIn("audp", 1)],
  }),
  caseOf("forms of ignored sources", "stcp", "0", {
    ignored: ["# a comment", "", "203.0.113.10/32 # trailing", "203.0.113.99/29", "203.0.113.11"],
    probes: [
      ...[10, 97, 11].map((from) => ({ ...probeIn("stcp", from), silent: true as const })),
      probeIn("stcp", 12),
      probeIn("stcp", 12),
    ],
  }),
  caseOf("an ignored network that is none", "stcp", "0", {
    ignored: ["203.0.113.10/40"],
    probes: [probeIn("stcp", 10), probeIn("stcp", 10)],
  }),
  caseOf("late answers", "sudp", "1", {
    conf: { ...responses, UDP_PORTS: "300,32771" },
    probes: [probeIn("sudp", 1, 32771), probeIn("sudp", 2), probeIn("sudp", 2)],
  }),
  caseOf("the gateway's name", "stcp", "1", {
    conf: responses,
    probes: [probeIn("stcp", "198.51.100.2"), probeIn("stcp", 2), probeIn("stcp", 2)],
  }),
  caseOf("probes while a command runs", "stcp", "1", {
    conf: { KILL_ROUTE: `sleep 1; ${RECORD} route $TARGET$` },
    atOnce: true,
    probes: [probeIn("stcp", 1), probeIn("stcp", 1)],
  }),
];

const sets: Readonly<Record<string, Settings>> = {
  nothing: {},
  "all responses": responses,
  "only KILL_ROUTE": { KILL_ROUTE: `${RECORD} route $TARGET$ $PORT$ $MODE$` },
  "only KILL_HOSTS_DENY": { KILL_HOSTS_DENY: "ALL: $TARGET$" },
  "only KILL_RUN_CMD": { KILL_RUN_CMD: `${RECORD} run $TARGET$ $PORT$ $MODE$` },
};

/** Source 1 with SCAN_TRIGGER 2: its first probe is silent, whatever the port. */
function withTrigger(mode: Mode): readonly Probe[] {
  return [
    { ...probeIn(mode, 1), silent: true },
    probeIn(mode, 1, PORTS[1]),
    { ...probeIn(mode, 2, PORTS[2]), silent: true },
    probeIn(mode, 2, PORTS[2]),
    probeIn(mode, 2),
  ];
}

export function crossProduct(): readonly Case[] {
  return modes.flatMap((mode) =>
    reactions.flatMap((reaction) =>
      Object.entries(sets).flatMap(([name, set]) =>
        ["0", "1", "2"].flatMap((trigger) =>
          ["0", "1"]
            .filter((first) => first === "0" || "KILL_RUN_CMD" in set)
            // Without a command ours refuses to start, unless the file is surely one of 1.2.
            .filter(() => reaction !== "2" || "KILL_RUN_CMD" in set)
            .map((first) =>
              caseOf(`${name}, SCAN_TRIGGER ${trigger}, KILL_RUN_CMD_FIRST ${first}`, mode, reaction, {
                conf: { ...set, SCAN_TRIGGER: trigger, KILL_RUN_CMD_FIRST: first },
                probes: trigger === "2" ? withTrigger(mode) : ordinary(mode),
              }),
            ),
        ),
      ),
    ),
  );
}
