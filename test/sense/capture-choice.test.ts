import assert from "node:assert/strict";
import { test } from "node:test";
import type { Settings } from "../../src/config/settings.ts";
import { type CaptureFacts, chooseCapture } from "../../src/sense/capture-choice.ts";

const all: CaptureFacts = { mayAdminister: true, mayCapture: true, lacksNftables: () => "" };
const rawOnly: CaptureFacts = { ...all, mayAdminister: false };
const neither: CaptureFacts = { ...rawOnly, mayCapture: false };
const noNft: CaptureFacts = { ...all, lacksNftables: () => "libnftables.so.1 is missing" };

function choose(capture: Settings["capture"], firewall: Settings["firewall"], facts: CaptureFacts): string {
  return chooseCapture({ capture, firewall }, facts).capture;
}

test("auto: the kernel's sensor where nftables can be used, else the ring", () => {
  for (const firewall of ["auto", "none"] as const) {
    assert.equal(choose("auto", firewall, all), "nflog");
    assert.equal(choose("auto", firewall, rawOnly), "ring");
    assert.equal(choose("auto", firewall, noNft), "ring");
    // Neither can be had: the error tells what nftables lacks.
    assert.equal(choose("auto", firewall, neither), "nflog");
  }
  assert.match(chooseCapture({ capture: "auto", firewall: "auto" }, noNft).reason, /libnftables\.so\.1 is missing/);
  assert.match(chooseCapture({ capture: "auto", firewall: "auto" }, rawOnly).reason, /CAP_NET_ADMIN/);
});

test("who asks for one gets it, or its error", () => {
  for (const facts of [all, rawOnly, neither, noNft]) {
    assert.equal(choose("ring", "none", facts), "ring");
    assert.equal(choose("nflog", "none", facts), "nflog");
    assert.equal(choose("auto", "nftables", facts), "nflog");
  }
});
