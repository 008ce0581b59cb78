// A page with images on other ports, as a browser opens it: connects to all of them at once, and leaves to the kernel what is
// repeated, and when it gives up. Prints one JSON object: {"opened": n, "refused": n, "waited": n}.
//   page.js --to ADDRESS --from ADDRESS --ports 4000-4039 [--timeout MS]
import { connect } from "node:net";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    to: { type: "string", default: "" },
    from: { type: "string", default: "" },
    ports: { type: "string", default: "" },
    timeout: { type: "string", default: "15000" },
  },
});
const [first = 0, last = first] = values.ports.split("-").map(Number);
const ends = { opened: 0, refused: 0, waited: 0 };

function image(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: values.to, port, localAddress: values.from });
    let end: keyof typeof ends = "waited";
    socket.setTimeout(Number(values.timeout), () => socket.destroy());
    socket.on("connect", () => {
      end = "opened";
      socket.destroy();
    });
    socket.on("error", () => {
      end = "refused";
    });
    socket.on("close", () => {
      ends[end]++;
      resolve();
    });
  });
}

await Promise.all(Array.from({ length: last - first + 1 }, (_, index) => image(first + index)));
process.stdout.write(`${JSON.stringify(ends)}\n`);
