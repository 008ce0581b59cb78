// Probes a host on command, from whatever address it is told to: one JSON object a line in, one JSON object a line out
// when it is done. What the probed port said (a banner) is in the answer.
//   {"connect": {"from": A, "to": B, "port": N}}    a TCP connection, read to its end
//   {"datagram": {"from": A, "to": B, "port": N}, "bytes": N}   a UDP datagram, and the first answer to it
//   {"frame": "hex"}                                an Ethernet frame as it is
//   prober.js DEVICE MILLISECONDS (how long an answer is waited for)
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { z } from "zod";
import * as K from "../../../../src/kernel/constants.ts";
import { openSocket, sendTo } from "../../../../src/kernel/libc.ts";
import { interfaceIndex } from "../../../support/interface-index.ts";

const AF_PACKET = 17;
const end = z.object({ from: z.string(), to: z.string(), port: z.number() });
const order = z.union([
  z.object({ connect: end }),
  z.object({ datagram: end, bytes: z.number() }),
  z.object({ frame: z.string() }),
]);
type End = z.infer<typeof end>;

const patienceMs = Number(process.argv[3] ?? 1000);
const packets = openSocket(AF_PACKET, K.SOCK_RAW, 0);
const link = linkAddress(interfaceIndex(process.argv[2] ?? ""));

/** struct sockaddr_ll: family, protocol, index, and nothing else: the frame has its addresses itself. */
function linkAddress(index: number): Uint8Array {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt16LE(AF_PACKET, 0);
  bytes.writeInt32LE(index, 4);
  return bytes;
}

function connectTo({ from, to, port }: End): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: to, port, localAddress: from });
    let text = "";
    let fault = "";
    socket.setEncoding("latin1");
    socket.setTimeout(patienceMs, () => {
      fault = "timeout";
      socket.destroy();
    });
    socket.on("data", (part: string) => {
      text += part;
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      fault = error.code ?? error.message;
    });
    socket.on("close", () => resolve(fault === "" ? text : `${text}(${fault})`));
  });
}

function ask({ from, to, port }: End, bytes: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const finish = (text: string): void => {
      clearTimeout(timer);
      socket.close();
      resolve(text);
    };
    const timer = setTimeout(() => finish("(nothing)"), patienceMs);
    socket.on("message", (message) => finish(message.toString("latin1")));
    socket.on("error", (error) => finish(`(${error.message})`));
    socket.bind(0, from, () => socket.send("x".repeat(bytes), port, to));
  });
}

async function carryOut(text: string): Promise<string> {
  const asked = order.parse(JSON.parse(text));
  if ("connect" in asked) return connectTo(asked.connect);
  if ("datagram" in asked) return ask(asked.datagram, asked.bytes);
  const sent = sendTo(packets, Buffer.from(asked.frame, "hex"), link);
  return sent < 0 ? `(errno ${-sent})` : "";
}

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify({ answer: await carryOut(line) })}\n`);
}
