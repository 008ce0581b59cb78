// Packets of tools that Debian has not, built from what their sources say (src/detect/tool/fingerprints.ts names them) and
// sent to home, whose answers are in the captures too.
import { join } from "node:path";
import { build, HOME, homeHost, scannerAddress } from "./lab.mjs";
import { range, TCP_PORTS } from "./nmap.mjs";
import { numbers, send, sendThroughKernel } from "./props.mjs";
import { openTcpPorts } from "./services.mjs";

const { buildTcp } = await import(join(build, "test/support/build-packet.js"));
const ONLY_MSS = [2, 4, 0x05, 0xb4];

const wordOf = (address) => address.split(".").reduce((word, part) => ((word << 8) | Number(part)) >>> 0, 0);
const swapBytes = (word) => ((word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24)) >>> 0;

/** `probesOf(source, random)`: the packets, in order. */
function scan(name, number, tool, { probesOf, list = TCP_PORTS, targets = [HOME.ipv4], how, sendBy = send }) {
  const source = scannerAddress(number);
  return {
    name,
    run: (lab) => sendBy(lab, probesOf(source, numbers(number + 1)), source),
    expected: {
      how: `built: ${how}`,
      scanners: [
        {
          source,
          kinds: ["syn"],
          tool,
          targets,
          ports: list,
          openPorts: list.filter((port) => openTcpPorts.includes(port)),
        },
      ],
      decoys: [],
      innocent: [],
    },
  };
}

const aimed = (source, port, more) => buildTcp({ source, destination: HOME.ipv4, destinationPort: port, ...more });

const naabuProbes = (how) => (source, random) => {
  const first = 1_000_000_000 + random(1_000_000_000);
  return TCP_PORTS.map((port, index) =>
    aimed(source, port, {
      sourcePort: 43_123,
      sequence: first + index,
      window: 1024,
      tcpOptions: ONLY_MSS,
      ttl: 255,
      ...how,
    }),
  );
};

export const builtCases = [
  scan("zmap-4", 110, "zmap", {
    how: "ZMap 4.2 module_tcp_synscan, Windows-style options",
    list: [23],
    targets: range(1, 24).map(homeHost),
    probesOf: (source, random) =>
      range(1, 24).map((host) =>
        buildTcp({
          source,
          destination: homeHost(host),
          sourcePort: 32_768 + random(28_232),
          destinationPort: 23,
          sequence: random(2 ** 32),
          identification: random(65_536),
          window: 65_535,
          ttl: 64,
          tcpOptions: [...ONLY_MSS, 1, 3, 3, 8, 1, 1, 4, 2],
        }),
      ),
  }),
  scan("mirai", 111, "mirai", {
    how: "Mirai bot/scanner.c: the sequence number is the destination",
    list: [23, 2323],
    targets: range(1, 8).map(homeHost),
    probesOf: (source, random) =>
      range(1, 20).map((index) => {
        const destination = homeHost(1 + (index % 8));
        const destinationPort = index % 10 === 0 ? 2323 : 23;
        const identification = random(65_536);
        return buildTcp({
          source,
          destination,
          sourcePort: 4711,
          destinationPort,
          sequence: wordOf(destination),
          identification,
          window: 37_123,
        });
      }),
  }),
  scan("mirai-behind-dnat", 112, "mirai", {
    how: "Mirai bot/scanner.c, aimed at 198.51.100.33, which a router maps to 198.51.100.1",
    list: [23, 2323],
    probesOf: (source, random) =>
      range(1, 12).map((index) => {
        const port = index % 3 === 0 ? 2323 : 23;
        return aimed(source, port, {
          sourcePort: 4711,
          sequence: wordOf("198.51.100.33"),
          identification: random(65_536),
          window: 37_123,
        });
      }),
  }),
  scan("naabu", 113, "naabu", {
    how: "naabu scan_raw.go, through a raw socket: the IP header is the kernel's",
    probesOf: naabuProbes({}),
    sendBy: sendThroughKernel,
  }),
  scan("naabu-ethernet", 114, "naabu", {
    how: "naabu scan_raw.go with a source address of its own (sendWithHandler)",
    probesOf: naabuProbes({}),
  }),
  scan("unicornscan", 115, "unicornscan", {
    how: "unicornscan 0.4.7 send_packet.c, init_packet.c case 0, TCPHASHTRACK on a little-endian machine",
    targets: [1, 2, 3].map(homeHost),
    probesOf: (source, random) => {
      const key = random(2 ** 32);
      return TCP_PORTS.flatMap((port) =>
        [1, 2, 3].map((host) => {
          const destination = homeHost(host);
          const sourcePort = 4096 + random(61_000);
          const sequence = (key ^ swapBytes(wordOf(destination)) ^ (((port << 16) + sourcePort) >>> 0)) >>> 0;
          const more = { sequence, identification: random(65_536), window: 4128, ttl: 255, tcpOptions: ONLY_MSS };
          return buildTcp({ source, destination, sourcePort, destinationPort: port, ...more });
        }),
      );
    },
  }),
];
