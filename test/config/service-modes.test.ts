import assert from "node:assert/strict";
import { test } from "node:test";
import { readServiceModes, SERVICE_MODES_FILE } from "../../src/config/service-modes.ts";
import { filesOf } from "./support.ts";

const modesOf = (text: string) => readServiceModes(filesOf({ [SERVICE_MODES_FILE]: text }));

test("the modes of /etc/default/portsentry, as the shell reads them", () => {
  const fault = "";
  assert.deepEqual(modesOf('# x\nTCP_MODE="atcp"\nUDP_MODE="udp"\n'), { tcpMode: "atcp", udpMode: "udp", fault });
  assert.deepEqual(modesOf("TCP_MODE=stcp # short\nUDP_MODE=''\n"), { tcpMode: "stcp", fault });
  assert.deepEqual(modesOf("#TCP_MODE=tcp\n  export UDP_MODE='sudp'\n"), { udpMode: "sudp", fault });
  assert.deepEqual(modesOf("TCP_MODE=tcp\nTCP_MODE=stcp\n"), { tcpMode: "stcp", fault }, "the last one counts");
});

test("modes with which the service does not start are told, and none is taken", () => {
  assert.deepEqual(modesOf('TCP_MODE="xtcp"\nUDP_MODE="udp"\n'), { fault: '"xtcp" is no mode' });
  assert.deepEqual(modesOf('TCP_MODE="tcp"\nUDP_MODE="tcp"\n'), { fault: '"tcp" is no mode' });
  assert.deepEqual(modesOf('TCP_MODE=""\nUDP_MODE=""\n'), { fault: "it names no mode" });
  assert.equal(readServiceModes(filesOf({})), undefined, "no service reads it");
});
