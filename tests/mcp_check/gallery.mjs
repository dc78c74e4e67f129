// Loads the gallery in jsdom, plays a host and a person to it, and prints what it sent and what it showed.
//   node gallery.mjs NODE_MODULES PAGE STEPS
// A step is ["host", message], ["click", selector], ["key", selector, key], ["seen"] (all tiles came into view) or ["look"].
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, page, steps] = process.argv.slice(2);
const { JSDOM, VirtualConsole } = createRequire(join(modules, "jsdom", "package.json"))("jsdom");
const sent = [];
const looks = [];
const complaints = [];
const observers = [];
const virtualConsole = new VirtualConsole();
virtualConsole.on("jsdomError", (error) => complaints.push(String(error.cause ?? error.message)));

const { window } = new JSDOM(readFileSync(page, "utf8"), {
  runScripts: "dangerously",
  pretendToBeVisual: true,
  virtualConsole,
  beforeParse(made) {
    made.postMessage = (message) => sent.push(JSON.parse(JSON.stringify(message))); // alone, a page is its own parent
    made.ResizeObserver = class { observe() {} };
    made.IntersectionObserver = class {
      constructor(told) { this.told = told; this.targets = new Set(); observers.push(this); }
      observe(target) { this.targets.add(target); }
      unobserve(target) { this.targets.delete(target); }
    };
    made.HTMLDialogElement.prototype.showModal = function () { this.setAttribute("open", ""); };
    made.HTMLDialogElement.prototype.close = function () { this.removeAttribute("open"); this.dispatchEvent(new made.Event("close")); };
  },
});
const { document } = window;
const find = (selector) => document.querySelector(selector) ?? complaints.push(`nothing is ${selector}`);
const text = (selector) => document.querySelector(selector).textContent;
const tile = (item) => ({
  label: item.querySelector(".open").getAttribute("aria-label"),
  alt: item.querySelector("img")?.alt ?? null,
  source: item.querySelector("img")?.src ?? null,
  words: item.querySelector(".open").textContent,
  stop: item.querySelector(".open").tabIndex === 0,
  chosen: item.querySelector("input").checked,
});
const look = () => ({
  note: text("#note"),
  tiles: [...document.querySelectorAll("#grid > li")].map(tile),
  large: document.getElementById("large").hasAttribute("open") ? { name: text("#name"), when: text("#when"), source: document.getElementById("picture").src } : null,
  shown: [...document.querySelectorAll("#bar button")].filter((each) => !each.hidden).map((each) => each.textContent),
  focus: document.activeElement.getAttribute("aria-label"),
  scheme: document.documentElement.style.colorScheme,
  variables: [...document.documentElement.style].filter((each) => each.startsWith("--")),
  elements: [...new Set([...document.body.querySelectorAll("*")].map((each) => each.localName))].sort(),
});
const deeds = {
  host: (message, stranger) => window.dispatchEvent(new window.MessageEvent("message", { data: message, source: stranger ? null : window })),
  click: (selector) => find(selector).click(),
  key: (selector, key) => { find(selector).focus(); find(selector).dispatchEvent(new window.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })); },
  seen: () => observers.forEach((each) => each.told([...each.targets].map((target) => ({ isIntersecting: true, target })))),
  look: () => looks.push(look()),
};

for (const [name, ...given] of JSON.parse(steps)) {
  deeds[name](...given);
  await new Promise((done) => setImmediate(done));
}
console.log(JSON.stringify({ sent, looks, complaints }));
window.close();
