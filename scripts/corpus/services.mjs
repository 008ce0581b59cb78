// What home serves, a program that the corpus script starts in home's namespace: HTTP by Node's own server, SMTP, and
// ports that speak one line and echo; UDP that answers every datagram. Port 53 is dnsmasq's. Prints "ready".
//   services.mjs ADDRESS...      the addresses of the UDP ports
import { createSocket } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";

export const openTcpPorts = [22, 25, 53, 80, 443, 993, 3306, 8080];
export const openUdpPorts = [53, 123, 161];
const HTTP_PORTS = [80, 8080];
const ECHO_PORTS = [22, 443, 993, 3306];
const ECHO_UDP_PORTS = [123, 161];

/** UDP on each address by itself, so that the answer comes from the one that was asked. */
export function serve(addresses) {
  let waiting = HTTP_PORTS.length + ECHO_PORTS.length + addresses.length * ECHO_UDP_PORTS.length + 1;
  const opened = () => {
    waiting--;
    if (waiting === 0) process.stdout.write("ready\n");
  };
  for (const port of HTTP_PORTS) createHttpServer(respond).listen(port, "::", opened);
  for (const port of ECHO_PORTS) createServer((socket) => echo(socket, port)).listen(port, "::", opened);
  createServer(speakSmtp).listen(25, "::", opened);
  for (const address of addresses) {
    for (const port of ECHO_UDP_PORTS) {
      const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
      socket.on("message", (message, from) => socket.send(message.subarray(0, 64), from.port, from.address));
      socket.bind(port, address, opened);
    }
  }
}

/** /N is N bytes. */
function respond(request, response) {
  const bytes = Math.min(Number(request.url?.slice(1)) || 600, 1_000_000);
  response.end(Buffer.alloc(bytes, "x"));
}

function echo(socket, port) {
  socket.on("error", () => undefined);
  if (port !== 443) socket.write("home.example ready\r\n");
  socket.on("data", (bytes) => socket.write(bytes.subarray(0, 200)));
}

function speakSmtp(socket) {
  let isData = false;
  socket.on("error", () => undefined);
  socket.write("220 home.example ESMTP\r\n");
  socket.on("data", (bytes) => {
    for (const line of bytes.toString("latin1").split("\r\n")) {
      if (line === "") continue;
      if (isData) {
        if (line !== ".") continue;
        isData = false;
        socket.write("250 taken\r\n");
      } else if (/^DATA/i.test(line)) {
        isData = true;
        socket.write("354 go on\r\n");
      } else if (/^QUIT/i.test(line)) socket.end("221 bye\r\n");
      else socket.write("250 fine\r\n");
    }
  });
}

if (process.argv[1] === import.meta.filename) serve(process.argv.slice(2));
