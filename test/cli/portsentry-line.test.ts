import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsePortsentryLine } from "../../src/cli/portsentry-line.ts";

const parse = (line: string) => parsePortsentryLine(line.split(" ").filter((arg) => arg !== ""));

test("1.2's six flags", () => {
  const none = { generation: 1, tcpMode: undefined, udpMode: undefined, confFile: undefined };
  for (const mode of ["tcp", "stcp", "atcp"]) assert.deepEqual(parse(`-${mode}`), { ...none, tcpMode: mode });
  for (const mode of ["udp", "sudp", "audp"]) assert.deepEqual(parse(`-${mode}`), { ...none, udpMode: mode });
});

test("beyond 1.2: one mode of each protocol, and a file", () => {
  assert.deepEqual(parse("-audp -stcp -c /tmp/x.conf"), {
    generation: 1,
    tcpMode: "stcp",
    udpMode: "audp",
    confFile: "/tmp/x.conf",
  });
});

test("what 1.2 answers with its usage", () => {
  for (const line of [
    "-x",
    "start",
    "-tcp -stcp",
    "-tcp extra",
    "-tcp -D",
    "-tcp -c",
    "-tcp -c a -c b",
    "-TCP",
    "--",
    "-",
  ])
    assert.deepEqual(parse(line), { generation: 1, wrong: true }, line);
  assert.deepEqual(parse(""), { generation: "unsaid" });
  assert.deepEqual(parsePortsentryLine([""]), { generation: 1, wrong: true });
});

test("2.x's options, short ones joined or apart", () => {
  const usual = { generation: 2, mode: "stealth", log: "stdout", confFile: undefined, daemon: false };
  const switches = { countsOwn: false, countsServed: false, verbose: false, debug: false };
  assert.deepEqual(parse("--stealth"), { ...usual, interfaces: [], switches });
  assert.deepEqual(parse("-D"), { ...usual, daemon: true, interfaces: [], switches });
  assert.deepEqual(parse("--connect -Dl syslog -c /tmp/x.conf -i eth0 --interface=eth1"), {
    generation: 2,
    mode: "connect",
    log: "syslog",
    confFile: "/tmp/x.conf",
    daemon: true,
    interfaces: ["eth0", "eth1"],
    switches,
  });
  const all = { countsOwn: true, countsServed: true, verbose: true, debug: true };
  assert.deepEqual(parse("--stealth -m pcap -LSdv -i ALL_NLO"), { ...usual, interfaces: ["ALL_NLO"], switches: all });
});

test("2.x's raw sockets hear the loopback as well, unless -i says otherwise", () => {
  const interfacesOf = (line: string) => {
    const parsed = parse(line);
    return "interfaces" in parsed ? parsed.interfaces : parsed;
  };
  assert.deepEqual(interfacesOf("--stealth -m raw"), ["ALL"]);
  assert.deepEqual(interfacesOf("-m raw -i eth0"), ["eth0"]);
  assert.deepEqual(interfacesOf("-m pcap"), []);
});

test("help and version", () => {
  assert.deepEqual(parse("-h"), { generation: 2, show: "help" });
  assert.deepEqual(parse("--connect --version"), { generation: 2, show: "version" });
});

test("what 2.x refuses, in its words", () => {
  const wrong = (line: string) => {
    const parsed = parse(line);
    return parsed.generation === 2 && "wrong" in parsed ? parsed.wrong : parsed;
  };
  assert.equal(wrong("--stealth --connect"), "Only one mode can be specified, Use only one of --stealth or --connect");
  assert.equal(wrong("-i ALL -i eth0"), "Only one interface type can be specified (ALL, ALL_NLO or interfaces)");
  for (const name of ['eth0"', "eth*", "a-name-too-long-"])
    assert.equal(wrong(`-i ${name}`), `Invalid interface name specified: ${name}`);
  assert.equal(wrong("-l file"), "Invalid log output specified (stdout or syslog)");
  assert.equal(wrong("-m ebpf"), "Invalid sentry method specified (pcap or raw)");
  assert.match(String(wrong("--stealth --surprise")), /--surprise/);
  assert.match(String(wrong("--stealth extra")), /extra/);
  assert.match(String(wrong("-c")), /configfile/);
});

test("whatever the arguments, the parser answers", () => {
  const pieces = fc.oneof(
    fc.string(),
    fc.constantFrom("-tcp", "-udp", "-c", "--stealth", "-i", "-D", "-l", "stdout", "--"),
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 6 }), (args) => {
      assert.ok([1, 2, "unsaid"].includes(parsePortsentryLine(args).generation));
    }),
  );
});
