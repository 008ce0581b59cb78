import assert from "node:assert/strict";
import { test } from "node:test";
import { modeNames } from "../../src/control/api.ts";
import { ControlClient } from "../../src/control/client.ts";
import { checkModeRequest } from "../../src/control/requests.ts";
import { serveFake } from "./fake-daemon.ts";

test("a mode is added, at once or later, or refused", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const client = new ControlClient(socket);
  await assert.rejects(client.addMode("udp"), { code: "no-such-route", message: "this daemon adds no modes" });
  Object.assign(daemon.api, { addMode: (mode: string) => ({ ok: { tcp: mode, udp: null } }) });
  assert.deepEqual(await client.addMode("atcp"), { ok: { tcp: "atcp", udp: null } });
  Object.assign(daemon.api, { addMode: async () => ({ ok: { tcp: null, udp: "udp" } }) });
  assert.deepEqual(await client.addMode("udp"), { ok: { tcp: null, udp: "udp" } });
  const refused = { code: "mode-taken", message: "UDP is watched in mode sudp already" } as const;
  Object.assign(daemon.api, { addMode: () => ({ refused }) });
  assert.deepEqual(await client.addMode("udp"), { refused });
});

test("only PortSentry's six modes are accepted", () => {
  for (const mode of modeNames) assert.deepEqual(checkModeRequest({ mode }), { ok: { mode } });
  for (const wrong of [undefined, null, {}, { mode: "-tcp" }, { mode: 6 }, { mode: "tcp", more: 1 }, ["tcp"]])
    assert.ok("wrong" in checkModeRequest(wrong), JSON.stringify(wrong));
});
