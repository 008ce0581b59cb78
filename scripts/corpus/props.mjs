// Who else takes part in a capture: forged packets, a zombie, an ssh server, a transfer under way. Functions on a lab.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, HOME, homeHost, ip, LINK, must } from "./lab.mjs";

/** A third host behind world whose IP-ID counts all its packets (test/lab/support/programs/zombie.ts). */
export async function addZombie(lab, address) {
  const { world, zombie } = lab;
  const gateway = "203.0.113.129";
  ip(["netns", "add", zombie]);
  ip(["link", "add", "zombie", "netns", world, "type", "veth", "peer", "name", LINK, "netns", zombie]);
  // The zombie's kernel has no address of its own: only the program answers.
  ip(["-n", zombie, "link", "set", LINK, "address", "02:00:00:00:00:03", "up"]);
  ip(["-n", world, "addr", "add", `${gateway}/30`, "dev", "zombie"]);
  ip(["-n", world, "link", "set", "zombie", "address", "02:00:00:00:00:04", "up"]);
  ip(["-n", world, "neigh", "replace", address, "lladdr", "02:00:00:00:00:03", "dev", "zombie"]);
  ip(["-n", world, "route", "replace", address, "dev", "zombie", "table", "local"]);
  lab.set(world, "net.ipv4.ip_forward=1");
  const program = join(build, "test/lab/support/programs/zombie.js");
  const how = ["--dev", LINK, "--mac", "02:00:00:00:00:04", "--address", address];
  await lab.start(zombie, [process.execPath, program, ...how], /ready/);
}

export function removeZombie(lab, address) {
  ip(["-n", lab.world, "route", "del", address, "dev", "zombie", "table", "local"]);
  lab.set(lab.world, "net.ipv4.ip_forward=0");
  spawnSync("ip", ["-n", lab.world, "link", "del", "zombie"]);
}

/** Whole IPv4 packets from world's end of the link. */
export async function send(lab, packets) {
  const argv = [process.execPath, join(import.meta.dirname, "send.mjs"), build, LINK, HOME.mac];
  const sender = await lab.start(lab.world, argv);
  sender.stdin.end(packets.map((packet) => `${Buffer.from(packet).toString("hex")} 1\n`).join(""));
  if (sender.exitCode === null) await once(sender, "exit");
}

/** The same through a raw socket, so that the kernel writes the IP header: that of the packets is left away. */
export async function sendThroughKernel(lab, packets, source) {
  const program =
    "use Socket; socket(my $s, PF_INET, SOCK_RAW, 6) or die; bind($s, sockaddr_in(0, inet_aton(shift))) or die;" +
    "my $to = sockaddr_in(0, inet_aton(shift)); send($s, pack('H*', $_), 0, $to) for @ARGV;";
  const segments = packets.map((packet) => Buffer.from(packet.subarray(20)).toString("hex"));
  await lab.run(lab.world, ["perl", "-e", program, source, HOME.ipv4, ...segments]);
}

/** A TCP and UDP port of home that answers while `work` runs. */
export async function withServer(lab, port, work) {
  const program =
    "const p=Number(process.argv[1]);const t=require('net').createServer(s=>{s.on('error',()=>0);s.on('data',()=>s.end('x'))});" +
    "const u=require('dgram').createSocket('udp4');u.on('message',(m,f)=>u.send(m,f.port,f.address));" +
    "t.listen(p,()=>u.bind(p,()=>console.log('ready')))";
  const server = await lab.start(lab.home, [process.execPath, "-e", program, String(port)], /ready/);
  await work();
  await lab.stop(server);
}

/** OpenSSH's server of Debian's package, unpacked and not installed, on a port of its own: 22 has an echo. */
export async function withSshd(lab, work) {
  const folder = join(lab.folder, "sshd");
  mkdirSync(folder);
  must("sh", [
    "-c",
    'cd "$1" && apt-get -qq download openssh-server && dpkg-deb -x openssh-server_*.deb .',
    "sh",
    folder,
  ]);
  must("apt-get", ["-qq", "download", "libwrap0"], folder);
  must("sh", ["-c", 'cd "$1" && dpkg-deb -x libwrap0_*.deb .', "sh", folder]);
  for (const name of ["host", "user"]) must("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
  const options = `Port 2222\nHostKey ${folder}/host\nAuthorizedKeysFile ${folder}/user.pub\nPermitRootLogin yes\nStrictModes no\nUsePAM no\nPidFile none\n`;
  writeFileSync(join(folder, "conf"), options);
  const enter =
    'mount -t tmpfs tmpfs /run && mkdir /run/sshd && printf "root:x:0:0::/root:/bin/sh\nsshd:x:65533:65534::/run/sshd:/bin/false\n" > /run/passwd && ' +
    'mount --bind /run/passwd /etc/passwd && LD_LIBRARY_PATH="$1/lib/x86_64-linux-gnu:$1/usr/lib/x86_64-linux-gnu" exec "$1/usr/sbin/sshd" -D -e -f "$1/conf"';
  const argv = ["unshare", "-m", "sh", "-c", enter, "sh", folder];
  const server = await lab.start(lab.home, argv, /Server listening/);
  await work(2222, join(folder, "user"));
  await lab.stop(server);
}

/** A session that is under way; resolves to the promise of its end. */
export async function beginSession(lab, source) {
  const argv = [process.execPath, join(import.meta.dirname, "clients.mjs"), "chat", source, HOME.ipv4, "22", "16"];
  const client = await lab.start(lab.world, argv, /ready/);
  return { ended: client.exitCode === null ? once(client, "exit") : Promise.resolve() };
}

/** Forgets who is where, and asks again for hosts that exist. */
export async function greetNeighbours(lab) {
  for (const host of [2, 3, 4]) {
    ip(["-n", lab.world, "neigh", "del", homeHost(host), "dev", LINK]);
    ip(["-n", lab.world, "neigh", "del", `2001:db8:a::${host}`, "dev", LINK]);
    await lab.run(lab.world, ["ping", "-n", "-q", "-c", "1", homeHost(host)]);
    await lab.run(lab.world, ["ping", "-n", "-q", "-c", "1", `2001:db8:a::${host}`]);
    ip(["-n", lab.world, "neigh", "replace", homeHost(host), "lladdr", HOME.mac, "dev", LINK]);
    ip(["-n", lab.world, "neigh", "replace", `2001:db8:a::${host}`, "lladdr", HOME.mac, "dev", LINK]);
  }
}

/** The same numbers in every run (xorshift32), so that a capture made again differs in its times only. */
export function numbers(seed) {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}
