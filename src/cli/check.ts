// portreeve check: every problem of a configuration file at once, then in sentences what the file means. It ends as the daemon
// would: with 78 where the daemon does not start.
import { readFileSync } from "node:fs";
import { escapeText } from "../base/escape.ts";
import { ExitCode } from "../base/exit-code.ts";
import { isProgram } from "../base/programs.ts";
import { riskOfReading, riskOfWriting } from "../base/trust.ts";
import { describeClientPorts } from "../config/client-ports.ts";
import { blocksAnything } from "../config/enforcement.ts";
import { explainSettings } from "../config/explain.ts";
import { loadSettings } from "../config/load.ts";
import { formatProblem } from "../config/problems.ts";
import type { ReadFile } from "../config/read.ts";
import { suggestPublicPorts } from "../config/served-suggestion.ts";
import { readServiceModes, SERVICE_MODES_FILE, type ServiceModes } from "../config/service-modes.ts";
import type { Settings } from "../config/settings.ts";
import { describeForwarding } from "../host/forwarding.ts";
import { groupId } from "../host/group-id.ts";
import { readEphemeralRange, readReservedPorts } from "../host/host.ts";
import { describeMissing, missingInterfaces } from "../host/missing-interfaces.ts";
import { readServedHere } from "../host/served-here.ts";
import { isOnReadOnly } from "../host/state-folder.ts";
import { describeLeftOver } from "../service/left-over.ts";
import { formatPrefix, type Prefix, parsePrefix, prefixContains } from "../wire/address.ts";
import { plural } from "./format.ts";
import { type ClientOptions, defaultConfFile } from "./options.ts";
import { findOwnSession } from "./own-session.ts";
import { paint, type Terminal, toJsonLine } from "./terminal.ts";

export async function check(
  { conf, json }: ClientOptions,
  terminal: Terminal,
  readFile: ReadFile = readFileSync,
): Promise<ExitCode> {
  const service = conf === defaultConfFile ? readServiceModes(readFile) : undefined;
  const { settings, problems } = loadSettings(conf, readFile, {
    ...service,
    fileExists: isProgram,
    files: {
      ...{ riskOfReading, riskOfWriting, isOnReadOnly },
      hasGroup: (name) => groupId(name, readFileSync) !== undefined,
    },
  });
  const ok = settings !== undefined;
  const meaning = settings === undefined ? [] : meaningOf(settings, service);
  if (json) {
    const told = meaning.map(({ text }) => text);
    await terminal.write(
      toJsonLine({ file: conf, ok, ...(service && { modes: modesOf(service) }), problems, meaning: told }),
    );
    return ok ? ExitCode.Ok : ExitCode.Configuration;
  }
  for (const problem of problems) {
    const colour = problem.severity === "error" ? "red" : "yellow";
    await terminal.write(`${paint(terminal, colour, formatProblem(problem))}\n`);
  }
  if (!ok) {
    const errors = problems.filter(({ severity }) => severity === "error").length;
    await terminal.write(`${plural(errors, "error")}: the daemon would not start with this file\n`);
    return ExitCode.Configuration;
  }
  const lines = meaning.map(({ text, isWarning }) => (isWarning ? paint(terminal, "yellow", text) : text));
  await terminal.write(lines.map((line) => `${line}\n`).join(""));
  const idle = problems.filter(({ passedOver }) => passedOver === true).length;
  if (idle > 0) {
    await terminal.write(
      `The daemon starts with this file, and passes over ${plural(idle, "faulty line")} as PortSentry does\n`,
    );
  }
  return ExitCode.Ok;
}

interface Sentence {
  readonly text: string;
  readonly isWarning: boolean;
}

/** What the file means on this host, and then what of the host does not go with it. */
function meaningOf(settings: Settings, service: ServiceModes | undefined): readonly Sentence[] {
  const ephemeral = readEphemeralRange();
  const served = readServedHere();
  const suggestion = served === undefined ? "" : suggestPublicPorts(settings, served, ephemeral);
  const plain = [...(service === undefined ? [] : [tellModes(service)]), ...explainSettings(settings), suggestion];
  const warnings = [
    describeClientPorts(settings.udp, { ephemeral, reserved: readReservedPorts() }),
    describeMissing(missingInterfaces(settings.interfaces)),
    describeForwarding(settings.protect, (path) => readFileSync(path, "utf8")),
    escapeText(describeLeftOver(settings.stateDir)),
    ...sessionWarnings(settings),
  ];
  const sentences = (texts: readonly string[], isWarning: boolean) =>
    texts.filter((text) => text !== "").map((text) => ({ text, isWarning }));
  return [...sentences(plain, false), ...sentences(warnings, true)];
}

/** Before blocking is on is the time to say it. */
function sessionWarnings(settings: Settings): string[] {
  if (!blocksAnything(settings)) return [];
  const isAllowed = (address: Prefix) => settings.ignored.some((entry) => prefixContains(entry, address));
  return findOwnSession(process)
    .flatMap((text) => parsePrefix(text) ?? [])
    .filter((address) => !isAllowed(address))
    .map((address) => {
      const name = formatPrefix(address);
      return `You are logged in from ${name}, which is not on the allow list: "portreeve allow ${name}" puts it there.`;
    });
}

/** As the daemon runs, not as TCP_MODE and UDP_MODE of the configuration say. */
function modesOf({ tcpMode, udpMode }: ServiceModes) {
  return { tcp: tcpMode ?? null, udp: udpMode ?? null, from: SERVICE_MODES_FILE };
}

function tellModes({ tcpMode, udpMode, fault }: ServiceModes): string {
  if (fault !== "")
    return `The service does not start with ${SERVICE_MODES_FILE}: ${fault}. The lines below describe the configuration alone.`;
  const modes = [tcpMode ?? "TCP off", udpMode ?? "UDP off"].join(" and ");
  return `The service takes its modes from ${SERVICE_MODES_FILE}: ${modes}. The lines below describe these modes.`;
}
