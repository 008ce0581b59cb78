// The text of test/corpus/README.md.
import { spawnSync } from "node:child_process";
import { release } from "node:os";

const MAX_HOW_CHARACTERS = 100;
const versions = {
  nmap: ["nmap", "--version"],
  masscan: ["masscan", "--version"],
  zmap: ["zmap", "--version"],
  hping3: ["hping3", "--version"],
  tcpdump: ["tcpdump", "--version"],
  dnsmasq: ["dnsmasq", "--version"],
  curl: ["curl", "--version"],
  ssh: ["ssh", "-V"],
};

function versionOf([program, ...args]) {
  const { stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return (
    (stdout + stderr)
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.trim() ?? "unknown"
  );
}

/** The whole command is in the .expected.json. */
function shorten(how) {
  return how.length > MAX_HOW_CHARACTERS ? `${how.slice(0, MAX_HOW_CHARACTERS)} ...` : how;
}

export function readme(groups) {
  const tools = Object.values(versions).map((argv) => `- ${versionOf(argv)}`);
  const tables = Object.entries(groups).map(
    ([group, cases]) =>
      `## ${group}\n\n${cases.map(({ name, expected }) => `- \`${name}\`: ${shorten(expected.how)}`).join("\n")}\n`,
  );
  return `# The corpus: captures in, findings out

Made by \`scripts/corpus.mjs\` (as root, in network namespaces, on documentation addresses only; \`node scripts/corpus.mjs
nmap/syn\` makes one again). Each \`NAME.pcap\` was taken by tcpdump on the link of the scanned hosts, "home", with both
directions in it, unless \`oneSided\` says otherwise. Beside it \`NAME.expected.json\` says what was done: it was written
by the script that did it, not by our detector.

| field | meaning |
| --- | --- |
| \`homes\` | what is ours: give it as \`--home\` |
| \`how\` | the command, or what was built and from which source |
| \`oneSided\` | nothing that home sent is in the capture |
| \`unanswered\` | home could have answered and did not: its kernel drops such packets without a word |
| \`scanners\` | \`source\`; \`kinds\` of its probes (names of src/detect/kinds.ts; a detector may find single packets that are of none of them); \`tool\`, null if its packets name none; \`tools\` if several share the address; \`targets\`, \`ports\` and which of them are open; \`isForged\`: the address is not the scanner's own |
| \`decoys\` | nmap sent the same probes in their names: they look like scanners, and nothing in the capture says otherwise |
| \`coordinated\` | sources that share out one scan |
| \`innocent\` | sources that must never be called scanners |

home is 198.51.100.1 to .8 (2001:db8:a::1 to ::8); the other addresses of 198.51.100.0/24 are silent. It serves TCP 22,
25, 53, 80, 443, 993, 3306 and 8080 and UDP 53, 123 and 161; its kernel (no SCTP) refuses the rest. Scanners live in
203.0.113.0/24 and 2001:db8:b::/48, innocents in 192.0.2.0/24 and 2001:db8:c::/48, the router of the link is
198.51.100.250. Captures whose \`how\` begins with "built" were not sent by the tool itself, as Debian does not have it,
but packet by packet from what its source says.

Made with Linux ${release()} and:

${tools.join("\n")}

${tables.join("\n")}`;
}
