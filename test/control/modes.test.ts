import assert from "node:assert/strict";
import { test } from "node:test";
import { isOf } from "../../src/base/shape.ts";
import { modeNames } from "../../src/control/api.ts";
import { ControlClient } from "../../src/control/client.ts";
import { modeRequest } from "../../src/control/requests.ts";
import { serveFake } from "./fake-daemon.ts";

test("a mode is added, at once or later, or refused", async (t) => {
  const { daemon, socket } = await serveFake(t);
  const client = new ControlClient(socket);
  await assert.rejects(client.ask("addMode", { mode: "udp" }), {
    code: "no-such-route",
    message: "this daemon adds no modes",
  });
  Object.assign(daemon.api, { addMode: ({ mode }: { mode: string }) => ({ ok: { tcp: mode, udp: null } }) });
  assert.deepEqual(await client.ask("addMode", { mode: "atcp" }), { ok: { tcp: "atcp", udp: null } });
  Object.assign(daemon.api, { addMode: async () => ({ ok: { tcp: null, udp: "udp" } }) });
  assert.deepEqual(await client.ask("addMode", { mode: "udp" }), { ok: { tcp: null, udp: "udp" } });
  const refused = { code: "mode-taken", message: "UDP is watched in mode sudp already" } as const;
  Object.assign(daemon.api, { addMode: () => ({ refused }) });
  assert.deepEqual(await client.ask("addMode", { mode: "udp" }), { refused });
});

test("only PortSentry's six modes are accepted", () => {
  for (const mode of modeNames) assert.ok(isOf(modeRequest, { mode }));
  for (const wrong of [undefined, null, {}, { mode: "-tcp" }, { mode: 6 }, { mode: "tcp", more: 1 }, ["tcp"]])
    assert.ok(!isOf(modeRequest, wrong), JSON.stringify(wrong));
});
