// Goes through every view of the web page in a Chromium without a screen. Usage: browse.mjs SOCKET PICTURES PLAN.json
// Prints a line for each point: "ok NAME", or "not ok NAME: why". tests/e2e/web.t makes what is looked at, and says in PLAN.json what to expect.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";
import { bridge } from "./bridge.mjs";

const [socket, pictures, planFile] = process.argv.slice(2);
const plan = JSON.parse(fs.readFileSync(planFile, "utf8"));
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WAIT_MS = 60000; // for what has to come; nothing is judged by how long it took
const sizes = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

let failed = 0;
const point = (name, problem) => {
  if (problem) failed++;
  console.log(problem ? `not ok ${name}: ${String(problem).replaceAll("\n", " | ")}` : `ok ${name}`);
};
const attempt = async (name, func) => {
  try { point(name, await func()); } catch (error) { point(name, error.message); }
};

const at = await bridge(socket);
const browser = await chromium.launch({ executablePath: plan.chromium, args: ["--no-sandbox", "--disable-gpu"] });

// What a page must never do, collected while it does it.
function watch(page) {
  const faults = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`); });
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("dialog", (dialog) => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => { if (!request.url().startsWith(at.url)) faults.push(`asks elsewhere: ${request.url()}`); });
  page.on("response", (response) => { if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`); });
  return faults;
}
// The page's own policy keeps evaluated scripts out: axe comes in by the debugger, as extensions do.
const judge = async (page) => {
  await page.evaluate(`${axe}; undefined`);
  const result = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  return result.violations.map((found) => `${found.id} (${found.nodes[0].html.slice(0, 120)}: ${found.nodes[0].failureSummary})`).join("; ");
};

// ---- each view, in both colour schemes, at a desk and on a phone
for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ viewport, colorScheme });
    for (const view of plan.views) {
      const page = await context.newPage();
      const faults = watch(page);
      await attempt(`${view.name}, ${size}, ${colorScheme}`, async () => {
        const answer = await page.goto(at.url + view.path, { timeout: WAIT_MS });
        const text = await page.innerText("main");
        const missing = (view.has || []).filter((part) => !text.includes(part));
        if (answer.status() !== 200) return `HTTP ${answer.status()}`;
        if (missing.length) return `does not say ${JSON.stringify(missing)} but ${JSON.stringify(text.slice(0, 600))}`;
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (wide > 0) return `${wide} px wider than the window`;
        await page.screenshot({ path: path.join(pictures, `${view.name}-${size}-${colorScheme}.png`), fullPage: size === "desk" });
        return [await judge(page), ...faults].filter(Boolean).join("; ");
      });
      await page.close();
    }
    await context.close();
  }
}

// ---- from view to view by clicks
const context = await browser.newContext({ viewport: sizes.desk });
const page = await context.newPage();
const faults = watch(page);
await page.goto(at.url);
for (const [name, title] of plan.navigation) {
  await attempt(`the navigation leads to ${name}`, async () => {
    await page.click(`nav >> text="${name}"`);
    await page.waitForURL((url) => url.href !== "about:blank");
    const here = await page.getAttribute(`nav >> text="${name}"`, "aria-current");
    const heading = await page.innerText("h1");
    return here === "page" && heading === title ? "" : `${here}, ${heading}`;
  });
}
await attempt("from the overview to a queue, to a job that waits", async () => {
  await page.click("nav >> text=Overview");
  await page.click(`main a >> text="${plan.queue}"`);
  await page.waitForSelector(`h1 >> text="Queue ${plan.queue}"`);
  await page.click("main table >> nth=0 >> tbody a >> nth=0");
  await page.waitForSelector("h1 >> text=Job ");
  return (await page.innerText("main")).includes("Why it waits") ? "" : "does not say why";
});
await attempt("a list of jobs has a next page, with others", async () => {
  const ids = () => page.$$eval("tbody th a", (links) => links.map((link) => link.title));
  await page.goto(`${at.url}/jobs?array=${plan.array}`);
  const first = await ids();
  await page.click("text=Older jobs");
  await page.waitForURL(/before=/);
  const second = await ids();
  return first.length === 100 && second.length > 0 && !second.some((id) => first.includes(id)) ? "" : `${first.length}, ${second.length}`;
});

// ---- live
await attempt("a job that is submitted is seen without anything being pressed", async () => {
  await page.goto(at.url);
  const before = await page.innerText("main table >> nth=0");
  execFileSync(plan.muster, plan.submit, { stdio: "ignore" });
  await page.waitForFunction((was) => document.querySelector("main table").innerText !== was, before, { timeout: WAIT_MS });
});
await attempt("a log is followed", async () => {
  await page.goto(`${at.url}/jobs/${plan.printing}`);
  await page.waitForSelector("pre.log >> text=first line", { timeout: WAIT_MS });
  fs.writeFileSync(plan.printOn, "");
  await page.waitForSelector("pre.log >> text=second line", { timeout: WAIT_MS });
});
await attempt("and the job's end is seen", () => page.waitForSelector("main .lead >> text=SUCCEEDED", { timeout: WAIT_MS }).then(() => ""));
await attempt("what a form has is not taken away by what happens", async () => {
  await page.goto(`${at.url}/jobs`);
  await page.fill("input[name=name]", "half wri");
  const heard = page.waitForResponse((answer) => answer.url().endsWith("/live") && answer.ok(), { timeout: WAIT_MS });
  execFileSync(plan.muster, plan.submit, { stdio: "ignore" });
  await heard;
  return (await page.inputValue("input[name=name]")) === "half wri" ? "" : "it is gone";
});

// ---- hostile texts
await attempt("what a job printed and what was said of it is text", async () => {
  await page.goto(`${at.url}/jobs/${plan.hostile}`);
  const text = await page.innerText("main");
  const made = await page.evaluate(() => [window.hacked, document.querySelectorAll("main img, main script, main iframe").length]);
  return text.includes(plan.hostileText) && !made[0] && made[1] === 0 ? "" : JSON.stringify([made, text.slice(0, 900)]);
});

// ---- the plan that waits
await attempt("a plan that waits is shown as a diff and approved", async () => {
  await page.goto(`${at.url}/sources`);
  const diff = await page.innerText(".diff");
  if (!plan.diff.every((part) => diff.includes(part))) return diff;
  await page.click("text=Approve plan");
  await page.waitForFunction(() => !document.querySelector("form.approve"), null, { timeout: WAIT_MS });
});
point("no view said a word in the console, asked elsewhere or failed", faults.filter((fault) => !fault.includes("ERR_ABORTED")).join("; "));

// ---- the keyboard, and no script at all
await attempt("the keyboard reaches the content at once", async () => {
  await page.goto(at.url);
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.textContent);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  const inside = await page.evaluate(() => Boolean(document.activeElement.closest("main")));
  return first === "Skip to content" && inside ? "" : `${first}, ${inside}`;
});
const plain = await browser.newContext({ javaScriptEnabled: false });
const still = await plain.newPage();
for (const view of plan.views)
  await attempt(`${view.name} without a script`, async () => {
    await still.goto(at.url + view.path);
    const text = await still.innerText("main");
    const missing = (view.still || view.has || []).filter((part) => !text.includes(part));
    return missing.length ? `does not say ${missing}` : "";
  });

await browser.close();
at.close();
process.exit(failed ? 1 : 0);
